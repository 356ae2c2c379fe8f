//! A plan that enough people have approved: the only thing that the executor takes.

use super::approval::{
    Approval, ApprovalRefusal, LogHead, PlanFacts, Quorum, QuorumMet, QuorumShort, Recorded, Roster, Rosters,
    SignedApproval, Statement, Summary, same_person,
};
use super::event::{Decision, Environment};
use super::id::{Digest, TenantId};
use super::plan::file::PlanError;
use super::plan::{Counts, PackedPlan};
use super::step::Phase;
use super::text::Text;
use super::time::Timestamp;
use std::sync::Arc;

/// What this installation is: a plan made for another is refused.
#[derive(Clone, Debug)]
pub struct Here {
    pub environment: Environment,
    pub log_origin: Text<200>,
    /// The last of them is in force.
    pub rosters: Rosters,
    pub tenant: TenantId,
}

impl Here {
    /// The roster in force.
    pub fn roster(&self) -> &Roster {
        self.rosters.in_force()
    }
}

/// A plan with its approvals, checked as of the moments at which they were recorded.
#[derive(Clone, Debug)]
pub struct ApprovedPlan {
    plan: Arc<PackedPlan>,
    facts: PlanFacts,
    here: Here,
    recorded: Vec<Recorded>,
}

/// Why a plan may not be carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotApproved {
    #[error("it is not a plan: {0}")]
    Plan(#[from] PlanError),
    #[error("the plan is for tenant {found}, this installation is for {want}")]
    Tenant { found: TenantId, want: TenantId },
    #[error("the plan was made for {found:?}, this installation is {want:?}")]
    Environment { found: Environment, want: Environment },
    #[error("the plan was usable until {0}; make a new one")]
    Expired(Timestamp),
    #[error("a guardrail is broken: {0}")]
    Guardrail(Text<200>),
    #[error("{0}")]
    Quorum(#[from] QuorumShort),
}

/// A plan that was read and belongs here, before anybody's approval.
#[derive(Clone, Debug)]
pub struct ReadPlan {
    pub plan: Arc<PackedPlan>,
    pub facts: PlanFacts,
    here: Here,
}

/// What one person says about a plan; everything else in a statement follows from the plan.
#[derive(Clone, Debug)]
pub struct Says {
    pub approver: Text<128>,
    pub break_glass: bool,
    pub decision: Decision,
    /// Digest of the hold's evidence, for an approval of the retire phase.
    pub evidence: Option<Digest>,
    pub from: Timestamp,
    pub log_head: LogHead,
    pub nonce: Text<32>,
    pub phase: Phase,
    pub role: Text<64>,
    pub until: Timestamp,
}

impl ReadPlan {
    /// The statement to be signed.
    pub fn statement(&self, says: Says) -> Statement {
        let Says { approver, break_glass, decision, evidence, from, log_head, nonce, phase, role, until } =
            says;
        let facts = self.facts.clone();
        Statement {
            approver,
            break_glass,
            decision,
            environment: facts.environment,
            evidence,
            expires: until,
            log_head,
            nonce,
            not_before: from,
            phase,
            plan: facts.plan,
            playbook: facts.playbook,
            role,
            roster: facts.roster,
            signed_at: from,
            summary: facts.summary,
            tenant: facts.tenant,
            ticket: facts.ticket,
        }
    }

    /// Reads the exact bytes of `plan.jsonl` and holds them against this installation.
    pub fn new(bytes: &[u8], here: Here) -> Result<Self, NotApproved> {
        Self::of(Arc::new(PackedPlan::read(bytes)?), here)
    }

    /// Holds a plan that was read against this installation.
    pub fn of(plan: Arc<PackedPlan>, here: Here) -> Result<Self, NotApproved> {
        let header = &plan.header;
        if header.tenant != here.tenant {
            return Err(NotApproved::Tenant { found: header.tenant.clone(), want: here.tenant });
        }
        if header.environment != here.environment {
            return Err(NotApproved::Environment { found: header.environment, want: here.environment });
        }
        if let Some(broken) = header.guardrails.iter().find(|u| !u.is_kept()) {
            let what =
                format!("{} at most {}: {} of {}", broken.action, broken.limit, broken.used, broken.allowed);
            return Err(NotApproved::Guardrail(Text::lossy(&what)));
        }
        let facts = facts(&plan, &here);
        Ok(Self { plan, facts, here })
    }

    /// Why this roster can never approve the plan, if so: too few people beside the author, or a seat
    /// that none of them may take.
    pub fn out_of_reach(&self) -> Option<String> {
        let others = self.here.roster().people().iter().filter(|p| !same_person(&p.name, &self.facts.author));
        let roles: Vec<&[Text<64>]> = others.map(|p| p.roles.as_slice()).collect();
        if roles.len() < usize::from(self.facts.quorum) {
            let (found, want) = (roles.len(), self.facts.quorum);
            return Some(format!(
                "the plan wants {want} people, and the roster has {found} beside its author"
            ));
        }
        let role = self.facts.seats.unfilled(&roles).into_iter().next()?;
        Some(format!("nobody of the roster but the plan's author can fill the seat of {role}"))
    }

    /// Judges one signed decision about this plan, as of `at`.
    pub fn judge(&self, signed: &SignedApproval, at: Timestamp) -> Result<Approval, ApprovalRefusal> {
        signed.verify(self.here.roster(), &self.facts, at)
    }

    /// The same for one that the log has, perhaps from under an earlier roster.
    pub fn judge_recorded(
        &self,
        signed: &SignedApproval,
        at: Timestamp,
    ) -> Result<Approval, ApprovalRefusal> {
        signed.verify_recorded(&self.here.rosters, &self.facts, at)
    }

    /// Whether an approval of the retire phase was given before a run, where it needs its own.
    pub fn is_too_early(&self, approval: &Approval) -> bool {
        self.facts.retire_separately && approval.statement().retires()
    }

    /// With enough approvals the plan may be carried out. `recorded` holds decisions that
    /// [`ReadPlan::judge`] accepted, in the order in which they arrived.
    pub fn approve(self, recorded: Vec<Recorded>, at: Timestamp) -> Result<ApprovedPlan, NotApproved> {
        let expires = self.plan.header.expires;
        if expires <= at {
            return Err(NotApproved::Expired(expires));
        }
        Quorum::check(&self.facts, Phase::Start, &recorded, at)?;
        Ok(self.resume(recorded))
    }

    /// The plan of a run that was approved when it began. What it may still do is decided by its
    /// phases: with too few valid approvals every target parks.
    pub fn resume(self, recorded: Vec<Recorded>) -> ApprovedPlan {
        let Self { plan, facts, here } = self;
        ApprovedPlan { plan, facts, here, recorded }
    }
}

impl ApprovedPlan {
    pub fn plan(&self) -> &Arc<PackedPlan> {
        &self.plan
    }
    pub fn digest(&self) -> Digest {
        self.facts.plan
    }
    pub fn facts(&self) -> &PlanFacts {
        &self.facts
    }
    /// Stuck targets at which the run pauses by itself.
    pub fn roster(&self) -> &Roster {
        self.here.roster()
    }
    pub fn pause_when_stuck(&self) -> Option<u32> {
        self.plan.header.pause_when_stuck
    }
    pub fn recorded(&self) -> &[Recorded] {
        &self.recorded
    }
    /// Judges one more decision about this plan, as of `at`.
    pub fn judge(&self, signed: &SignedApproval, at: Timestamp) -> Result<Approval, ApprovalRefusal> {
        signed.verify(self.here.roster(), &self.facts, at)
    }
    /// Whether a phase may go ahead, with these decisions.
    pub fn quorum(
        &self,
        phase: Phase,
        recorded: &[Recorded],
        at: Timestamp,
    ) -> Result<QuorumMet, QuorumShort> {
        Quorum::check(&self.facts, phase, recorded, at)
    }
}

/// What approvals of a plan are held against.
fn facts(plan: &PackedPlan, here: &Here) -> PlanFacts {
    let (header, roster) = (&plan.header, here.roster());
    let seats = header.approval.roles.at_least(roster.roles_at_least());
    PlanFacts {
        plan: plan.digest(),
        playbook: header.playbook,
        roster: roster.digest(),
        tenant: here.tenant.clone(),
        environment: here.environment,
        author: header.author.clone(),
        quorum: header
            .approval
            .quorum
            .max(roster.quorum_at_least())
            .max(seats.count().try_into().unwrap_or(u8::MAX)),
        seats,
        valid_for: header.approval.valid_for,
        retire_separately: header.approval.retire_separately,
        contain_only: plan.contain_only(),
        ticket: header.incident.id.clone(),
        summary: summary(&header.counts),
        log_origin: here.log_origin.clone(),
    }
}

/// What a signer reads in one line.
pub fn summary(counts: &Counts) -> Summary {
    Summary {
        disable: counts.switch + counts.block,
        enable: counts.enable,
        excepted: counts.excepted,
        irreversible: counts.irreversible,
        mint: counts.mint,
        reset: counts.reset,
        retire: counts.retire,
        revoke: counts.revoke,
        targets: counts.targets,
    }
}
