//! Progress of a run: a bar on a terminal, a plain line after a while of silence elsewhere,
//! nothing at all with `--json`. Both say what `status` says, of the very states that the run decides by.

use super::bulletin::Bulletin;
use super::forecast::{self, Outlook, Pacing};
use super::hindrance::hindrance_of;
use super::human::Output;
use super::standing::{Standing, Tally};
use crate::domain::id::TargetId;
use crate::domain::plan::PackedPlan;
use crate::domain::states::States;
use crate::domain::time::Timestamp;
use crate::engine::board::SharedStates;
use crate::env::Env;
use crate::wire::budget::Budget;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// How often a bar is drawn again.
const TICK: Duration = Duration::from_secs(1);
/// Silence that makes people wonder.
const SILENCE: Duration = Duration::from_secs(30);

/// The view of one run while it goes on.
pub(super) struct Progress {
    /// None before the log is open.
    states: Option<SharedStates>,
    /// When this process took the run over.
    owned: Timestamp,
    env: Env,
    bar: Option<ProgressBar>,
    /// The run's own budget, which knows what is waited for.
    budget: Option<Budget>,
    /// When the bar may be drawn again, and how often it is at most.
    due: Cell<Duration>,
    draw_every: Duration,
}

impl Progress {
    /// Of a run that is about to be opened.
    pub(super) fn new(env: &Env, plan: &PackedPlan, budget: &Budget, out: &Output) -> Self {
        let target = (out.is_live() && !out.is_json()).then(ProgressDrawTarget::stderr);
        let bar = target.map(|target| bar(plan, target));
        bar.iter().for_each(|bar| out.stands(bar));
        Self {
            states: None,
            owned: env.clock.now(),
            env: env.clone(),
            bar,
            budget: Some(budget.clone()),
            due: Cell::new(Duration::ZERO),
            draw_every: TICK / 4,
        }
    }

    /// The run is open.
    pub(super) fn look_at(&mut self, states: SharedStates) {
        self.states = Some(states);
        self.owned = self.env.clock.now();
    }

    fn states(&self) -> Option<MutexGuard<'_, States>> {
        self.states.as_ref().map(|states| states.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something was recorded: lets `show` print it above the bar.
    pub(super) fn shows(&self, show: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(show),
            None => show(),
        }
        self.draw_in_time();
    }

    /// Targets that go on although the run was asked to leave: their values are nowhere else.
    pub(super) fn only_in_memory(&self) -> Vec<TargetId> {
        let now = self.env.clock.now();
        let Some(states) = self.states() else { return Vec::new() };
        let held = states.briefs().filter(|(_, brief)| brief.value_in_memory);
        let works = |id: &TargetId| {
            let standing = states.state(*id).map(|state| Standing::of(&state, now));
            matches!(standing, Some(Standing::Working { .. } | Standing::Retrying { .. }))
        };
        held.map(|(id, _)| id).filter(works).collect()
    }

    /// After this long without a line, [`Progress::silent`] is due.
    pub(super) fn patience(&self) -> Duration {
        if self.bar.is_some() { TICK } else { SILENCE }
    }

    /// Nothing was recorded for a while.
    pub(super) fn silent(&self, out: &mut Output) {
        if self.bar.is_some() {
            return self.draw_in_time();
        }
        if self.states().is_some_and(|states| states.ids().next().is_some()) {
            out.notice(&self.heartbeat());
        }
    }

    /// What is said after a silence where there is no bar.
    fn heartbeat(&self) -> String {
        let forecast = self.outlook().map(|outlook| format!("; {}", outlook.words("; "))).unwrap_or_default();
        format!("{}  still going: {}{forecast}\n", self.env.clock.now().short(), self.tally().say())
    }

    fn tally(&self) -> Tally {
        self.states().map(|states| Tally::of(&states, self.env.clock.now())).unwrap_or_default()
    }

