//! Approvals: one test per refusal, named by it.

use crate::support::approvals::{
    PEOPLE, at, facts, judge, noon, roster, roster_yaml, signed, signer, statement,
};
use crate::support::sshsig;
use reissue::domain::approval::{
    ApprovalRefusal as No, PlanFacts, Quorum, QuorumShort, Recorded, Roster, RosterError, SignedApproval,
    StatementError, releases, show::show, signed::BREAK_GLASS_NAMESPACE, signed::NAMESPACE,
};
use reissue::domain::event::{Decision, Environment};
use reissue::domain::evidence::{Evidence, Held};
use reissue::domain::id::{Digest, TargetId};
use reissue::domain::step::Phase;
use reissue::domain::text::Text;
use reissue::domain::time::Timestamp;

fn our_facts() -> PlanFacts {
    facts(&roster())
}

/// The approvals, as recorded at noon in this order.
fn recorded(facts: &PlanFacts, signed: &[SignedApproval]) -> Vec<Recorded> {
    let roster = roster();
    let one = |s: &SignedApproval| Recorded {
        approval: s.verify(&roster, facts, noon()).unwrap(),
        at: noon(),
        evidence: None,
    };
    signed.iter().map(one).collect()
}

fn count(facts: &PlanFacts, signed: &[SignedApproval], at: Timestamp) -> Result<Vec<String>, QuorumShort> {
    let met = Quorum::check(facts, Phase::Start, &recorded(facts, signed), at)?;
    Ok(met.people().iter().map(ToString::to_string).collect())
}

#[test]
fn two_people_who_are_not_the_author_are_a_quorum() {
    let facts = our_facts();
    let both =
        [signed(&facts, 1, 1, |_| ()), signed(&facts, 2, 2, |s| s.expires = at("2026-11-24T01:00:00Z"))];
    assert_eq!(count(&facts, &both, noon()).unwrap().len(), 2);
    let met = Quorum::check(&facts, Phase::Start, &recorded(&facts, &both), noon()).unwrap();
    assert_eq!(met.expires(), at("2026-11-24T01:00:00Z"), "it ends with the first that is needed");
    assert_eq!(met.break_glass(), None);
    let short = count(&facts, &both[..1], noon()).unwrap_err();
    assert!(
        short.to_string().starts_with("1 of 2 people have approved the start phase (ann@agency.example)")
    );
}

#[test]
fn tampered_plan() {
    let mut changed = our_facts();
    changed.plan = Digest::of(b"plan, changed");
    let approval = signed(&our_facts(), 1, 1, |_| ());
    assert!(matches!(approval.verify(&roster(), &changed, noon()), Err(No::OtherPlan { .. })));
}

#[test]
fn tampered_statement() {
    let mut approval = signed(&our_facts(), 1, 1, |_| ());
    let text = String::from_utf8(approval.statement_bytes).unwrap();
    approval.statement_bytes = text.replace("\"mint\":3", "\"mint\":4").into_bytes();
    assert_eq!(judge(&approval), Err(No::BadSignature));
}

#[test]
fn tampered_signature() {
    let good = signed(&our_facts(), 1, 1, |_| ());
    let other = signed(&our_facts(), 1, 2, |_| ());
    let mixed = SignedApproval { armored: other.armored, ..good.clone() };
    assert_eq!(judge(&mixed), Err(No::BadSignature));
    let cut = SignedApproval { armored: good.armored[..200].to_owned(), ..good };
    assert_eq!(judge(&cut), Err(No::NotASignature));
}

#[test]
fn wrong_namespace() {
    let bytes = statement(&our_facts(), 1, 1).to_bytes().unwrap();
    for namespace in ["file", "git", BREAK_GLASS_NAMESPACE] {
        let approval = signer(1).sign_bytes(bytes.clone(), namespace).unwrap();
        assert!(matches!(judge(&approval), Err(No::Namespace { want: NAMESPACE, .. })), "{namespace}");
    }
}

