//! `audit corroborate`, with the real program over TLS and with a drill in virtual time: the
//! tenant's own log, late as it is, tells each change of ours once, and what another administrator
//! did meanwhile is found, exactly that.

use crate::support::desk::Desk;
use crate::support::team::TENANT;
use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::domain::corroborate::{Corroboration, Finding, Frame, LATE, SKEW, Theirs, Who, corroborate};
use reissue::domain::event::{Event, Line};
use reissue::domain::id::{ClientId, Digest};
use reissue::domain::plan::Plan;
use reissue::domain::playbook::model::Cloud;
use reissue::domain::secret::Secret;
use reissue::domain::time::Timestamp;
use reissue::drill::{self, Audience};
use reissue::env::Env;
use reissue::lab::{Between, Lab, LabDisconnect, Lags, NewApplication, SecretSpec};
use reissue::report::{self, Deeds};
use reissue::trail::Home;
use reissue::trail::verify::Trust;
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PLAYBOOK: &str = include_str!("../cases/desk.yaml");
const CLIENT: &str = "8a1d0000-0000-4000-8000-000000000001";
const RESUME: [&str; 8] = ["apply", "--resume", "--operator", "kim", "--lab", "lab", "--patience", "1s"];

/// A run up to its hold.
fn holding(lags: Lags) -> Desk {
    let mut desk = Desk::in_a_lab(PLAYBOOK, lags);
    let init = ["init", "--tenant", TENANT, "--cloud", "us_gov_high", "--roster", "roster.yaml", "--lab"];
    desk.must(0, &init);
    desk.must(0, &["plan", "playbook.yaml", "--author", "op", "--lab", "lab"]);
    approve(&mut desk, "start");
    desk.must(9, &["apply", "plan.jsonl", "--operator", "op", "--lab", "lab", "--patience", "1s"]);
    desk
}

fn approve(desk: &mut Desk, phase: &str) {
    for who in ["ann", "ben"] {
        let by = format!("{who}@agency.example");
        desk.must(0, &["approve", "plan.jsonl", "--by", &by, "--key", who, "--phase", phase]);
    }
}

fn to_its_end(desk: &mut Desk) {
    let said = ["--by", "kim", "--how", "seen in its log"];
    desk.must(0, &[&["confirm", "latest", "t1", "--consumer", "payroll-worker"][..], &said].concat());
    desk.must(4, &RESUME);
    approve(desk, "retire");
    desk.must(0, &RESUME);
}

/// Runs the command, asks for this exit code, and gives the objects that it printed.
fn objects(desk: &mut Desk, code: i32) -> Vec<Value> {
    desk.must(code, &["audit", "corroborate", "--lab", "lab", "--json"]);
    desk.last().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|o| o["kind"] == kind).collect()
}

#[test]
fn a_run_that_only_we_made_agrees() {
    let mut desk = holding(Lags::none());
    desk.must(9, &["audit", "corroborate", "--lab", "lab"]);
    assert!(desk.last().contains("The run is open"), "{}", desk.last());
    to_its_end(&mut desk);
    desk.must(0, &["audit", "corroborate", "--lab", "lab"]);
    assert!(desk.last().contains("They agree"), "{}", desk.last());
    let told = objects(&mut desk, 0);
    // The mint and the removal; what went to the vault is not the directory's.
    assert_eq!(of_kind(&told, "corroboration_pair").len(), 2, "{told:?}");
    let verdict = of_kind(&told, "corroboration")[0];
    assert_eq!((&verdict["agrees"], &verdict["findings"]), (&Value::Bool(true), &Value::from(0)));
    assert!(verdict["to_vaults"].as_u64().unwrap() >= 1, "{verdict}");
    desk.must(0, &["audit", "export", "--out", "bundle.tar"]);
    let key = std::fs::read_to_string(desk.team.path(".reissue/log/log.vkey")).unwrap();
    let bundle = ["audit", "corroborate", "--bundle", "bundle.tar", "--key", key.trim(), "--lab", "lab"];
    desk.must(0, &bundle);
}

#[test]
fn another_administrator_is_found_and_nothing_else() {
    let mut desk = holding(Lags::none());
    let client: ClientId = CLIENT.parse().unwrap();
    let before = desk.scene.lab.credentials(&client);
    desk.scene.lab.another_administrator_adds(&client, Duration::ZERO);
    // It happens with the next request that the lab hears.
    desk.must(0, &["doctor", "--lab", "lab"]);
    let after = desk.scene.lab.credentials(&client);
    let new: Vec<_> = after.iter().filter(|c| !before.iter().any(|b| b.key_id == c.key_id)).collect();
    assert_eq!(new.len(), 1);
    let told = objects(&mut desk, 7);
    let findings = of_kind(&told, "corroboration_finding");
    assert_eq!(findings.len(), 1, "{told:?}");
    let (found, theirs) = (&findings[0]["finding"], &findings[0]["theirs"]);
    assert_eq!(found, "foreign");
    assert_eq!(theirs["added"], serde_json::json!([new[0].key_id.to_string()]));
    assert_eq!(theirs["actor"], "another.administrator@lab.test");
    assert_eq!(of_kind(&told, "corroboration_pair").len(), 1, "our own mint is confirmed beside it");
    desk.must(7, &["audit", "corroborate", "--lab", "lab"]);
    let said = desk.last();
    assert!(said.contains("somebody else changed an object of the plan"), "{said}");
    assert!(said.contains("on payroll-sync"), "{said}");
}

