//! Approvals, judged again as of the times at which the log says they were recorded, with the plan
//! and the roster that are kept as objects.

use super::super::lines::Place;
use super::super::{objects, rosters};
use super::report::{Check, NOT_OURS};
use super::scan::Bench;
use crate::domain::approval::signed::SIGNATURE_BYTES_MAX;
use crate::domain::approval::statement::STATEMENT_BYTES_MAX;
use crate::domain::approval::{
    Handover, PlanFacts, Quorum, Recorded, Release, Rosters, SignedApproval, releases,
};
use crate::domain::approved::{Here, ReadPlan};
use crate::domain::event::{
    ApprovalRecorded, Decision, Line, LogHandedOver, LogOpened, PhaseOpened, RosterChanged,
};
use crate::domain::evidence::Held;
use crate::domain::id::{Digest, TargetId};
use crate::domain::plan::PackedPlan;
use crate::domain::step::Phase;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A plan, as far as judging needs it.
#[derive(Clone)]
pub(super) struct Basis {
    pub(super) facts: PlanFacts,
    pub(super) plan: Arc<PackedPlan>,
}

/// The approvals so far.
#[derive(Default)]
pub(super) struct Approvals {
    here: Option<LogOpened>,
    rosters: Option<Rosters>,
    /// The plan that was read last; none in it if it could not be.
    basis: Option<(Digest, Option<Basis>)>,
    /// Genuine decisions, by plan, in the order of the log.
    recorded: BTreeMap<Digest, Vec<Recorded>>,
}

impl Approvals {
    /// Remembers what the log is about.
    pub(super) fn opened(&mut self, bench: &Bench<'_>, opened: &LogOpened) {
        if self.here.is_none() {
            self.rosters = rosters::pinned(&bench.objects, &opened.roster).ok();
            self.here = Some(opened.clone());
        }
    }

    /// Puts another roster in force, if the people of the one so far have signed it; a decision that only
    /// approves ends with its roster. Returns whether it was changed.
    pub(super) fn changed(
        &mut self,
        bench: &mut Bench<'_>,
        place: Place,
        line: &Line,
        event: &RosterChanged,
    ) -> bool {
        let (Some(opened), Some(rosters)) = (&self.here, &mut self.rosters) else { return false };
        let ground = rosters::ground(opened, bench.trust.key.name());
        if let Err(why) = rosters::follow(rosters, &ground, &bench.objects, line, event) {
            let what = format!("the change of the roster to {} does not hold: {why}", event.roster);
            bench.found.tampered(Check::Identity, Some(place), &what, NOT_OURS);
            return false;
        }
        let roster = rosters.in_force();
        for said in self.recorded.values_mut() {
            said.retain(|r| {
                let stays = r.approval.statement().decision != Decision::Approve;
                stays && roster.person(r.approval.person()).is_some()
            });
        }
        self.basis = None;
        true
    }

    /// The plan with this digest; what is wrong with it is a finding, once.
    pub(super) fn basis(&mut self, bench: &mut Bench<'_>, place: Place, plan: &Digest) -> Option<Basis> {
        if let Some((digest, basis)) = &self.basis
            && digest == plan
        {
            return basis.clone();
        }
        let basis = match self.read(bench, plan) {
            Ok(basis) => Some(basis),
            Err(why) => {
                let what = format!("the plan {plan} cannot be used here: {why}");
                bench.found.tampered(Check::Approvals, Some(place), &what, NOT_OURS);
                None
            }
        };
        self.basis = Some((*plan, basis.clone()));
        basis
    }

    fn read(&self, bench: &Bench<'_>, plan: &Digest) -> Result<Basis, String> {
        let plan = Arc::new(bench.objects.plan(plan).map_err(|e| e.to_string())?);
        let (Some(opened), Some(rosters)) = (&self.here, &self.rosters) else {
            return Err("the roster is missing or cannot be read".into());
        };
        let here = Here {
            environment: opened.environment,
            log_origin: Text::lossy(bench.trust.key.name()),
            rosters: rosters.clone(),
            tenant: opened.tenant.clone(),
        };
        let ReadPlan { plan, facts, .. } = ReadPlan::of(plan, here).map_err(|e| e.to_string())?;
        Ok(Basis { facts, plan })
    }