#[test]
fn bytes_that_are_not_canonical() {
    let bytes = String::from_utf8(statement(&our_facts(), 1, 1).to_bytes().unwrap()).unwrap();
    for alias in [
        bytes.replacen("{\"_type\"", "{ \"_type\"", 1),
        bytes.replace("\"mint\":3", "\"mint\":3,\"mint\":3"),
        bytes.replace("approve", "appro\\u0076e"),
        format!("{bytes}\n"),
        bytes.replace("11:00:00.000Z", "11:00:00Z"),
    ] {
        let approval = signer(1).sign_bytes(alias.clone().into_bytes(), NAMESPACE).unwrap();
        assert!(matches!(judge(&approval), Err(No::Statement(_))), "{alias}");
    }
}

#[test]
fn text_that_deceives_a_terminal() {
    let bytes = String::from_utf8(statement(&our_facts(), 1, 1).to_bytes().unwrap()).unwrap();
    for hostile in ["INC\\u001b[2J", "INC\u{202e}1", "INC\u{200b}1"] {
        let approval = bytes.replace("INC-1", hostile).into_bytes();
        assert!(matches!(show(&approval), Err(StatementError::Json(_))), "{hostile:?}");
    }
}

#[test]
fn the_signer_is_shown_every_field_of_the_signed_bytes() {
    let shown = show(&statement(&our_facts(), 1, 1).to_bytes().unwrap()).unwrap();
    insta::assert_snapshot!(shown);
}

#[test]
fn unknown_key() {
    let stranger = reissue::domain::approval::Signer::from_seed(&[99; 32], "x").unwrap();
    let approval = stranger.sign(&statement(&our_facts(), 1, 1)).unwrap();
    assert!(matches!(judge(&approval), Err(No::UnknownKey(_))));
}

#[test]
fn somebody_elses_name() {
    let approval = signer(2).sign(&statement(&our_facts(), 1, 1)).unwrap();
    assert!(matches!(judge(&approval), Err(No::OtherPerson { .. })));
    let approval = signed(&our_facts(), 1, 1, |s| s.approver = Text::lossy("nobody@agency.example"));
    assert!(matches!(judge(&approval), Err(No::UnknownPerson { .. })));
    let approval = signed(&our_facts(), 1, 1, |s| s.role = Text::lossy("system-owner"));
    assert!(matches!(judge(&approval), Err(No::Role { .. })));
}

#[test]
fn same_person_twice() {
    let facts = our_facts();
    let twice = [signed(&facts, 1, 1, |_| ()), signed(&facts, 1, 2, |_| ())];
    assert!(
        matches!(count(&facts, &twice, noon()), Err(QuorumShort::TooFew { have, .. }) if have.len() == 1)
    );
    let spelled = [
        signed(&facts, 1, 1, |_| ()),
        signed(&facts, 1, 2, |s| s.approver = Text::lossy("ANN@agency.example")),
    ];
    assert!(count(&facts, &spelled, noon()).is_err());
}

#[test]
fn same_statement_twice() {
    let facts = our_facts();
    let replayed = [signed(&facts, 1, 1, |_| ()), signed(&facts, 1, 1, |_| ())];
    let Err(QuorumShort::TooFew { passed_over, .. }) = count(&facts, &replayed, noon()) else { panic!() };
    assert_eq!(passed_over, [(Text::lossy(PEOPLE[1].0), No::Replayed)]);
}

#[test]
fn author() {
    assert_eq!(judge(&signed(&our_facts(), 0, 1, |_| ())), Err(No::Author(Text::lossy(PEOPLE[0].0))));
    judge(&signed(&our_facts(), 0, 1, |s| s.decision = Decision::Reject)).unwrap();
}

#[test]
fn expired() {
    let (roster, facts) = (roster(), our_facts());
    let approval = signed(&facts, 1, 1, |_| ());
    let late = at("2026-11-24T11:00:00Z");
    assert_eq!(approval.verify(&roster, &facts, late), Err(No::Expired(late)));
    // Valid when it was recorded, but no longer when the phase would begin.
    let both = [approval, signed(&facts, 2, 2, |_| ())];
    let Err(QuorumShort::TooFew { passed_over, have, .. }) = count(&facts, &both, late) else { panic!() };
    assert!(have.is_empty() && passed_over.iter().all(|(_, why)| *why == No::Expired(late)));
}

