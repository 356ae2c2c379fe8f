//! How far many tenants are: a bar on a terminal, a plain line after a while elsewhere. With `--json`, an
//! object as each tenant ends.

use super::{Ended, ExitCode, Session};
use crate::cli::human::{Notices, Output};
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
            out: RefCell::new(session.out.again()),
            notices: session.out.notices(),
            bar,
            told,
        }
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
        format!("{ended} of {} ended{exits}", count(all, "tenant has", "tenants have"))
    }

    fn ended(&self) -> usize {
        self.rows.borrow().iter().flatten().count()
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            bar.set_position(self.ended() as u64);
            bar.set_message(say_exits(self.rows.borrow().iter().flatten().map(|row| row.exit)));
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
    let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len} tenants  {elapsed}  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}
