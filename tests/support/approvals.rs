//! A roster of made-up people, a plan's facts, and statements about it.

use reissue::domain::approval::{
    Approval, ApprovalRefusal, LogHead, PlanFacts, Roster, SignedApproval, Signer, Statement, Summary,
};
use reissue::domain::event::{Decision, Environment};
use reissue::domain::id::Digest;
use reissue::domain::step::Phase;
use reissue::domain::text::Text;
use reissue::domain::time::{Timestamp, parse_span};

pub const TENANT: &str = "7d3c9a10-0000-4000-8000-000000000001";
pub const ORIGIN: &str = "reissue.agency.example/t/i";

/// Name, role, and whether the person may break glass. The first of them makes the plans.
pub const PEOPLE: [(&str, &str, bool); 4] = [
    ("author@agency.example", "operator", false),
    ("ann@agency.example", "security-officer", false),
    ("ben@agency.example", "system-owner", false),
    ("eve@agency.example", "incident-lead", true),
];

pub fn signer(person: usize) -> Signer {
    Signer::from_seed(&[u8::try_from(person).unwrap() + 1; 32], PEOPLE[person].0).unwrap()
}

/// The roster file of [`PEOPLE`], with further key lines for the person `ann`.
pub fn roster_yaml(more_keys_for_ann: &[String]) -> String {
    let mut out = "reissue_roster: 1\npeople:\n".to_owned();
    for (i, (name, role, break_glass)) in PEOPLE.iter().enumerate() {
        out += &format!("  - name: {name}\n    role: {role}\n    break_glass: {break_glass}\n    keys:\n");
        out += &format!("      - {:?}\n", signer(i).public_line().unwrap());
        for key in more_keys_for_ann.iter().filter(|_| i == 1) {
            out += &format!("      - {:?}\n", key.trim());
        }
    }
    out
}

pub fn roster() -> Roster {
    Roster::from_yaml(roster_yaml(&[]).as_bytes()).unwrap()
}

pub fn facts(roster: &Roster) -> PlanFacts {
    PlanFacts {
        plan: Digest::of(b"plan"),
        playbook: Digest::of(b"playbook"),
        roster: roster.digest(),
        tenant: TENANT.parse().unwrap(),
        environment: Environment::Production,
        author: Text::lossy(PEOPLE[0].0),
        quorum: 2,
        seats: Default::default(),
        valid_for: parse_span("48h").unwrap(),
        retire_separately: true,
        contain_only: false,
        ticket: Text::lossy("INC-1"),
        summary: Summary { mint: 3, retire: 3, targets: 3, irreversible: 3, ..Summary::default() },
        log_origin: Text::lossy(ORIGIN),
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A moment at which the statements below are valid.
pub fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

/// What a person says about the plan: approve the start, valid from an hour before noon for a day.
/// Each `no` has a nonce of its own.
pub fn statement(facts: &PlanFacts, person: usize, no: u8) -> Statement {
    Statement {
        approver: Text::lossy(PEOPLE[person].0),
        break_glass: false,
        decision: Decision::Approve,
        environment: facts.environment,
        evidence: None,
        expires: at("2026-11-24T11:00:00Z"),
        log_head: LogHead { origin: facts.log_origin.clone(), root: Digest::of(b"root"), size: 7 },
        nonce: Statement::nonce([no; 16]),
        not_before: at("2026-11-23T11:00:00Z"),
        phase: Phase::Start,
        plan: facts.plan,
        playbook: facts.playbook,
        role: Text::lossy(PEOPLE[person].1),
        roster: facts.roster,
        signed_at: at("2026-11-23T11:00:00Z"),
        summary: facts.summary,
        tenant: facts.tenant.clone(),
        ticket: facts.ticket.clone(),
    }
}

/// Signed by the person's own key.
pub fn signed(
    facts: &PlanFacts,
    person: usize,
    no: u8,
    change: impl FnOnce(&mut Statement),
) -> SignedApproval {
    let mut statement = statement(facts, person, no);
    change(&mut statement);
    signer(person).sign(&statement).unwrap()
}

pub fn judge(signed: &SignedApproval) -> Result<Approval, ApprovalRefusal> {
    let roster = roster();
    signed.verify(&roster, &facts(&roster), noon())
}