#[test]
fn not_yet_valid() {
    let early = at("2026-11-23T10:59:59Z");
    let approval = signed(&our_facts(), 1, 1, |_| ());
    assert!(matches!(approval.verify(&roster(), &our_facts(), early), Err(No::NotYetValid(_))));
}

#[test]
fn valid_for_longer_than_the_playbook_allows() {
    let approval = signed(&our_facts(), 1, 1, |s| s.expires = at("2026-11-25T11:00:01Z"));
    assert_eq!(judge(&approval), Err(No::TooLong));
    let approval = signed(&our_facts(), 1, 1, |s| s.expires = at("2026-11-25T11:00:00Z"));
    judge(&approval).unwrap();
}

#[test]
fn other_tenant_playbook_environment_incident_log_or_numbers() {
    let other = "7d3c9a10-0000-4000-8000-000000000002".parse().unwrap();
    let facts = our_facts();
    assert!(matches!(judge(&signed(&facts, 1, 1, |s| s.tenant = other)), Err(No::OtherTenant { .. })));
    let other = Digest::of(b"other");
    assert!(matches!(judge(&signed(&facts, 1, 1, |s| s.playbook = other)), Err(No::OtherPlaybook { .. })));
    let lab = judge(&signed(&facts, 1, 1, |s| s.environment = Environment::Lab));
    assert_eq!(lab, Err(No::OtherEnvironment));
    let incident = judge(&signed(&facts, 1, 1, |s| s.ticket = Text::lossy("INC-2")));
    assert!(matches!(incident, Err(No::OtherIncident { .. })));
    let log = judge(&signed(&facts, 1, 1, |s| s.log_head.origin = Text::lossy("elsewhere")));
    assert!(matches!(log, Err(No::OtherLog { .. })));
    assert_eq!(judge(&signed(&facts, 1, 1, |s| s.summary.retire = 0)), Err(No::OtherSummary));
}

#[test]
fn roster_swapped() {
    let facts = our_facts();
    let added = sshsig::ed25519_line(77, "mallory");
    let swapped = Roster::from_yaml(roster_yaml(&[added]).as_bytes()).unwrap();
    let approval = signed(&facts, 1, 1, |_| ());
    assert!(matches!(approval.verify(&swapped, &facts, noon()), Err(No::OtherRoster { .. })));
    let approval = signed(&facts, 1, 1, |s| s.roster = swapped.digest());
    assert!(matches!(judge(&approval), Err(No::OtherRoster { .. })));
}

#[test]
fn reject_then_withdraw() {
    let facts = our_facts();
    let approve = |person, no| signed(&facts, person, no, |_| ());
    let reject = signed(&facts, 3, 3, |s| s.decision = Decision::Reject);
    let mut said = vec![approve(1, 1), approve(2, 2), reject];
    let by = vec![Text::lossy(PEOPLE[3].0)];
    assert_eq!(count(&facts, &said, noon()), Err(QuorumShort::Rejected { by: by.clone() }));
    // It stays, long after it and the approvals expired, and others cannot withdraw it.
    said.push(signed(&facts, 1, 4, |s| s.decision = Decision::Withdraw));
    assert_eq!(
        count(&facts, &said, at("2026-11-25T00:00:00Z")),
        Err(QuorumShort::Rejected { by: by.clone() })
    );
    said.push(approve(3, 5));
    assert_eq!(
        count(&facts, &said, noon()),
        Err(QuorumShort::Rejected { by }),
        "approving does not withdraw"
    );
    said.push(signed(&facts, 3, 6, |s| s.decision = Decision::Withdraw));
    assert_eq!(count(&facts, &said, noon()).unwrap().len(), 3);
}

#[test]
fn a_reject_takes_ones_own_approval_back() {
    let facts = our_facts();
    let approve = |person, no| signed(&facts, person, no, |_| ());
    let decide = |no, d| signed(&facts, 1, no, move |s| s.decision = d);
    let mut said =
        vec![approve(1, 1), approve(2, 2), decide(3, Decision::Reject), decide(4, Decision::Withdraw)];
    assert!(count(&facts, &said, noon()).is_err());
    said.push(approve(1, 1));
    assert!(count(&facts, &said, noon()).is_err(), "an old approval handed in again counts for nothing");
    said.push(approve(1, 5));
    assert_eq!(count(&facts, &said, noon()).unwrap().len(), 2);
}

