//! Who released what, with which key, and whether duties were separate. Signatures are verified
//! again here: the report never repeats what the log merely says.

use super::ReportError;
use super::model::{Approvals, DecisionRow, PhaseRow, RosterRow};
use super::record::Record;
use crate::domain::approval::roster::same_person;
use crate::domain::approval::signed::{BREAK_GLASS_NAMESPACE, NAMESPACE, SIGNATURE_BYTES_MAX};
use crate::domain::approval::statement::STATEMENT_BYTES_MAX;
use crate::domain::approval::{Approval, PlanFacts, Rosters, Seats, SignedApproval};
use crate::domain::approved::{Here, ReadPlan};
use crate::domain::event::{ApprovalRecorded, Decision, Event, Line, RosterChanged};
use crate::domain::id::few;
use crate::domain::plan::file;
use crate::domain::text::{Text, count};
use crate::env::Disk;
use crate::trail::verify::Trust;
use crate::trail::{Folder, Objects, rosters};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn report(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    trust: &Trust,
    record: &Record,
) -> Result<Approvals, ReportError> {
    let objects = Objects::new(disk.clone(), folder);
    let (facts, decisions, changes) = judged(&objects, trust, record)?;
    let policy = &record.plan.header.approval;
    let PlanFacts { quorum, seats, .. } = facts;
    let mut approvals = Approvals {
        quorum,
        retire_separately: policy.retire_separately,
        author: record.plan.header.author.to_string(),
        operator: record.started.operator.to_string(),
        break_glass: decisions.iter().any(|d| d.break_glass),
        phases: phases(record, &decisions, &seats),
        seats,
        rosters: changes,
        separation: Vec::new(),
        decisions,
    };
    approvals.separation = separation(&approvals);
    Ok(approvals)
}

/// What the plan asks for, who decided, and how the roster was changed, until the run ended.
type Judged = (PlanFacts, Vec<DecisionRow>, Vec<RosterRow>);

fn judged(objects: &Objects, trust: &Trust, record: &Record) -> Result<Judged, ReportError> {
    let unreadable = |what, why: String| ReportError::Unreadable { what, why };
    let mut rosters =
        rosters::pinned(objects, &record.opened.roster).map_err(|why| unreadable("roster", why))?;
    let ground = rosters::ground(&record.opened, trust.key.name());
    let bytes = objects.get(&record.started.plan, file::MAX_BYTES)?;
    // The plan is judged as by the roster in force.
    let plan_under = |rosters: &Rosters| {
        let here = Here {
            environment: record.opened.environment,
            log_origin: Text::lossy(trust.key.name()),
            rosters: rosters.clone(),
            tenant: record.opened.tenant.clone(),
        };
        ReadPlan::new(&bytes, here).map_err(|e| unreadable("plan", e.to_string()))
    };
    let mut plan = plan_under(&rosters)?;
    let (mut decisions, mut changes) = (Vec::new(), Vec::new());
    for line in record.lines.iter().map(|read| &read.line) {
        if let Event::RosterChanged(event) = &line.event {
            rosters::follow(&mut rosters, &ground, objects, line, event)
                .map_err(|why| unreadable("roster", why))?;
            plan = plan_under(&rosters)?;
            changes.push(change(line, event));
        }
        let is_ours = line.run.as_ref() == Some(&record.run);
        if is_ours && matches!(line.event, Event::RunFinished(_)) {
            break;
        }
        let Event::ApprovalRecorded(event) = &line.event else { continue };
        if !is_ours {
            continue;
        }
        let signed = SignedApproval {
            statement_bytes: objects.get(&event.statement, STATEMENT_BYTES_MAX as u64)?,
            armored: String::from_utf8_lossy(&objects.get(&event.signature, SIGNATURE_BYTES_MAX as u64)?)
                .into_owned(),
        };
        let approval = plan.judge(&signed, line.time).map_err(|e| unreadable("approvals", e.to_string()))?;
        decisions.push(row(line, event, &approval));
    }
    Ok((plan.facts, decisions, changes))
}

