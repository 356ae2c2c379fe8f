//! The pipeline, told once: each arrow is one function and one change of type.
//!
//! 1. `check`: bytes → [`ValidPlaybook`] ([`crate::domain::playbook`]).
//! 2. [`make_plan`]: observe, then plan: → [`Plan`]. Nothing is written anywhere.
//! 3. People sign (`reissue approve`, [`crate::domain::approval`]).
//! 4. [`apply`]: → [`ApprovedPlan`](crate::domain::approved::ApprovedPlan) → the engine → [`Outcome`].

use crate::azure::Azure;
use crate::connector::observe::{ObserveError, observe};
use crate::connector::registry::{self, Registry};
use crate::domain::approval::{Approval, Recorded, Roster, SignedApproval};
use crate::domain::approved::{Here, NotApproved, ReadPlan};
use crate::domain::event::{Environment, RunStarted};
use crate::domain::id::RunId;
use crate::domain::kind::PlanContext;
use crate::domain::note::Note;
use crate::domain::plan::make::{Known, count, plan};
use crate::domain::plan::{Identity, PLAN_VERSION, Plan, PlanHeader, cost, file};
use crate::domain::playbook::ValidPlaybook;
use crate::domain::run::RunState;
use crate::domain::target::TargetState;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::board::Board;
use crate::engine::recovery::Recovery;
use crate::engine::{Executor, Halt, Outcome};
use crate::env::Env;
use crate::trail::inbox::{Inbox, Item};
use crate::trail::journal::Entry;
use crate::trail::{Home, HomeError, Journal, JournalError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A plan may be applied for this long after it was made.
const PLAN_LIVES: Duration = Duration::from_secs(7 * 86_400);

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanFailure {
    #[error("the identity cannot sign in: {0}")]
    SignIn(Text<128>),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    File(#[from] file::PlanError),
}

/// Who acts, as its own token says.
pub struct Acting {
    pub identity: Identity,
    /// Graph permissions; empty if the token does not tell.
    pub permissions: Vec<String>,
}

impl Acting {
    /// Signs in and looks. A token of another tenant than the session's is refused.
    pub async fn of(azure: &Azure) -> Result<Self, Text<128>> {
        let told = |e: crate::azure::fault::ApiError| Text::lossy(&e.to_string());
        let claims = azure.who_am_i().await.map_err(told)?;
        let claims = claims.ok_or_else(|| Text::lossy("the token does not say who it is for"))?;
        let object = claims.oid.ok_or_else(|| Text::lossy("the token names no object"))?;
        let name = match &claims.upn {
            Some(upn) => Text::lossy(upn),
            None => {
                let principal = azure.graph().service_principal(&object).await.map_err(told)?;
                Text::lossy(&principal.map(|p| p.display_name().to_string()).unwrap_or_default())
            }
        };
        let client_id = Text::lossy(claims.appid.as_ref().map_or("", |a| a.as_str()));
        let permissions = claims.roles.iter().map(ToString::to_string).collect();
        Ok(Self { identity: Identity { client_id, name, object: Text::lossy(object.as_str()) }, permissions })
    }
}

/// Who makes a plan, where.
pub struct PlanOrder {
    pub author: Text<128>,
    pub environment: Environment,
    pub known: Known,
}

/// Reads the tenant and makes the plan. Writes nothing.
pub async fn make_plan(
    env: &Env,
    azure: &Azure,
    playbook: &ValidPlaybook,
    order: PlanOrder,
) -> Result<Plan, PlanFailure> {
    let acting = Acting::of(azure).await.map_err(PlanFailure::SignIn)?;
    let identity = acting.identity;
    let registry = Registry::new(azure.clone(), &playbook.stores);
    let switched_off = order.known.switched_off.clone();
    let observed = observe(playbook, &registry, identity.clone(), order.known).await?;
    let created = env.clock.now();
    let context = PlanContext {
        now: created,
        tenant: playbook.tenant.id.clone(),
        permissions: acting.permissions,
        retire_separately: playbook.approval.retire_separately,
        switched_off,
        can_adopt: azure.can_adopt(),
    };
    let draft = plan(playbook, &observed, &registry::kind, &context);
    let header = PlanHeader {
        approval: playbook.approval.clone(),
        author: order.author,
        cloud: playbook.tenant.cloud,
        cost: cost::of(&draft.targets),
        counts: count(&draft.targets),
        created,
        environment: order.environment,
        expires: created.after(PLAN_LIVES),
        guardrails: draft.guardrails,
        identity,
        incident: playbook.incident.clone(),
        pause_when_stuck: playbook.guardrails.pause_when_stuck,
        playbook: playbook.digest,
        root: file::root(&draft.targets)?,
        stores: playbook.stores.clone(),
        tenant: playbook.tenant.id.clone(),
        version: PLAN_VERSION,
    };
    Ok(Plan { header, targets: draft.targets })
}

/// What to apply, and how.
pub struct ApplyOrder {
    /// The exact bytes of `plan.jsonl`.
    pub plan: Vec<u8>,
    pub operator: Text<128>,
    pub process: Text<96>,
    /// True: go on with the run of this plan. False: begin one.
    pub resume: bool,
    /// Leave when every wait is longer than this; none: stay.
    pub patience: Option<Duration>,
    pub stop: watch::Receiver<bool>,
}

/// Why nothing was applied, or no more.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFailure {
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    #[error("{why}. Not counted: {passed}")]
    NotCounted { why: NotApproved, passed: String },
    #[error("the roster cannot be read: {0}")]
    Roster(String),
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Noticed before anything was begun.
    #[error("{0}")]
    Unwritable(JournalError),
    #[error(transparent)]
    Halt(#[from] Halt),
    #[error("the identity cannot sign in: {0}")]
    SignIn(Text<128>),
    #[error("the plan is for identity {want}, this is {found}")]
    Identity { found: Text<128>, want: Text<128> },
    #[error("run {0} of this plan was begun and is not finished: go on with `reissue apply --resume`")]
    Begun(RunId),
    #[error("this plan was carried out in run {0}; a plan is used once")]
    Used(RunId),
    #[error("no run of this plan was begun: apply it without `--resume`")]
    NotBegun,
    #[error("run {0} of another plan is not finished; resume or abort it first")]
    Other(RunId),
    #[error("line {line} of the log does not fit the plan: {why}")]
    Illegal { line: u64, why: String },
}

impl From<JournalError> for ApplyFailure {
    fn from(e: JournalError) -> Self {
        ApplyFailure::Halt(Halt::Log(e))
    }
}

/// Carries out a plan, or goes on with it. `watch` sees the log before the first event.
pub async fn apply(
    env: &Env,
    home: &Home,
    azure: &Azure,
    order: ApplyOrder,
    watch: impl FnOnce(&Journal),
) -> Result<(RunId, Outcome), ApplyFailure> {
    let here = here(home)?;
    let read = ReadPlan::new(&order.plan, here)?;
    let header = &read.plan.header;
    let acting = Acting::of(azure).await.map_err(ApplyFailure::SignIn)?.identity;
    if acting.object != header.identity.object {
        let want = header.identity.object.clone();
        return Err(ApplyFailure::Identity { found: acting.object, want });
    }
    let stores = header.stores.clone();
    let plan = read.plan.clone();
    let mut recovery = Recovery::new(&plan, read.facts.plan);
    let opened = home.open_log("apply", order.process.clone(), &mut |line| recovery.fold(line));
    let (journal, _) = opened.map_err(not_opened)?;
    journal.make_room().await.map_err(ApplyFailure::Unwritable)?;
    watch(&journal);
    let inbox = Inbox::new(env.disk.clone(), &home.log());
    let opened = open_run(env, read, recovery, &journal, &inbox, &order).await;
    let (approved, board) = match opened {
        Ok(opened) => opened,
        Err(e) => {
            // What it could not begin with matters more than how it ends.
            let _ = journal.close().await;
            return Err(e);
        }
    };
    let registry = Registry::new(azure.clone(), &stores);
    let executor = Executor {
        env: env.clone(),
        effects: registry.effects(),
        stores: registry.stores(),
        inbox,
        patience: order.patience,
        stop: order.stop,
    };
    let run = board.run_id();
    let outcome = executor.execute(&approved, board).await?;
    journal.close().await?;
    Ok((run, outcome))
}

/// A disk that does not take the log is a trouble of its own; the rest is about the installation.
fn not_opened(e: HomeError) -> ApplyFailure {
    use JournalError as J;
    match e {
        HomeError::Journal(e @ (J::Disk(_) | J::Object(_) | J::Full(_) | J::Broken(_))) => {
            ApplyFailure::Unwritable(e)
        }
        e => ApplyFailure::Home(e),
    }
}

/// What this installation is, for approvals.
pub fn here(home: &Home) -> Result<Here, ApplyFailure> {
    let roster = Roster::from_yaml(&home.roster()?).map_err(|e| ApplyFailure::Roster(e.to_string()))?;
    Ok(Here {
        environment: home.install.environment,
        log_origin: Text::lossy(home.vkey()?.name()),
        roster,
        tenant: home.install.tenant.clone(),
    })
}

/// Before the first event of this process nothing was sent: no halt of a run under way.
fn not_begun(e: Halt) -> ApplyFailure {
    match e {
        Halt::Log(e) => ApplyFailure::Unwritable(e),
        e => ApplyFailure::Halt(e),
    }
}

type Opened = (crate::domain::approved::ApprovedPlan, Board);

/// Begins a run, or takes one up again.
async fn open_run(
    env: &Env,
    read: ReadPlan,
    recovery: Recovery<'_>,
    journal: &Journal,
    inbox: &Inbox,
    order: &ApplyOrder,
) -> Result<Opened, ApplyFailure> {
    if let Some((line, why)) = recovery.illegal {
        return Err(ApplyFailure::Illegal { line, why: why.to_string() });
    }
    if let Some(other) = recovery.other {
        return Err(ApplyFailure::Other(other));
    }
    match (recovery.run, order.resume) {
        (Some(run), _) if run.finished => Err(ApplyFailure::Used(run.id)),
        (Some(run), false) => Err(ApplyFailure::Begun(run.id)),
        (None, true) => Err(ApplyFailure::NotBegun),
        (Some(run), true) => {
            let recorded = recorded_approvals(&read, journal, &recovery.approvals);
            let resumed = crate::domain::event::RunResumed {
                operator: order.operator.clone(),
                process: order.process.clone(),
            };
            let board = Board::new(journal.clone(), env.clock, run, recovery.states);
            board.record_run(resumed.into()).await.map_err(not_begun)?;
            Ok((read.resume(recorded), board))
        }
        (None, false) => begin(env, read, journal, inbox, order).await,
    }
}

/// The decisions of a resumed run, judged again as of the moments at which they were recorded.
fn recorded_approvals(
    read: &ReadPlan,
    journal: &Journal,
    events: &[(crate::domain::event::ApprovalRecorded, crate::domain::time::Timestamp)],
) -> Vec<Recorded> {
    const LIMIT: u64 = 64 << 10;
    let judge = |(event, at): &(crate::domain::event::ApprovalRecorded, crate::domain::time::Timestamp)| {
        let statement_bytes = journal.objects().get(&event.statement, LIMIT).ok()?;
        let armored = journal.objects().get(&event.signature, LIMIT).ok()?;
        let signed = SignedApproval { statement_bytes, sshsig_armored: String::from_utf8(armored).ok()? };
        read.judge(&signed, *at).ok().map(|approval| Recorded { approval, at: *at })
    };
    events.iter().filter_map(judge).collect()
}

/// An approval that counts, with the name of its note.
type HandedIn = (String, Approval, SignedApproval);

/// The approvals in the inbox, and why others of its files do not count.
fn handed_in(
    read: &ReadPlan,
    inbox: &Inbox,
    at: Timestamp,
) -> Result<(Vec<HandedIn>, Vec<String>), ApplyFailure> {
    let (mut notes, mut not_counted) = (Vec::new(), Vec::new());
    for item in inbox.items().map_err(Halt::Disk)? {
        let Item { name, bytes } = match item {
            Ok(item) => item,
            Err(e) => {
                not_counted.push(e.to_string());
                continue;
            }
        };
        let (signature, statement) = match serde_json::from_slice(&bytes) {
            Ok(Note::Approval { signature, statement }) => (signature, statement),
            Ok(_) => continue,
            Err(_) => {
                not_counted
                    .push(format!("{} is not a note that this version can read", Text::<160>::lossy(&name)));
                continue;
            }
        };
        let signed = SignedApproval { statement_bytes: statement.into_bytes(), sshsig_armored: signature };
        match read.judge(&signed, at) {
            // Retiring is approved when a hold is over: that note stays where it is until then.
            Ok(approval) if read.is_too_early(&approval) => {}
            Ok(approval) => notes.push((name, approval, signed)),
            Err(why) => not_counted.push(why.to_string()),
        }
    }
    Ok((notes, not_counted))
}

/// A new run: enough approvals lie in the inbox, or nothing is recorded at all.
async fn begin(
    env: &Env,
    read: ReadPlan,
    journal: &Journal,
    inbox: &Inbox,
    order: &ApplyOrder,
) -> Result<Opened, ApplyFailure> {
    let at = env.clock.now();
    let (notes, not_counted) = handed_in(&read, inbox, at)?;
    let recorded = notes.iter().map(|(_, approval, _)| Recorded { approval: approval.clone(), at }).collect();
    let states = read.plan.changes().map(|t| (t.id, TargetState::new(Arc::new(t.clone())))).collect();
    let approved = read.approve(recorded, at).map_err(|why| match not_counted.is_empty() {
        true => why.into(),
        false => ApplyFailure::NotCounted { why, passed: not_counted.join("; ") },
    })?;
    let header = &approved.plan().header;
    // Whatever needs new files is written before the run begins: the log itself has its space.
    let statements =
        notes.iter().flat_map(|(_, _, s)| [s.statement_bytes.as_slice(), s.sshsig_armored.as_bytes()]);
    for bytes in statements.chain([order.plan.as_slice()]) {
        journal.objects().put(bytes).map_err(|e| ApplyFailure::Unwritable(e.into()))?;
    }
    let started = RunStarted {
        identity: header.identity.object.clone(),
        operator: order.operator.clone(),
        plan: approved.digest(),
        playbook: header.playbook,
        targets: header.counts.targets,
    };
    let id = env.new_run_id();
    let begun = journal.append_one(Entry::of_run(&id, started.clone())).await;
    let line = begun.map_err(ApplyFailure::Unwritable)?.line;
    let board = Board::new(journal.clone(), env.clock, RunState::new(id, started, line.time), states);
    for (name, approval, signed) in notes {
        let signature =
            journal.objects().put(signed.sshsig_armored.as_bytes()).map_err(JournalError::from)?;
        board.record_run(approval.event(signature).into()).await?;
        inbox.take_out(&name).map_err(Halt::Disk)?;
    }
    Ok((approved, board))
}