/// What a target has to show whose hold ended at this minute.
fn held(target: u32, minute: u8) -> Held {
    let (opened, ended) = (at("2026-11-23T10:00:00Z"), at(&format!("2026-11-23T11:{minute:02}:00Z")));
    let (how, sign_ins, target) = (reissue::domain::step::Release::Time, None, TargetId(target));
    Held { confirmed: vec![], ended, how, old_accepted: false, opened, rechecked: ended, sign_ins, target }
}

#[test]
fn retiring_separately_needs_its_own_approvals_with_the_evidence() {
    let mut facts = our_facts();
    let start = [signed(&facts, 1, 1, |_| ()), signed(&facts, 2, 2, |_| ())];
    let short = Quorum::check(&facts, Phase::Retire, &recorded(&facts, &start), noon());
    assert!(matches!(short, Err(QuorumShort::TooFew { phase: Phase::Retire, .. })));
    let blind = signed(&facts, 1, 3, |s| s.phase = Phase::Retire);
    assert_eq!(blind.verify(&roster(), &facts, noon()), Err(No::NoEvidence));
    let needless = signed(&facts, 1, 4, |s| s.evidence = Some(facts.plan));
    assert_eq!(needless.verify(&roster(), &facts, noon()), Err(No::NeedlessEvidence));
    facts.retire_separately = false;
    let met = Quorum::check(&facts, Phase::Retire, &recorded(&facts, &start), noon()).unwrap();
    assert_eq!(met.people().len(), 2, "one approval for both phases");
}