fn row(line: &Line, event: &ApprovalRecorded, approval: &Approval) -> DecisionRow {
    let statement = approval.statement();
    DecisionRow {
        person: approval.person().to_string(),
        role: statement.role.to_string(),
        roles: approval.roles().to_vec(),
        decision: match statement.decision {
            Decision::Approve => "approve",
            Decision::Reject => "REJECT",
            Decision::Withdraw => "withdraw",
        },
        phase: statement.phase,
        break_glass: statement.break_glass,
        certificate: approval.certificate(),
        fingerprint: approval.fingerprint().to_string(),
        namespace: if statement.break_glass { BREAK_GLASS_NAMESPACE } else { NAMESPACE },
        signed_at: statement.signed_at,
        recorded_at: line.time,
        expires: statement.expires,
        statement: approval.digest(),
        signature: event.signature,
        head: (statement.log_head.size, statement.log_head.root),
        seq: line.seq,
    }
}

fn change(line: &Line, event: &RosterChanged) -> RosterRow {
    let RosterChanged { by, previous, roster, version, .. } = event.clone();
    RosterRow { at: line.time, by, previous, roster, seq: line.seq, version }
}

fn phases(record: &Record, decisions: &[DecisionRow], seats: &Seats) -> Vec<PhaseRow> {
    let opened = |line: &Line| match &line.event {
        Event::PhaseOpened(e) => {
            let used = decisions.iter().filter(|d| e.approvals.contains(&d.statement));
            let people: BTreeMap<String, &[Text<64>]> =
                used.map(|d| (d.person.clone(), d.roles.as_slice())).collect();
            let unfilled = seats.unfilled(&people.values().copied().collect::<Vec<_>>());
            let (people, expires) = (people.into_keys().collect(), e.expires);
            let (phase, targets) = (e.phase, e.targets.clone());
            Some(PhaseRow { phase, at: line.time, expires, people, unfilled, seq: line.seq, targets })
        }
        _ => None,
    };
    record.of_run().filter_map(opened).collect()
}

impl PhaseRow {
    /// The phase, and the targets that it was opened for.
    pub(super) fn name(&self) -> String {
        match self.targets.as_slice() {
            [] => format!("{} phase", self.phase),
            some => format!("{} phase of {}", self.phase, few(some)),
        }
    }
}

/// What can be said about who did what; false is said loudly.
fn separation(approvals: &Approvals) -> Vec<(bool, String)> {
    let used: BTreeSet<&str> =
        approvals.phases.iter().flat_map(|p| p.people.iter().map(String::as_str)).collect();
    let is_among = |name: &str| used.iter().any(|p| same_person(p, name));
    let Approvals { quorum, seats, author, operator, break_glass, phases, .. } = approvals;
    let said = |b: bool, yes: String, no: String| (b, if b { yes } else { no });
    let mut all = vec![
        said(
            !is_among(author),
            format!("{author} made the plan and is not one of those who released it."),
            format!("{author} made the plan AND is one of those who released it."),
        ),
        said(
            !is_among(operator),
            format!("{operator} started the run and is not one of those who released it."),
            format!("{operator} started the run AND is one of those who released it."),
        ),
        said(
            !*break_glass,
            "Nobody used break-glass: no phase was released by one person alone.".into(),
            "BREAK-GLASS was used: one person alone could release a phase.".into(),
        ),
    ];
    for phase in phases {
        let people = phase.people.len();
        let enough = people >= usize::from(*quorum);
        let name = phase.name();
        if !seats.is_empty() {
            let empty: Vec<&str> = phase.unfilled.iter().map(Text::as_str).collect();
            all.push(said(
                empty.is_empty(),
                format!("The {name} had its seats filled: {seats}."),
                format!("The {name} was released with nobody in the seat of {}.", empty.join(", ")),
            ));
        }
        all.push(said(
            enough,
            format!(
                "The {name} was released by {}; {} required.",
                count(people, "person", "people"),
                count(*quorum, "is", "are")
            ),
            format!(
                "The {name} was released by {}, fewer than the {quorum} required.",
                count(people, "person", "people")
            ),
        ));
    }
    all
}
