//! How far many tenants are: a bar on a terminal, a plain line after a while elsewhere. With `--json`, an
//! object as each tenant ends.

use super::{Ended, ExitCode, Session};
use crate::cli::human::{Notices, Output};
use crate::cli::line::Line;
use crate::domain::fleet::Tenant;
use crate::domain::text::{Text, count};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a bar is drawn again.
const TICK: Duration = Duration::from_secs(1);
/// Silence that makes people wonder.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) struct Progress {
    names: Vec<Text<64>>,
    rows: RefCell<Vec<Option<Ended>>>,
    /// One for each tenant.
    lines: Vec<Line>,
    /// For the objects of rows.
    out: RefCell<Output>,
    notices: Notices,
    bar: Option<ProgressBar>,
    /// The tenants tell of themselves.
    told: bool,
}

/// A row, for programs.
#[derive(Serialize)]
struct RowObject<'a> {
    tenant: &'a str,
    exit: u8,
    said: &'a str,
    next: &'a [String],
}

impl Progress {
    pub(super) fn new(tenants: &[Tenant], told: bool, session: &Session) -> Self {
        let live = session.out.is_live() && !session.out.is_json() && !told;
        let bar = live.then(|| bar(tenants.len() as u64));
        bar.iter().for_each(|bar| session.out.stands(bar));
        Self {
            names: tenants.iter().map(|t| t.name.clone()).collect(),
            rows: RefCell::new(vec![None; tenants.len()]),
            lines: Vec::new(),
            out: RefCell::new(session.out.again()),
            notices: session.out.notices(),
            bar,
            told,
        }
    }

    /// The next tenant's line.
    pub(super) fn watches(&mut self, line: &Line) {
        self.lines.push(line.clone());
    }

    /// A tenant has ended.
    pub(super) fn over(&self, number: usize, ended: Ended) {
        let Ended { exit, said, next } = &ended;
        let object = RowObject { tenant: &self.names[number], exit: exit.number(), said, next };
        self.out.borrow_mut().object("fleet_row", &object);
        self.rows.borrow_mut()[number] = Some(ended);
        self.draw();
    }

    /// Somebody has pressed Ctrl-C. Tenants that tell of themselves say so too.
    pub(super) fn leaving(&self) {
        if !self.told {
            let at_work = count(self.names.len() - self.ended(), "tenant is", "tenants are");
            self.notices.say(&format!(
                "{at_work} asked to leave at the next safe place; press Ctrl-C again to stop at once"
            ));
        }
    }

    /// After this long, [`Progress::still`] is due.
    pub(super) fn patience(&self) -> Duration {
        if self.bar.is_some() { TICK } else { SILENCE }
    }

    /// Time has passed.
    pub(super) fn still(&self) {
        match &self.bar {
            Some(_) => self.draw(),
            None if !self.told => self.notices.say(&format!("still going: {}", self.say())),
            None => {}
        }
    }

    /// `412 of 1000 tenants have ended: 400 with 0, 12 with 1`.
    fn say(&self) -> String {
        let (ended, all) = (self.ended(), self.names.len());
        let exits = say_exits(self.rows.borrow().iter().flatten().map(|row| row.exit));
        let exits = if exits.is_empty() { exits } else { format!(": {exits}") };
        let standstill = self.standstill().map(|what| format!("; {what}")).unwrap_or_default();
        format!("{ended} of {} ended{exits}{standstill}", count(all, "tenant has", "tenants have"))
    }

    /// `bb: no answer from …`: of tenants that have not ended, the first of which nothing goes on.
    fn standstill(&self) -> Option<String> {
        let rows = self.rows.borrow();
        let open = self.names.iter().zip(&self.lines).zip(rows.iter()).filter(|(_, row)| row.is_none());
        let mut stand = open.filter_map(|((name, line), _)| Some((name, line.standstill()?)));
        let (name, what) = stand.next()?;
        let more = match stand.count() {
            0 => String::new(),
            more => format!(" (and {more} more of them)"),
        };
        Some(format!("{name}: {what}{more}"))
    }

    fn ended(&self) -> usize {
        self.rows.borrow().iter().flatten().count()
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            bar.set_position(self.ended() as u64);
            bar.set_message(say_exits(self.rows.borrow().iter().flatten().map(|row| row.exit)));
            bar.set_prefix(self.standstill().unwrap_or_default());
        }
    }

    /// How all of them ended.
    pub(super) fn into_rows(self) -> Vec<Ended> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        // All have ended when the command has; if not, that is a fault to be told like any other.
        self.rows.into_inner().into_iter().map(|row| row.unwrap_or_else(Ended::panicked)).collect()
    }
}

/// `400 with 0, 12 with 1`.
pub(super) fn say_exits(exits: impl Iterator<Item = ExitCode>) -> String {
    let mut numbers: BTreeMap<u8, u32> = BTreeMap::new();
    exits.for_each(|exit| *numbers.entry(exit.number()).or_default() += 1);
    let parts: Vec<String> = numbers.iter().map(|(exit, n)| format!("{n} with {exit}")).collect();
    parts.join(", ")
}

fn bar(tenants: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(tenants), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("[{bar:24}] {pos}/{len} tenants  {elapsed}  {wide_msg}\n{prefix}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::{Azure, quota::Operation};
    use crate::cli::human::tests::Kept;
    use crate::domain::time::Timestamp;
    use crate::env::{Clock, Env};
    use crate::wire::budget::Start;

    #[tokio::test(start_paused = true)]
    async fn a_tenant_of_which_nothing_goes_on_is_named_until_it_has_ended() {
        let ((_, stdout), (_, stderr)) = (Kept::new(), Kept::new());
        let out = Output::to(Box::new(stdout), Box::new(stderr), false);
        let env = Env::simulated(Clock::starting_at(Timestamp::from_unix_s(1_000_000)), 1);
        let names: Vec<Text<64>> = ["aa", "bb", "cc"].map(Text::lossy).into();
        let lines: Vec<Line> = names.iter().map(|_| Line::new(out.notices())).collect();
        let budgets: Vec<_> = names.iter().map(|_| Azure::budget_for(&env, 70, Start::Full)).collect();
        lines.iter().zip(&budgets).for_each(|(line, budget)| line.draws_on(budget));
        let (notices, rows) = (out.notices(), RefCell::new(vec![None; 3]));
        let progress =
            Progress { names, rows, lines, out: RefCell::new(out), notices, bar: None, told: false };
        assert_eq!(progress.say(), "0 of 3 tenants have ended");
        let draws = crate::azure::quota::draws(Operation::WriteObject).0;
        for _ in 0..4 {
            env.clock.sleep(Duration::from_secs(10)).await;
            for budget in &budgets[1..] {
                budget.note_response(&draws, http::StatusCode::TOO_MANY_REQUESTS, &http::HeaderMap::new());
            }
        }
        let refused = "directory writes, refused by the service as too much (429) since 1970-01-12 13:46:50Z";
        let said = progress.say();
        assert!(said.starts_with(&format!("0 of 3 tenants have ended; bb: {refused}")), "{said}");
        assert!(said.ends_with(" (and 1 more of them)"), "{said}");
        progress.over(1, Ended::panicked());
        let said = progress.say();
        assert!(said.contains(&format!("; cc: {refused}")) && !said.contains("more"), "{said}");
    }
}