    /// When it will be over, and what holds it back.
    fn outlook(&self) -> Option<Outlook> {
        let (now, budget) = (self.env.clock.now(), self.budget.as_ref());
        let pacing = budget.map_or_else(Pacing::usual, Pacing::of);
        let Bulletin { rates, hindrance } = budget.map(Bulletin::of).unwrap_or_default();
        let states = self.states()?;
        let estimate = forecast::left(&states, &pacing, &rates, [self.owned, now])?;
        Some(Outlook::of(&estimate, hindrance_of(hindrance, &states, now), now))
    }

    /// Counting targets takes a while where there are many: at most a twentieth of the time is spent on it.
    fn draw_in_time(&self) {
        let begun = self.env.clock.elapsed();
        if begun >= self.due.get() {
            self.draw();
            let now = self.env.clock.elapsed();
            self.due.set(now + self.draw_every.max(20 * now.saturating_sub(begun)));
        }
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            let tally = self.tally();
            bar.set_position(u64::from(tally.over()));
            bar.set_message(tally.say());
            bar.set_prefix(self.outlook().map(|outlook| outlook.words("\n")).unwrap_or_default());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Without colours: what matters are the words.
fn bar(plan: &PackedPlan, target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(plan.changing() as u64), target);
    let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len}  {elapsed}\n{msg}\n{prefix}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::azure::Azure;
    use crate::azure::quota::Operation;
    use crate::domain::event::{Event, Line};
    use crate::domain::id::Digest;
    use crate::domain::plan::{Plan, file};
    use crate::drill::{self, Audience};
    use crate::engine::recovery::Recovery;
    use crate::env::Clock;
    use crate::wire::budget::Start;
    use indicatif::InMemoryTerm;
    use std::sync::{Arc, Mutex, OnceLock};

    const PLAYBOOK: &str = include_str!("../../playbooks/leaked-app-secret.yaml");

    /// A drill's plan and everything that its log says.
    #[derive(Default)]
    pub(crate) struct Kept {
        pub(crate) plan: Option<Arc<PackedPlan>>,
        pub(crate) lines: Vec<Line>,
    }

    impl Audience for Kept {
        fn planned(&mut self, plan: &Plan, _: &Digest) {
            let bytes = file::write(plan).unwrap();
            self.plan = Some(Arc::new(PackedPlan::read(&bytes).unwrap()));
        }
        fn event(&mut self, line: &Line) {
            self.lines.push(line.clone());
        }
    }