#[test]
fn a_late_log_is_waited_for() {
    let hour = Between::seconds(3600, 3600);
    let mut desk = holding(Lags { audit: hour, ..Lags::none() });
    let told = objects(&mut desk, 9);
    assert_eq!(of_kind(&told, "corroboration_awaited").len(), 1, "{told:?}");
    assert!(of_kind(&told, "corroboration")[0]["complete_at"].is_string());
    desk.must(9, &["audit", "corroborate", "--lab", "lab"]);
    assert!(desk.last().contains("Run it again after 20"), "{}", desk.last());
}

#[test]
fn without_the_permission_it_says_which() {
    let mut desk = holding(Lags::none());
    let client: ClientId = "0b5e0000-0000-4000-8000-00000000000b".parse().unwrap();
    desk.scene.lab.create_application(NewApplication::new(client.clone(), "reader"));
    let (_, secret) = desk.scene.lab.add_secret(&client, SecretSpec::default());
    std::fs::write(desk.team.path("reader-secret"), secret).unwrap();
    let file = std::fs::File::open(desk.team.path("reader-secret")).unwrap();
    let acting = ["--lab", "lab", "--as", "secret", "--client-id", client.as_str(), "--secret-fd", "0"];
    let code = desk.run_with(&[&["audit", "corroborate"][..], &acting].concat(), &[], Some(file));
    let said = desk.last();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("RI032") && said.contains("AuditLog.Read.All"), "{said}");
    assert!(said.contains("nothing was compared"), "{said}");
}

/// Who watches a drill, and lets another administrator in.
struct Watcher {
    lab: Option<Lab>,
    meddles: Option<&'static str>,
    lines: u64,
}

impl Audience for Watcher {
    fn furnished(&mut self, lab: &Lab) {
        if let Some(client) = self.meddles {
            lab.another_administrator_adds(&client.parse().unwrap(), Duration::from_secs(600));
        }
        self.lab = Some(lab.clone());
    }
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, line: &Line) {
        self.lines += u64::from(matches!(line.event, Event::StepDone(_)));
    }
}

/// A whole drill, then both logs of it.
fn rehearsed(playbook: &str, meddles: Option<&'static str>) -> (Deeds, Vec<Theirs>, Timestamp) {
    let text = std::fs::read_to_string(playbook).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let env = drill::environment(3);
        let mut watcher = Watcher { lab: None, meddles, lines: 0 };
        drill::hold(&env, &text, &mut watcher).await.unwrap_or_else(|e| panic!("{e}"));
        assert!(watcher.lines > 0);
        let home = Home::open(&env, Path::new("drill")).unwrap();
        let trust = Trust {
            key: home.vkey().unwrap(),
            roster: Some(home.install.roster),
            anchors: vec![],
            keepers: Default::default(),
        };
        let deeds = report::deeds(&env.disk, &home.log(), &trust, None).unwrap();
        let deeds = deeds.unwrap_or_else(|refusal| panic!("{:?}", refusal.report.findings));
        let theirs = tenants_own(&env, &watcher.lab.unwrap(), &deeds).await;
        (deeds, theirs, env.clock.now())
    })
}

/// The whole of the tenant's log, read by somebody who may do nothing else.
async fn tenants_own(env: &Env, lab: &Lab, deeds: &Deeds) -> Vec<Theirs> {
    let client: ClientId = "aad17000-0000-4000-8000-00000000000a".parse().unwrap();
    lab.create_application(NewApplication::new(client.clone(), "auditor"));
    lab.grant_app_permission(&client, "AuditLog.Read.All");
    let (_, secret) = lab.add_secret(&client, SecretSpec::default());
    let wire = InProcess::new(lab.service(), |e: &LabDisconnect| e.may_have_reached);
    let identity = Identity::Secret { client_id: client, secret: Secret::new(secret) };
    let budget = Azure::budget_for(env, 70, Start::Full);
    let cloud: Cloud = deeds.cloud;
    let azure = Azure::new(env, cloud, deeds.tenant.clone(), Arc::new(wire), budget, identity);
    let rows = azure.graph().audits(deeds.began, env.clock.now()).all().await.unwrap();
    rows.iter().filter_map(|r| r.row(&deeds.identity.object, &deeds.identity.client_id)).collect()
}

fn compared((deeds, theirs, now): (Deeds, Vec<Theirs>, Timestamp)) -> Corroboration {
    let frame = Frame {
        run: deeds.run.clone(),
        objects: deeds.objects.keys().cloned().collect(),
        now,
        late: LATE,
        skew: SKEW,
    };
    corroborate(deeds.ours, theirs, &frame)
}

/// Every kind of target: secrets, certificates, users, switches.
#[test]
fn every_kind_of_change_has_its_row() {
    for playbook in ["playbooks/midnight-blizzard.yaml", "tests/playbooks/every-kind.yaml"] {
        let both = rehearsed(playbook, None);
        let certain = both.0.ours.iter().filter(|o| o.certain).count();
        let found = compared(both);
        assert_eq!(found.findings, [], "{playbook}");
        assert!(found.pending.is_empty(), "{playbook}: {:?}", found.pending);
        assert!(found.pairs.len() >= certain && certain >= 5, "{playbook}: {certain} certain");
    }
}

#[test]
fn in_a_drill_the_other_administrator_is_the_one_finding() {
    let text = std::fs::read_to_string("playbooks/leaked-app-secret.yaml").unwrap();
    let client = text.lines().find_map(|l| l.trim().strip_prefix("- app: ")).unwrap();
    let client: &'static str = Box::leak(client.trim().to_owned().into_boxed_str());
    let found = compared(rehearsed("playbooks/leaked-app-secret.yaml", Some(client)));
    let [Finding::Foreign { theirs }] = found.findings.as_slice() else { panic!("{:?}", found.findings) };
    assert_eq!((theirs.added.len(), theirs.who), (1, Who::SomebodyElse));
    assert!(found.pairs.len() >= 2);
}
