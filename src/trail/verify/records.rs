//! Events of the log itself, and the objects that lines refer to.

use super::super::excerpt::is_withheld;
use super::super::lines::Place;
use super::super::objects::ObjectError;
use super::VerifyError;
use super::files::regular;
use super::report::{CHANGED, Check, NOT_OURS};
use super::scan::Bench;
use crate::domain::event::{Event, Line, LogOpened};
use crate::domain::id::Digest;
use std::collections::BTreeSet;

/// Every object that an event cannot do without.
pub(in crate::trail) fn objects_of(event: &Event) -> Vec<Digest> {
    match event {
        Event::LogOpened(e) => vec![e.roster],
        Event::LogHandedOver(e) => vec![e.signature, e.statement],
        Event::LogTornTail(e) => vec![e.object],
        Event::RosterChanged(e) => [&[e.roster], e.signatures.as_slice(), &e.statements].concat(),
        Event::ApprovalRecorded(e) => vec![e.signature, e.statement],
        Event::ApprovalRefused(e) => vec![e.object],
        Event::NoteRefused(e) => vec![e.object],
        Event::PhaseOpened(e) => e.approvals.clone(),
        Event::RunStarted(e) => vec![e.plan],
        _ => Vec::new(),
    }
}

/// What is known of the log's own events.
#[derive(Default)]
pub(super) struct Records {
    first: Option<LogOpened>,
    /// Objects that were checked; grows with them, not with the lines.
    checked: BTreeSet<Digest>,
    after_close: bool,
}

impl Records {
    pub(super) fn line(
        &mut self,
        bench: &mut Bench<'_>,
        place: Place,
        line: &Line,
    ) -> Result<(), VerifyError> {
        let begins =
            matches!(line.event, Event::LogOpened(_) | Event::LogTornTail(_) | Event::LogHandedOver(_));
        if self.after_close && !begins {
            let what = format!("{} follows log.closed without a log.opened", line.event.name());
            bench.found.tampered(Check::Lines, Some(place), &what, NOT_OURS);
        }
        self.after_close = matches!(line.event, Event::LogClosed(_));
        match &line.event {
            Event::LogOpened(opened) => self.opened(bench, place, line.seq, opened),
            _ if line.seq == 0 => {
                let what = format!("the log begins with {}, not with log.opened", line.event.name());
                bench.found.tampered(Check::Lines, Some(place), &what, NOT_OURS);
            }
            Event::LogClosed(e) if e.events != line.seq => {
                let what = format!("log.closed counts {} lines before it, there are {}", e.events, line.seq);
                bench.found.tampered(Check::Chain, Some(place), &what, CHANGED);
            }
            _ => {}
        }
        if bench.folder.is_excerpt() && is_withheld(&line.event) {
            return Ok(());
        }
        for digest in objects_of(&line.event) {
            if self.checked.insert(digest) {
                object(bench, place, &digest)?;
            }
        }
        Ok(())
    }

    /// Lines follow that are not shown: whatever they are, the log may be open after them.
    pub(super) fn hidden(&mut self) {
        self.after_close = false;
    }

    /// Every opening is of the same log, under the same key and roster.
    fn opened(&mut self, bench: &mut Bench<'_>, place: Place, seq: u64, opened: &LogOpened) {
        let trust = bench.trust;
        if opened.vkey.as_str() != bench.keys.at(seq).to_string() {
            let what = "the log was opened with another key than the one given to verify with, or the one it was handed over to";
            bench.found.tampered(Check::Identity, Some(place), what, NOT_OURS);
        }
        if trust.roster.is_some_and(|pinned| pinned != opened.roster) {
            let what = format!("the roster {} is not the one that was pinned: it was swapped", opened.roster);
            bench.found.tampered(Check::Identity, Some(place), &what, NOT_OURS);
        }
        let first = self.first.get_or_insert_with(|| opened.clone());
        let same = [
            ("tenant", first.tenant == opened.tenant),
            ("environment", first.environment == opened.environment),
            ("installation", first.install == opened.install),
            ("roster", first.roster == opened.roster),
        ];
        for (what, _) in same.into_iter().filter(|(_, same)| !same) {
            let what = format!("the log was opened for another {what} than it was begun for");
            bench.found.tampered(Check::Identity, Some(place), &what, NOT_OURS);
        }
    }
}

/// Checks one object against its name.
fn object(bench: &mut Bench<'_>, place: Place, digest: &Digest) -> Result<(), VerifyError> {
    let path = bench.folder.objects().join(format!("sha256-{}", digest.hex()));
    let there = regular(bench.disk.as_ref(), &path, &mut bench.found)?;
    let checked = if there { bench.objects.check(digest) } else { Err(ObjectError::Missing(*digest)) };
    match checked {
        Ok(()) => {}
        Err(ObjectError::Disk(e)) => return Err(e.into()),
        Err(e) => bench.found.tampered(Check::Objects, Some(place), &e.to_string(), CHANGED),
    }
    Ok(())
}
