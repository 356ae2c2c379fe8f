//! A tenant of a fleet without a run: what is missing until `apply` begins one.

use super::next::{quote, withdraw};
use crate::cli::codes;
use crate::cli::error::Failure;
use crate::cli::fleet::{Ended, Row};
use crate::cli::{ExitCode, Session, show};
use crate::domain::approval::{QuorumShort, Recorded, SignedApproval};
use crate::domain::approved::{NotApproved, ReadPlan};
use crate::domain::note::Note;
use crate::domain::text::Text;
use crate::pipeline;
use crate::trail::Home;
use crate::trail::inbox::Inbox;

/// The row of such a tenant. Approvals are judged and counted as `apply` would this moment.
pub(super) fn tell(row: &Row, home: &Home, session: &Session) -> Result<Ended, Failure> {
    if !session.env.disk.exists(&row.plan) {
        let next = vec![row.command("plan", " --author NAME")];
        return Ok(Ended { next, ..Ended::new(ExitCode::Done, "no run, no plan yet") });
    }
    let (bytes, plan, _) = show::load(&row.plan, session)?;
    let unusable = |what: String| {
        let next = "use the plan, roster and installation that belong together";
        Failure::new(codes::NOT_APPROVED, what, next).at(&row.plan)
    };
    if plan.changes().next().is_none() {
        return Ok(Ended::new(ExitCode::Done, "planned: nothing to change"));
    }
    let here = pipeline::here(home).map_err(|e| unusable(e.to_string()))?;
    let read = ReadPlan::new(&bytes, here).map_err(|e| unusable(e.to_string()))?;
    let recorded = handed_in(&read, home, session);
    Ok(row_of(row, home, &read.approve(recorded, session.env.clock.now()).map(drop)))
}

/// What `apply` would count.
fn handed_in(read: &ReadPlan, home: &Home, session: &Session) -> Vec<Recorded> {
    let at = session.env.clock.now();
    let items = Inbox::new(session.env.disk.clone(), &home.log()).items().unwrap_or_default();
    let judge = |note: Note| {
        let Note::Approval { signature, statement } = note else { return None };
        let signed = SignedApproval { statement_bytes: statement.into_bytes(), armored: signature };
        let approval = read.judge(&signed, at).ok().filter(|approval| !read.is_too_early(approval))?;
        // One that names a head which this log never had counts nowhere.
        home.objects().had(&approval.statement().log_head).ok().filter(|had| *had)?;
        Some(Recorded { approval, at, evidence: None })
    };
    let notes = items.into_iter().flatten().filter_map(|item| serde_json::from_slice(&item.bytes).ok());
    notes.filter_map(judge).collect()
}

fn names(people: &[Text<128>]) -> String {
    people.iter().map(Text::as_str).collect::<Vec<_>>().join(", ")
}

fn row_of(row: &Row, home: &Home, approved: &Result<(), NotApproved>) -> Ended {
    let plan = quote(&row.plan.display().to_string());
    let (said, next) = match approved {
        Ok(()) => {
            ("planned and approved, not begun".to_owned(), vec![row.command("apply", " --operator NAME")])
        }
        Err(NotApproved::Quorum(QuorumShort::Rejected { by })) => (
            format!("planned, and rejected by {}", names(by)),
            by.iter().map(|who| withdraw(&plan, who, home.root())).collect(),
        ),
        Err(NotApproved::Quorum(QuorumShort::TooFew { have, need, .. })) => {
            let at = super::at_home(home.root());
            let signed = match have.is_empty() {
                true => String::new(),
                false => format!(": {} of {need} have approved ({})", have.len(), names(have)),
            };
            let approve = format!("reissue approve {plan} --by NAME --key FILE{at}");
            (format!("planned, not begun{signed}"), vec![approve])
        }
        Err(why) => {
            let again = row.command("plan", " --author NAME");
            (format!("planned, not begun: {why}"), vec![format!("move {plan} away, then {again}")])
        }
    };
    Ended { next, ..Ended::new(ExitCode::Done, said) }
}
