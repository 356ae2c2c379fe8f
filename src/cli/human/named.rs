//! A stream that several write to, each with a name before its lines. Empty lines say nothing beside others'.

use super::{Shared, locked};
use std::io::{Result, Write};

/// Puts the name before each line, and passes on whole lines only: those of others never cut into one.
pub(super) struct Named {
    to: Shared,
    before: Vec<u8>,
    json: bool,
    /// A line that is not whole yet.
    begun: Vec<u8>,
}

impl Named {
    /// In JSON, `before` is the name, which becomes the first field of each object.
    pub(super) fn new(to: Shared, before: &str, json: bool) -> Self {
        let before = match json {
            // A JSON string that is in the middle of an object.
            true => format!("{{\"fleet_tenant\":{},", serde_json::Value::from(before)),
            false => format!("{before} | "),
        };
        Self { to, before: before.into_bytes(), json, begun: Vec::new() }
    }

    fn pass_on(&mut self, line: &[u8]) -> Result<()> {
        if line == b"\n" {
            return Ok(());
        }
        let rest = match line.strip_prefix(b"{") {
            Some(rest) if self.json => rest,
            // Whatever is no object is nobody's line.
            _ if self.json => return Ok(()),
            _ => line,
        };
        locked(&self.to).write_all(&[&self.before[..], rest].concat())
    }
}

impl Write for Named {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.begun.extend_from_slice(bytes);
        while let Some(end) = self.begun.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            self.pass_on(&line)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.begun.is_empty() {
            let mut line = std::mem::take(&mut self.begun);
            line.push(b'\n');
            self.pass_on(&line)?;
        }
        locked(&self.to).flush()
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::human::{Output, tests::Kept};

    #[test]
    fn each_line_has_its_name_and_no_line_is_cut() {
        let ((out, stdout), (_, stderr)) = (Kept::new(), Kept::new());
        let all = Output::to(Box::new(stdout), Box::new(stderr), false);
        let (mut a, mut b) = (all.of_one("contoso", true, true), all.of_one("fabrikam", true, true));
        a.raw("half a ");
        b.line("one\ntwo");
        a.line("line");
        a.raw("no end");
        a.finish(crate::cli::ExitCode::Done);
        assert_eq!(out.text(), "fabrikam | one\nfabrikam | two\ncontoso | half a line\ncontoso | no end\n");
    }

    #[test]
    fn an_object_stays_one_and_says_whose_it_is() {
        let ((out, stdout), (_, stderr)) = (Kept::new(), Kept::new());
        let all = Output::to(Box::new(stdout), Box::new(stderr), true);
        all.of_one("contoso", false, false).object("plan", &serde_json::json!({ "n": 1 }));
        assert_eq!(out.text(), "{\"fleet_tenant\":\"contoso\",\"v\":1,\"kind\":\"plan\",\"n\":1}\n");
    }
}