/// Ann signed when one hold was over, Ben when two were: one target has the evidence of both.
#[test]
fn a_target_is_released_by_those_who_had_its_evidence() {
    let facts = our_facts();
    let saw = |person, no, targets: Vec<Held>| {
        let evidence = Evidence::new(facts.plan, targets);
        let named = Some(Digest::of(&evidence.to_bytes().unwrap()));
        let signed = signed(&facts, person, no, |s| (s.phase, s.evidence) = (Phase::Retire, named));
        let approval = signed.verify(&roster(), &facts, noon()).unwrap();
        Recorded { approval, at: noon(), evidence: Some(evidence.into()) }
    };
    let ann = saw(1, 1, vec![held(1, 5)]);
    let ben = saw(2, 2, vec![held(1, 5), held(2, 9)]);
    let released = |said: &[Recorded], now: Vec<Held>| -> Vec<u32> {
        let all = releases(&facts, said, now, noon()).into_iter().flat_map(|r| r.targets);
        all.map(|id| id.0).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    let now = || vec![held(1, 5), held(2, 9)];
    assert_eq!(released(&[ann.clone(), ben.clone()], now()), [1]);
    // She signs again, as the second hold has ended.
    let again = saw(1, 3, now());
    assert_eq!(released(&[ann.clone(), ben.clone(), again.clone()], now()), [1, 2]);
    // What changed since is not released, nor is anything without the document.
    assert_eq!(released(&[ben.clone(), again.clone()], vec![held(1, 6), held(2, 9)]), [2]);
    let lost = Recorded { evidence: None, ..again };
    assert_eq!(released(&[ben.clone(), lost], now()), Vec::<u32>::new());
    // A reject is about every target.
    let reject = signed(&facts, 3, 4, |s| s.decision = Decision::Reject);
    let reject = recorded(&facts, &[reject]).remove(0);
    assert_eq!(released(&[ann, ben, reject], now()), Vec::<u32>::new());
}

#[test]
fn break_glass() {
    let (roster, mut facts) = (roster(), our_facts());
    let alone = |facts: &PlanFacts, person| signed(facts, person, 1, |s| s.break_glass = true);
    assert_eq!(alone(&facts, 3).verify(&roster, &facts, noon()), Err(No::NotContainOnly));
    facts.contain_only = true;
    assert!(matches!(alone(&facts, 1).verify(&roster, &facts, noon()), Err(No::NotBreakGlass(_))));
    let bytes = alone(&facts, 3).statement_bytes;
    let quiet = signer(3).sign_bytes(bytes, NAMESPACE).unwrap();
    assert!(matches!(quiet.verify(&roster, &facts, noon()), Err(No::Namespace { .. })));
    let said = recorded(&facts, &[alone(&facts, 3)]);
    let met = Quorum::check(&facts, Phase::Start, &said, noon()).unwrap();
    assert_eq!(met.break_glass(), Some(&Text::lossy(PEOPLE[3].0)));
    assert!(show(&alone(&facts, 3).statement_bytes).unwrap().contains("ALONE (break glass)"));
    facts.contain_only = false;
    assert!(Quorum::check(&facts, Phase::Start, &said, noon()).is_err(), "judged again when it is counted");
}

#[test]
fn a_quorum_of_nobody() {
    let facts = PlanFacts { quorum: 0, ..our_facts() };
    assert_eq!(Quorum::check(&facts, Phase::Start, &[], noon()), Err(QuorumShort::NoQuorum));
}

#[test]
fn rosters_that_are_not_taken() {
    let key = signer(1).public_line().unwrap();
    let rsa_1024 = sshsig::rsa_line(1024);
    let with = |name: &str, key: &str| {
        let yaml =
            format!("reissue_roster: 1\npeople:\n  - {{ name: {name:?}, role: r, keys: [ {key:?} ] }}\n");
        Roster::from_yaml(yaml.as_bytes()).map(|_| ()).map_err(|e| e.to_string())
    };
    with("ann@agency.example", &key).unwrap();
    with("ann@agency.example", &sshsig::rsa_line(2048)).unwrap();
    for (name, line, want) in [
        ("*@agency.example", key.as_str(), "does not name one person"),
        ("ann smith", &key, "does not name one person"),
        ("ann", &format!("cert-authority {key}"), "certificate authority"),
        ("ann", &format!("namespaces=\"file\" {key}"), "not one OpenSSH public key"),
        ("ann", &rsa_1024, "RSA key of 1024 bits is too short"),
        ("ann", &sshsig::rsa_line(2047), "RSA key of 2047 bits is too short"),
        ("ann", &sshsig::dss_line(), "type ssh-dss are not accepted"),
        ("ann", &sshsig::certificate_line(), "certificate"),
        ("ann", "ssh-ed25519 AAAA", "not one OpenSSH public key"),
    ] {
        let error = with(name, line).unwrap_err();
        assert!(error.contains(want), "{name} {line}: {error}");
    }
    let yaml = roster_yaml(&[]);
    for (bad, want) in [
        (yaml.replace("ben@", "ANN@"), "listed twice"),
        (yaml.replace("reissue_roster: 1", "reissue_roster: 2"), "this version reads 1"),
        (yaml.replace("break_glass: true", "break_glass: yes"), "cannot be read"),
        (yaml.replace("    role: operator\n", "    role: operator\n    role: boss\n"), "cannot be read"),
        (yaml.replace("role: operator", "role: &x operator"), "cannot be read"),
        (yaml.replace("role: operator", "title: x\n    role: operator"), "cannot be read"),
        ("reissue_roster: 1\npeople: []\n".into(), "names nobody"),
    ] {
        let error = Roster::from_yaml(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let shared = roster_yaml(&[signer(2).public_line().unwrap()]);
    assert!(matches!(Roster::from_yaml(shared.as_bytes()), Err(RosterError::SameKey { .. })));
}

/// A plan's author cannot ask for fewer people than the pinned roster wants.
#[test]
fn the_roster_sets_the_least_quorum() {
    let person = |n: u8| {
        format!(
            "  - name: p{n}\n    role: r\n    keys: [ \"{}\" ]\n",
            signer(n.into()).public_line().unwrap()
        )
    };
    let people = format!("reissue_roster: 1\npeople:\n{}{}", person(1), person(2));
    let wants =
        |n: u8| people.replace("reissue_roster: 1\n", &format!("reissue_roster: 1\nquorum_at_least: {n}\n"));
    assert_eq!(Roster::from_yaml(wants(2).as_bytes()).unwrap().quorum_at_least(), 2);
    // More than there are could never agree.
    let refused = Roster::from_yaml(wants(3).as_bytes());
    assert!(matches!(refused, Err(RosterError::QuorumTooHigh { want: 3, found: 2 })), "{refused:?}");
}
