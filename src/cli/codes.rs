//! Every error code, once: what it means and what to do. `reissue explain CODE` prints an entry.

mod playbook;

use super::ExitCode;
use crate::domain::playbook::Code;
use std::fmt;

/// One entry of the table.
#[derive(Debug)]
pub struct Entry {
    pub id: &'static str,
    pub exit: ExitCode,
    pub title: &'static str,
    pub text: &'static str,
}

/// A code that is known to have an entry.
#[derive(Clone, Copy)]
pub struct ErrorCode(&'static Entry);

impl ErrorCode {
    pub fn id(self) -> &'static str {
        self.0.id
    }
    pub fn exit(self) -> ExitCode {
        self.0.exit
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.id)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.id)
    }
}

/// Declares codes that commands raise: constant, id, exit code, title, text.
macro_rules! codes {
    ($table:ident: $($name:ident $id:literal $exit:ident $title:literal $text:literal)*) => {
        $(pub const $name: ErrorCode =
            ErrorCode(&Entry { id: $id, exit: ExitCode::$exit, title: $title, text: $text });)*
        const $table: &[ErrorCode] = &[$($name),*];
    };
}

codes! { GENERAL:
    UNREADABLE "RI001" Error "A file cannot be read"
        "reissue reads regular files only: no folder, link, FIFO or device, and no file above its \
         size limit. Check the path and your permissions."
    UNKNOWN_CODE "RI002" Usage "There is no such error code"
        "`reissue explain` without a code lists all of them."
    UNSOUND "RI003" Error "The playbook has mistakes"
        "Every mistake is listed with its own code, place and hint. A playbook with a mistake is \
         never planned or applied, not even in part."
    EXISTS "RI004" Error "There is something at this place already"
        "reissue does not write over what it did not make. Name another place."
    MACHINE "RI005" Error "The machine does not give what is needed"
        "Disk, memory or a folder's permissions. What was under way is in the log."
    DRILL "RI006" Error "The drill could not be held"
        "The playbook is sound, but cannot be rehearsed as it is. The message says what is missing."
}

/// All entries, in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    playbook::TABLE.iter().map(|(_, entry)| entry).chain(GENERAL.iter().map(|code| code.0))
}

/// The entry of a code, however its letters are written.
pub fn find(id: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.id.eq_ignore_ascii_case(id.trim()))
}

/// The code of a finding in a playbook.
pub fn of(code: Code) -> ErrorCode {
    let entry = playbook::TABLE.iter().find(|(c, _)| *c == code).map(|(_, entry)| entry);
    entry.map_or(UNSOUND, ErrorCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_entry() {
        for code in Code::ALL {
            assert_eq!(of(*code).id(), code.id());
        }
        assert_eq!(playbook::TABLE.len(), Code::ALL.len());
        let mut ids: Vec<_> = all().map(|e| e.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "two entries share a code");
        assert!(all().all(|e| !e.title.ends_with('.') && e.text.ends_with('.')));
    }
}