    /// Judges one recorded decision.
    pub(super) fn judge(
        &mut self,
        bench: &mut Bench<'_>,
        place: Place,
        line: &Line,
        event: &ApprovalRecorded,
    ) {
        let Some(basis) = self.basis(bench, place, &event.plan) else { return };
        let statement = bench.objects.get(&event.statement, STATEMENT_BYTES_MAX as u64);
        let signature = bench.objects.get(&event.signature, SIGNATURE_BYTES_MAX as u64);
        let (Ok(statement_bytes), Ok(signature)) = (statement, signature) else {
            let what = "the statement or its signature cannot be read";
            bench.found.tampered(Check::Approvals, Some(place), what, NOT_OURS);
            return;
        };
        let signed = SignedApproval { statement_bytes, armored: String::from_utf8_lossy(&signature).into() };
        let Some(rosters) = &self.rosters else { return };
        let approval = match signed.verify(rosters.in_force(), &basis.facts, line.time) {
            Ok(approval) => approval,
            Err(refusal) => {
                let what = format!("the approval of {} does not hold: {refusal}", event.approver);
                bench.found.tampered(Check::Approvals, Some(place), &what, NOT_OURS);
                return;
            }
        };
        if approval.event(event.signature) != *event {
            let what = "the line says something else than the statement that was signed";
            bench.found.tampered(Check::Approvals, Some(place), what, NOT_OURS);
        }
        let head = &approval.statement().log_head;
        if head.size > line.seq {
            let what = format!("the signer saw {} lines, before there were that many", head.size);
            bench.found.tampered(Check::Approvals, Some(place), &what, NOT_OURS);
        }
        let evidence = objects::evidence(&bench.objects, &approval).map(Arc::new);
        if approval.statement().evidence.is_some() && evidence.is_none() {
            let what = "the hold's evidence that was signed for is missing, was changed, or is none";
            bench.found.tampered(Check::Approvals, Some(place), what, NOT_OURS);
        }
        self.recorded.entry(event.plan).or_default().push(Recorded { approval, at: line.time, evidence });
    }

    /// Judges a handover: somebody of the roster endorses this key from exactly this head on.
    pub(super) fn handover(
        &self,
        bench: &mut Bench<'_>,
        place: Place,
        line: &Line,
        event: &LogHandedOver,
        root: [u8; 32],
    ) {
        let statement = bench.objects.get(&event.statement, STATEMENT_BYTES_MAX as u64);
        let signature = bench.objects.get(&event.signature, SIGNATURE_BYTES_MAX as u64);
        let why = match (statement, signature, &self.rosters, &self.here) {
            (Ok(statement_bytes), Ok(signature), Some(rosters), Some(here)) => {
                let armored = String::from_utf8_lossy(&signature).into();
                let signed = SignedApproval { statement_bytes, armored };
                Handover::verify(&signed, rosters.in_force()).map_err(|e| e.to_string()).and_then(|said| {
                    let head = (said.size, said.root.0) == (line.seq, root);
                    let place = (&said.tenant, said.environment) == (&here.tenant, here.environment);
                    match said.event(event.statement, event.signature) == *event && place {
                        false => {
                            Err("the line says something else than the statement that was signed".into())
                        }
                        true if !head => Err("its signer saw another head of the log than this".into()),
                        true => Ok(()),
                    }
                })
            }
            _ => Err("its statement, its signature or the roster cannot be read".into()),
        };
        let links = bench.keys.at(line.seq).to_string() == event.from.as_str()
            && bench.keys.at(line.seq + 1).to_string() == event.to.as_str();
        let why =
            why.and_then(|()| if links { Ok(()) } else { Err("it does not name the key so far".into()) });
        if let Err(why) = why {
            let what = format!("the handover to {} does not hold: {why}", event.operator);
            bench.found.tampered(Check::Identity, Some(place), &what, NOT_OURS);
        }
    }

    /// Judges the opening of a phase: the quorum, at that moment, and for each target that is released
    /// whether so many people had its evidence.
    pub(super) fn phase(
        &self,
        bench: &mut Bench<'_>,
        place: Place,
        facts: &PlanFacts,
        (event, at): (&PhaseOpened, Timestamp),
        held: impl Fn(TargetId) -> Option<Held>,
    ) {
        let recorded = self.recorded.get(&facts.plan).map_or(&[][..], Vec::as_slice);
        if facts.retire_separately && event.phase == Phase::Retire {
            let shown: Vec<Held> = event.targets.iter().filter_map(|id| held(*id)).collect();
            let released = releases(facts, recorded, shown, at);
            for id in event.targets.iter().filter(|id| !is_released(&released, event, **id)) {
                let what = format!(
                    "target {id} is released without enough approvals that name its evidence, for as long"
                );
                bench.found.tampered(Check::Approvals, Some(place), &what, NOT_OURS);
            }
            return;
        }
        let what = match Quorum::check(facts, event.phase, recorded, at) {
            Err(short) => format!("the {} phase was opened without its quorum: {short}", event.phase),
            Ok(met) if event.expires > met.expires() => {
                format!(
                    "the {} phase is opened until {}, the approvals end at {}",
                    event.phase,
                    event.expires,
                    met.expires()
                )
            }
            Ok(met) if event.approvals.iter().any(|a| !met.approvals().contains(a)) => {
                format!("the {} phase names approvals that do not count", event.phase)
            }
            Ok(_) => return,
        };
        bench.found.tampered(Check::Approvals, Some(place), &what, NOT_OURS);
    }
}

/// Whether the approvals that the event names release this target, until it says.
fn is_released(released: &[Release], event: &PhaseOpened, id: TargetId) -> bool {
    let by = released.iter().find(|release| release.targets.contains(&id));
    by.is_some_and(|Release { met, .. }| {
        event.expires <= met.expires() && event.approvals.iter().all(|a| met.approvals().contains(a))
    })
}
