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
    HOME "RI007" Error "The installation cannot be used"
        "An installation is the folder that `reissue init` makes. It is for one tenant; its roster is pinned."
    ARGUMENT "RI008" Usage "An argument is not what it should be"
        "The message says which. `reissue COMMAND --help` shows every argument."
    IDENTITY "RI009" Error "It is not clear, or not possible, who acts"
        "The identity is chosen explicitly, and never falls through to another: a client secret from a file \
         descriptor, a certificate, or the Azure CLI. A plan can be applied only by the identity it was made with."
    NETWORK "RI010" Error "The network client cannot be set up"
        "The CA file is not readable PEM, or the machine's TLS store is broken."
    NO_LAB "RI011" Error "There is no lab"
        "`reissue lab PLAYBOOK --dir DIR` serves one as long as it runs; `--lab DIR` uses it."
    ROSTER "RI012" Error "The roster is not sound"
        "It names people, roles and SSH public keys. Each key belongs to one person; RSA keys have at least \
         2048 bits; certificates and wildcards are not taken."
    GUARDRAIL "RI014" Guardrail "A guardrail refuses"
        "The playbook limits how much one plan may change, as a number or as a share of the tenant."
    OTHER_TENANT "RI015" Error "Playbook and installation are about different tenants"
        "An installation has one log for one tenant. Use the right one with `--home`."
    ENVIRONMENT "RI016" Error "Lab and production do not mix"
        "What was made for a lab is refused by a real tenant, and the other way round."
    NO_PLAN "RI017" Error "The plan could not be made"
        "The tenant or a store could not be read. Nothing was changed."
    BAD_PLAN "RI018" Error "The file is not a plan"
        "Each line is canonical JSON and the header holds the tree hash of the others. An edit of a target shows at \
         once; an edit of the header makes another plan, with another digest, which nobody has approved."
    NOT_APPROVED "RI019" Approval "The plan is not approved"
        "Enough people other than the author have to sign this very file, with keys of the pinned roster; \
         nobody's reject may stand. With `retire: separately`, an approval of the retire phase names the evidence of \
         the holds that are over, and releases the targets that it lists as long as their evidence stays the same: \
         `reissue approve PLAN --phase retire --show` shows it. \
         A card signs with `openssl cms -sign`, if the roster has its certificate \
         and the authority that issued it; `--crl` brings the list of revoked ones."
    SSH_KEYGEN "RI020" Error "Nothing was signed"
        "`ssh-keygen -Y sign` makes the signature, so that private keys and hardware tokens stay where they are."
    STALE "RI021" PlanStale "The plan is too old, or the world has moved"
        "Make a new plan. A plan is for the state in which the tenant was read."
    LOG "RI022" Error "The log cannot be used"
        "If the log cannot be written, nothing is done. `reissue audit verify` says what is wrong with it."
    NO_RUN "RI023" Error "There is no such run, or not in that state"
        "`reissue status` lists the runs of this installation."
    STORE "RI024" Error "A store did not pass its probe"
        "Before the first value goes to a store, a harmless one is written and read back. Nothing was minted."
    NO_VERDICT "RI025" NO_VERDICT "The log could not be judged"
        "`audit verify` says nothing about a log, a key or an anchor that it cannot read. Its exit codes are its \
         own: 0 intact, anchored and complete; 1 tampered; 2 no judgement; 3 consistent, but not anchored; 4 intact \
         as far as it goes, but not complete."
    NOT_READY "RI026" Error "Something that is needed is missing"
        "`reissue doctor` lists what it looked at, what is missing, and what to do about each. Nothing was changed."
    HALTED "RI027" Stuck "The run stopped because its log cannot be written"
        "If the log, or its mirror, cannot be written, nothing more is done: what was under way is in doubt and is looked for on \
         resume. The log keeps 4 MiB free for outcomes. The same holds if the run's working file cannot be read, where it keeps \
         what rests: everything in it is in the plan and the log, too."
    MIRROR "RI028" Error "The mirror cannot be used"
        "With `--mirror`, nothing is done that the second place does not hold. A mirror that holds other bytes than \
         this log is another log's, or somebody has taken the run over (`reissue handover`)."
    LEASE "RI029" Error "Somebody else runs this plan"
        "A tagged version in the plan's first store says who runs it: the oldest claim that is not over wins. This is \
         no compare-and-set. A run that was handed over never goes on in the old installation."
    HANDOVER "RI030" Error "The run was not handed over"
        "A handover needs a mirror that holds a sound log, silence of the first machine, and the signature of one \
         person of the pinned roster who is not the operator. Nothing was written outside the new folder."
    NOT_ANCHORED "RI031" Error "The checkpoint was not anchored"
        "A witness, a time stamping authority or a repository did not take it, or what it answered does not hold. If it \
         knows another log of this name, or more of it than is here, the log was rewritten or cut: that is what anchors \
         are for. The log itself was not touched."
    NO_AUDITS "RI032" Error "The tenant's own audit log cannot be read"
        "`audit corroborate` reads directoryAudits: the application permission AuditLog.Read.All, or the role Reports \
         Reader for a person, and in the tenant a premium licence. Nothing was compared, nothing was changed."
    NOT_CHANGED "RI036" Approval "The roster was not changed"
        "A roster is changed by the one in force: its `quorum_at_least` and `roles_at_least`, and always two people where \
         there are two, sign the new file with `reissue roster sign`; `reissue roster adopt` records it. Nothing was changed."
    FLEET "RI037" Error "The fleet file has mistakes"
        "A fleet file says for each tenant what one would give on the command line. Every mistake is listed with its own \
         code, place and hint. Two rows for one tenant, one home or one plan file are refused. Nothing is done for any \
         tenant while the file has a mistake."
    QUOTAS "RI038" Error "The quota file has mistakes"
        "A quota file says what Microsoft allows this tenant where that is not what its pages say. An amount is between one \
         a minute and ten times what is documented; the pace is a share of it. Nothing is sent while the file has a mistake."
    STOPPED "RI039" Interrupted "Stopped while the tenant was read"
        "Somebody pressed Ctrl-C, or sent SIGTERM, while a plan was made. Nothing was written, nothing was changed; the \
         same command reads the tenant again."
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
