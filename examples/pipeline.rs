//! The whole pipeline in one program, on a lab tenant in this process and in virtual time:
//!
//! playbook → check → observe and plan → two people sign → apply → verify the trail → report
//!
//! `cargo run --example pipeline -- REPORT.html [PLAYBOOK]`
//!
//! What was not checked cannot be planned, what was not signed cannot be applied: each arrow is one
//! function and one change of type. `reissue` does the same steps, one command each.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use reissue::azure::Azure;
use reissue::azure::credential::Identity;
use reissue::connector::syntaxes;
use reissue::domain::approval::{Signer, Statement};
use reissue::domain::approved::{ReadPlan, Says};
use reissue::domain::event::{Decision, Environment};
use reissue::domain::id::Digest;
use reissue::domain::note::Note;
use reissue::domain::plan::file;
use reissue::domain::plan::make::Known;
use reissue::domain::playbook::{ValidPlaybook, check};
use reissue::domain::secret::Secret;
use reissue::domain::step::Phase;
use reissue::domain::text::Text;
use reissue::drill::{self, scene};
use reissue::env::{Disk, Env, RealDisk};
use reissue::lab::LabDisconnect;
use reissue::pipeline::{self, ApplyOrder, PlanInHand, PlanOrder};
use reissue::report::{self, Judged, html};
use reissue::trail::home::{Home, Install};
use reissue::trail::inbox::Inbox;
use reissue::trail::verify::{Anchor, Trust, Verdict, verify};
use reissue::wire::budget::Start;
use reissue::wire::in_process::InProcess;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

type Failure = Box<dyn Error>;

/// Who makes the plan and runs it, and who signs it: never the same people.
const AUTHOR: &str = "op@agency.example";
const APPROVERS: [&str; 2] = ["ann@agency.example", "ben@agency.example"];

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let report = args.next().ok_or("usage: pipeline REPORT.html [PLAYBOOK]")?;
    let playbook = args.next().unwrap_or("playbooks/leaked-app-secret.yaml".into());
    let text = String::from_utf8(RealDisk.read(Path::new(&playbook), 1 << 20)?)?;
    // A paused clock jumps to whatever is waited for next: 26 hours of hold take a second.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(run(&text, Path::new(&report))).map(drop)
}

/// The pipeline, top to bottom.
pub(crate) async fn run(text: &str, report_file: &Path) -> Result<Verdict, Failure> {
    // 1. Check: text becomes a sound playbook, or all its mistakes at once. Nothing else is read.
    let playbook = check(text, &syntaxes()).map_err(|mistakes| mistakes.to_string())?;
    println!("1. checked   {}: {} targets", playbook.incident.id, playbook.targets.len());

    // The world: clock, chance and disk of a drill, and a tenant that is as the playbook says, with
    // the consumers that it declares and an attacker for each leaked value.
    let env = drill::environment(1);
    let tenant = scene::build(&env, &playbook);
    let azure = session(&env, &playbook, &tenant);

    // 2. Plan: reads the tenant, writes nothing. The plan's exact bytes are what people sign.
    let author = Text::lossy(AUTHOR);
    let order = PlanOrder::new(author, Environment::Lab, Known::default());
    let plan = file::write(&pipeline::make_plan(&env, &azure, &playbook, order).await?)?;
    println!("2. planned   {}", Digest::of(&plan));

    // An installation: a folder with the roster of those who may approve, and the log.
    let key = |name: &str| Signer::from_seed(&Digest::of(name.as_bytes()).0, name).unwrap();
    let signers = APPROVERS.map(|name| (name, key(name)));
    let home = install(&env, &playbook, &signers).await?;

    // 3. Sign: each person signs a small statement about this plan and drops it into the inbox. (At
    //    a desk: `reissue approve`, with one's own SSH key.)
    for (name, signer) in &signers {
        approve(&env, &home, &plan, name, signer)?;
        println!("3. signed    by {name}");
    }

    // 4. Apply: exactly this plan, each write in the log before it is sent. The tenant's people live
    //    on meanwhile, and never come to an end.
    let stop = tokio::sync::watch::channel(false).1;
    let (operator, process) = (Text::lossy(AUTHOR), Text::lossy("example"));
    let plan = PlanInHand::held(plan)?;
    let order = ApplyOrder { plan, operator, process, resume: false, patience: None, stop };
    let (run, outcome) = tokio::select! {
        applied = pipeline::apply(&env, &home, &azure, order, |_journal| {}) => applied?,
        () = tenant.lab.people() => return Err("everybody left".into()),
    };
    println!("4. applied   {} done, {} stuck, run {run}", outcome.done + outcome.not_evicted, outcome.stuck);

    // 5. Verify: from the log's files alone. With a checkpoint that somebody else keeps, nothing can
    //    have been cut off its end either.
    let key = home.vkey()?;
    let kept = env.disk.read(&home.log().checkpoint(), 64 << 10)?;
    let anchors = vec![Anchor::from_checkpoint("kept elsewhere", &kept, &key, None)?];
    let trust = Trust { key, roster: Some(home.install.roster), anchors, keepers: Default::default() };
    let judged = verify(&env.disk, &home.log(), &trust)?;
    println!("5. verified  {}", judged.verdict.sentence());

    // 6. Report: made from the verified log and from nothing else.
    match report::read(&env.disk, &home.log(), &trust, Some(&run))? {
        Judged::Sound(model) => RealDisk.write_atomic(report_file, html::page(&model).as_bytes())?,
        Judged::Tampered(_) => return Err("the log was changed after it was written".into()),
    }
    println!("6. reported  {}", report_file.display());
    Ok(judged.verdict)
}

