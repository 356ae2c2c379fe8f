//! The usual way to read a line: by position, as [`Line::to_bytes`] writes it.
//!
//! Whoever reads a log has to know that each line is in its only form. To read it as any JSON and write all of it
//! again is work that can be spared. So the fields before `with`
//! are read where they must stand, each by a reader that takes one spelling; only what the event says is read as
//! JSON, and written again.
//!
//! What does not read like this is not judged here: [`Line::from_bytes`] then reads it in any form, and says what is
//! wrong with it.

use super::line::LINE_VERSION;
use super::{Event, Line};
use crate::domain::id::{Digest, RunId, TargetId};
use crate::domain::time::Timestamp;

/// The line of this text, if each byte is as it would be written again.
pub(super) fn read(text: &str) -> Option<Line> {
    let mut rest = Rest(text);
    let code = rest.string("{\"code\":\"")?;
    let name = rest.string(",\"event\":\"")?;
    let prev = Digest::from_hex(rest.string(",\"prev\":\"")?)?.0;
    let run = match rest.string(",\"run\":\"") {
        Some(run) => Some(RunId::from_written(run)?),
        None => None,
    };
    let seq = rest.number(",\"seq\":")?;
    let target = match rest.string(",\"target\":\"") {
        Some(target) => Some(target.parse::<TargetId>().ok()?),
        None => None,
    };
    let time = Timestamp::from_written(rest.string(",\"time\":\"")?)?;
    let version = rest.number(",\"v\":")?;
    let with = rest.0.strip_prefix(",\"with\":")?.strip_suffix('}')?;
    let event = Event::from_raw(name, with).ok()?;
    let same = version == u64::from(LINE_VERSION) && event.code() == code && is_written_as(&event, with);
    same.then_some(Line { event, prev, run, seq, target, time })
}

/// What of a line is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// What stands between `label`, which ends in a quotation mark, and the next one.
    fn string(&mut self, label: &str) -> Option<&'a str> {
        let (value, rest) = self.0.strip_prefix(label)?.split_once('"')?;
        self.0 = rest;
        Some(value)
    }

    /// The whole number after `label`, in its only spelling.
    fn number(&mut self, label: &str) -> Option<u64> {
        let after = self.0.strip_prefix(label)?;
        let end = after.bytes().position(|b| !b.is_ascii_digit())?;
        let (digits, rest) = after.split_at(end);
        self.0 = rest;
        let number = digits.parse().ok()?;
        (!digits.starts_with('0') || number == 0 && digits.len() == 1).then_some(number)
    }
}

/// Whether what the event says is written exactly like this.
fn is_written_as(event: &Event, text: &str) -> bool {
    let mut again = Vec::with_capacity(text.len());
    let written = event.serialize_fields(&mut serde_json::Serializer::new(&mut again));
    written.is_ok() && again == text.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::read;
    use crate::domain::credential::Form;
    use crate::domain::step::Keeper;
    use proptest::prelude::*;

    fn lines() -> Vec<String> {
        let (at, text) = (Timestamp::from_unix_ms(1_795_417_209_123), Text::lossy("a \"b\" \\ ü"));
        let credential = CredentialRef { form: Form::Secret, id: Text::lossy("k"), object: Text::lossy("o") };
        let effect = Effect::Minted { credential, keeper: Keeper::Memory, not_after: at };
        let events: [Event; 6] = [
            LogClosed { events: 0 }.into(),
            RunPaused { by: Text::lossy("ann"), reason: text }.into(),
            StepIntent { attempt: 1, request: Text::lossy("0c"), step: 2, undo: false }.into(),
            StepDone { attempt: 2, effect, step: 1, undo: true }.into(),
            HoldOpened { confirm: vec![Text::lossy("web")], step: 4, until: None }.into(),
            TargetEnded { ending: Ending::Done }.into(),
        ];
        let line = |(n, event): (u32, Event)| {
            let (run, target) = (RunId::new(1, [3; 10]), TargetId(n * 7));
            let (run, target) = ((n != 0).then_some(run), (n > 1).then_some(target));
            Line { event, prev: [n as u8; 32], run, seq: u64::from(n) * 10, target, time: at }
        };
        let bytes = (0..).zip(events).map(|numbered| line(numbered).to_bytes().unwrap());
        bytes.map(|b| String::from_utf8(b).unwrap()).collect()
    }

    #[test]
    fn what_is_written_is_read_by_position() {
        for text in lines() {
            let line = read(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(line.to_bytes().unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn another_spelling_is_not() {
        let other = |from: &str, to: &str| {
            let good = lines().into_iter().find(|l| l.contains(from)).unwrap();
            assert_eq!(read(&good.replacen(from, to, 1)), None, "{to}");
        };
        other("\"seq\":10", "\"seq\":010");
        other("\"seq\":0,", "\"seq\":00,");
        other("\"seq\":0,", "\"seq\":,");
        other("\"seq\":0,", "\"seq\":+0,");
        other("\"v\":1,", "\"v\":2,");
        other("\"t14\"", "\"t014\"");
        other("\"run\":\"0", "\"run\":\"\\u0030");
        other("C1G", "c1g");
        other("STP010I", "STP020I");
        other("step.intent", "step.done");
        other("123Z", "123z");
        other("\"step\":2", "\"step\":2,\"undo\":false");
        other("\"attempt\":1", "\"attempt\": 1");
        other("ü", "\\u00fc");
        other("}}", "}} ");
        other("}}", "}}}");
    }

    proptest! {
        /// Whatever is put into a line, both ways to read it agree: [`Line::from_bytes`] looks at both
        /// where mistakes are looked for, which is here.
        #[test]
        fn both_ways_agree(n in 0..6usize, at in 0..400usize, byte: u8, insert: bool) {
            let mut bytes = lines()[n].clone().into_bytes();
            let at = at % bytes.len();
            match insert {
                true => bytes.insert(at, byte),
                false => bytes[at] = byte,
            }
            if let Ok(line) = Line::from_bytes(&bytes) {
                prop_assert_eq!(line.to_bytes().unwrap(), bytes);
            }
        }
    }
}