    /// Held once for all tests, in a runtime of its own.
    pub(crate) fn a_drill() -> &'static Kept {
        static KEPT: OnceLock<Kept> = OnceLock::new();
        KEPT.get_or_init(|| {
            let holding = std::thread::spawn(|| Kept::of(PLAYBOOK));
            holding.join().unwrap()
        })
    }

    impl Progress {
        /// Of a run that is about to begin, at a time, perhaps with a bar.
        pub(crate) fn at(at: &Line, bar: Option<ProgressBar>) -> Self {
            let env = Env::simulated(Clock::starting_at(at.time), 1);
            let (due, draw_every) = (Cell::new(Duration::ZERO), Duration::ZERO);
            Self { states: None, owned: at.time, env, bar, budget: None, due, draw_every }
        }
    }

    impl Kept {
        pub(crate) fn of(playbook: &str) -> Self {
            let mut kept = Kept::default();
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            let held = async { drill::hold(&drill::environment(1), playbook, &mut kept).await.map(drop) };
            runtime.block_on(held).unwrap();
            kept
        }

        /// What the log has come to with these lines.
        pub(crate) fn states(&self, lines: &[Line]) -> SharedStates {
            let mut recovery = Recovery::new(self.plan.as_ref().unwrap());
            lines.iter().for_each(|line| recovery.fold(line));
            Arc::new(Mutex::new(recovery.take_states()))
        }
    }

    fn on(term: &InMemoryTerm, plan: &PackedPlan) -> ProgressBar {
        bar(plan, ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255))
    }

    /// What stands on the terminal when the log has come to the first line of this event. The time
    /// that has passed is the machine's.
    fn shown(kept: &Kept, until: &str) -> String {
        let planned = kept.plan.as_ref().unwrap();
        let end = kept
            .lines
            .iter()
            .position(|l| l.to_bytes().unwrap().windows(until.len()).any(|w| w == until.as_bytes()));
        let end = end.unwrap_or_else(|| panic!("no {until}"));
        let term = InMemoryTerm::new(10, 80);
        let bar = on(&term, planned);
        let mut progress = Progress::at(&kept.lines[end], Some(bar.clone()));
        progress.look_at(kept.states(&kept.lines[..=end]));
        progress.shows(|| {});
        bar.force_draw();
        let text = term.contents();
        let but_the_time = |line: &str| {
            let is_time = |word: &str| word.ends_with('s') && !word.contains(' ');
            line.split("  ").filter(|w| !is_time(w)).collect::<Vec<_>>().join("  ")
        };
        text.lines().map(but_the_time).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test(start_paused = true)]
    async fn the_bar_says_what_status_says() {
        let kept = a_drill();
        let stages =
            ["target.started", "\"minted\"", "\"published\"", "hold.opened", "\"retired\"", "target.ended"];
        let all: Vec<String> = stages.iter().map(|s| format!("{s}: {}", shown(kept, s))).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        target.started: [                        ] 0/1
        1 in flight (mint)
        finish about 2026-01-06 05:03:13Z, in 1d 2h
        limited by: no quota, a hold
        "minted": [                        ] 0/1
        1 waiting for propagation (verify)
        finish about 2026-01-06 05:03:10Z, in 1d 2h
        limited by: no quota, a hold
        "published": [                        ] 0/1
        1 in flight (hold)
        finish about 2026-01-06 05:03:10Z, in 1d 2h
        limited by: no quota, a hold
        hold.opened: [                        ] 0/1
        1 holding until 2026-01-06 05:00:55Z
        finish about 2026-01-06 05:03:10Z, in 1d 2h
        limited by: no quota, a hold
        "retired": [                        ] 0/1
        1 waiting for propagation (prove)
        finish about 2026-01-06 05:03:07Z, in 1m 40s
        limited by: no quota, changes have to spread
        target.ended: [========================] 1/1
        1 done
        "#);
    }

    /// The same words without a bar; and the bucket by name where the run's own budget says who waits for it.
    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_names_what_holds_the_run_back() {
        let kept = a_drill();
        let end = kept.lines.iter().position(|l| matches!(l.event, Event::TargetStarted(_))).unwrap();
        let mut progress = Progress::at(&kept.lines[end], None);
        progress.look_at(kept.states(&kept.lines[..=end]));
        insta::assert_snapshot!(progress.heartbeat(), @"2026-01-05 03:00:01Z  still going: 1 in flight (mint); finish about 2026-01-06 05:03:13Z, in 1d 2h; limited by: no quota, a hold");
        let budget = Azure::budget_for(&progress.env, 70, Start::Empty);
        progress.budget = Some(budget.clone());
        let draws = crate::azure::quota::draws(Operation::WriteObject).0;
        let looks = async {
            progress.env.clock.sleep(Duration::from_millis(10)).await;
            insta::assert_snapshot!(progress.heartbeat(), @"2026-01-05 03:00:01Z  still going: 1 in flight (mint); finish about 2026-01-06 05:03:13Z, in 1d 2h; limited by: directory writes, 14.0/s of 20.0/s, 1 waiting");
        };
        tokio::join!(budget.permit(&draws), looks);
    }

    #[tokio::test(start_paused = true)]
    async fn the_bar_goes_when_the_run_does() {
        let kept = a_drill();
        let planned = kept.plan.as_ref().unwrap();
        let term = InMemoryTerm::new(10, 100);
        let progress = Progress::at(&kept.lines[0], Some(on(&term, planned)));
        progress.draw();
        assert!(term.contents().contains("0/1"), "{}", term.contents());
        drop(progress);
        assert_eq!(term.contents(), "");
    }
}