/// Who acts where: the operator of the lab, over a wire that ends in this process.
fn session(env: &Env, playbook: &ValidPlaybook, tenant: &scene::Scene) -> Azure {
    let wire = Arc::new(InProcess::new(tenant.lab.service(), |e: &LabDisconnect| e.may_have_reached));
    let secret = Secret::new(tenant.operator_secret.clone());
    let identity = Identity::Secret { client_id: tenant.operator.clone(), secret };
    let budget = Azure::budget_for(env, 70, Start::Full);
    Azure::new(env, playbook.tenant.cloud, playbook.tenant.id.clone(), wire, budget, identity)
}

async fn install(env: &Env, playbook: &ValidPlaybook, signers: &[(&str, Signer)]) -> Result<Home, Failure> {
    let mut roster = "reissue_roster: 1\npeople:\n".to_owned();
    for (name, signer) in signers {
        let key = signer.public_line()?;
        roster += &format!("  - {{ name: {name}, role: approver, keys: [ \"{key}\" ] }}\n");
    }
    let (agency, install) = (Text::lossy("example"), Text::lossy("example"));
    let (cloud, tenant) = (playbook.tenant.cloud, playbook.tenant.id.clone());
    let pinned = Digest::of(roster.as_bytes());
    let environment = Environment::Lab;
    let install = Install { agency, cloud, environment, install, roster: pinned, tenant, version: 1 };
    Ok(Home::create(env, Path::new("home"), install, roster.as_bytes(), Text::lossy("example")).await?.0)
}

fn approve(env: &Env, home: &Home, plan: &[u8], name: &str, signer: &Signer) -> Result<(), Failure> {
    let read = ReadPlan::new(plan, pipeline::here(home)?)?;
    let from = env.clock.now();
    let until = from.after(read.plan.header.approval.valid_for);
    let nonce = Statement::nonce(env.random.stream("nonces").bytes());
    let (approver, role, phase) = (Text::lossy(name), Text::lossy("approver"), Phase::Start);
    let (break_glass, decision, log_head) = (false, Decision::Approve, home.head()?);
    let evidence = None;
    let says = Says { approver, break_glass, decision, evidence, from, log_head, nonce, phase, role, until };
    let signed = signer.sign(&read.statement(says))?;
    let statement = String::from_utf8(signed.statement_bytes)?;
    let note = Note::Approval { signature: signed.armored, statement };
    Inbox::new(env.disk.clone(), &home.log()).hand_in(note.word(), &serde_json::to_vec(&note)?)?;
    Ok(())
}
