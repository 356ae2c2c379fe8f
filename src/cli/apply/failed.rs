//! Why nothing was applied, or no more, with the state of the world and what to do next.

use super::Arguments;
use crate::cli::codes::{self, ErrorCode};
use crate::cli::error::Failure;
use crate::cli::ground::{home_failure, log_failure, sign_in_next};
use crate::cli::status::{at_home, quote, withdraw};
use crate::connector::lease::LeaseError;
use crate::domain::approval::QuorumShort;
use crate::domain::approved::NotApproved;
use crate::domain::id::RunId;
use crate::domain::text::Text;
use crate::engine::Halt;
use crate::pipeline::ApplyFailure;
use crate::trail::{Home, JournalError};
use std::io::ErrorKind;

const AGAIN: &str = "whatever was under way is in the log, and will be looked for on resume";
const NOTHING_BEGUN: &str = "nothing was begun: nothing was sent that changes anything";

pub(super) fn failed(arguments: &Arguments, home: &Home, e: &ApplyFailure) -> Failure {
    if let ApplyFailure::Home(e) = e {
        return home_failure(home.root(), e);
    }
    if let ApplyFailure::Unwritable(why) = e
        && is_forbidden(why)
    {
        return log_failure(home.root(), why);
    }
    let (code, next) = reason(arguments, home, e);
    let failure = Failure::new(code, e.to_string(), next);
    let failure = match e {
        ApplyFailure::Halt(_) | ApplyFailure::Lease(LeaseError::Lapsed(_)) => failure.state(AGAIN),
        ApplyFailure::Unwritable(_) => failure.state(NOTHING_BEGUN),
        _ => failure,
    };
    match &arguments.plan {
        Some(path) => failure.at(path),
        None => failure.at(home.root()),
    }
}

/// Not the space is missing, but the right or the means to write at all.
fn is_forbidden(why: &JournalError) -> bool {
    let JournalError::Disk(disk) = why else { return false };
    matches!(disk.kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

const ANEW: &str = "make a new plan with `reissue plan PLAYBOOK`";

fn reason(arguments: &Arguments, home: &Home, e: &ApplyFailure) -> (ErrorCode, String) {
    use ApplyFailure as F;
    let plan = arguments.plan.as_ref().map_or("PLAN".into(), |p| p.display().to_string());
    let resume = "`reissue apply --resume`";
    let (code, next) = match e {
        F::NotApproved(NotApproved::Quorum(QuorumShort::Rejected { by }))
        | F::NotCounted { why: NotApproved::Quorum(QuorumShort::Rejected { by }), .. } => {
            let one = |who: &Text<128>| format!("`{}`", withdraw(&quote(&plan), who, home.root()));
            let all: Vec<String> = by.iter().map(one).collect();
            let next = format!("who rejected takes it back with {}", all.join(" and "));
            return (codes::NOT_APPROVED, format!("{next}, which is no approval yet; or make another plan"));
        }
        F::NotApproved(NotApproved::Quorum(_)) | F::NotCounted { .. } => {
            let at = at_home(home.root());
            let how =
                format!("each of them runs `reissue approve {} --by NAME --key FILE{at}`", quote(&plan));
            return (codes::NOT_APPROVED, format!("{how}, then apply again"));
        }
        F::Begun(run) => return (codes::NO_RUN, open(run, "")),
        F::Other(run) => return (codes::NO_RUN, open(run, &format!(" or `reissue abort {run}`"))),
        F::Mirrored(place) => {
            let how = format!("`reissue apply --resume --mirror {}`", quote(place));
            return (codes::MIRROR, format!("{how}; if that place is lost, name another"));
        }
        F::Unwritable(_) => {
            let room = "free at least 4 MiB there, or make the folder writable to you";
            let again = arguments
                .plan
                .as_ref()
                .map_or(resume.into(), |_| format!("`reissue apply {}`", quote(&plan)));
            return (codes::LOG, format!("{room} ({}), then run {again} again", home.root().display()));
        }
        F::NotApproved(NotApproved::Expired(_)) => (codes::STALE, ANEW),
        F::NotApproved(NotApproved::Guardrail(_)) => (codes::GUARDRAIL, "plan fewer targets"),
        F::NotApproved(_) => (codes::NOT_APPROVED, "others have to run `reissue approve` on this very file"),
        F::Home(_) => (codes::HOME, "restore what was changed from a copy of the installation"),
        F::SignIn(e) => (codes::IDENTITY, sign_in_next(e)),
        F::Identity { .. } => (codes::IDENTITY, "apply with the identity that the plan was made with"),
        F::NotBegun => (codes::NO_RUN, "see `reissue status`"),
        F::Lease(LeaseError::Lapsed(_)) => {
            (codes::HALTED, "see who runs it now with `reissue status`, then `reissue apply --resume`")
        }
        F::Lease(LeaseError::Fault { .. }) => {
            (codes::STORE, "grant this identity the right to read and set secrets there")
        }
        F::Lease(_) => (
            codes::LEASE,
            "wait until then, or ask them; `reissue handover` takes a run over whose machine is lost",
        ),
        F::Mirror(_) => (codes::MIRROR, "repair the mirror, or name another with `--mirror`"),
        F::Used(_) => (codes::NO_RUN, ANEW),
        F::Illegal { .. } => (codes::LOG, "do not go on; run `reissue audit verify` and compare with a copy"),
        F::Halt(halt) => halted(halt),
    };
    (code, next.to_owned())
}

/// What to do about a run that is open.
fn open(run: &RunId, or: &str) -> String {
    format!("`reissue apply --resume {run}`{or}; `reissue status {run}` shows it")
}

fn halted(halt: &Halt) -> (ErrorCode, &'static str) {
    match halt {
        Halt::Store { code, .. } if code.contains("Deleted") => (
            codes::STORE,
            "recover the deleted secret `reissue-probe` in that vault (`az keyvault secret recover`), then \
             `reissue apply --resume`",
        ),
        Halt::Store { .. } => (
            codes::STORE,
            "grant this identity the right to set secrets there, then `reissue apply --resume`",
        ),
        Halt::Log(JournalError::Mirror(_)) => (
            codes::HALTED,
            "repair the mirror, then `reissue apply --resume`; if somebody has taken the run over, it goes on there",
        ),
        Halt::Lost(_) => {
            (codes::HALTED, "see what the disk of the installation has, then `reissue apply --resume`")
        }
        _ => (codes::HALTED, "repair the disk (the log needs 4 MiB free), then `reissue apply --resume`"),
    }
}
