//! How far a plan is, while the tenant is read: a line that is written over on a terminal, a plain one after
//! a while of silence elsewhere, an object with `--json`.

use crate::cli::hindrance::hindrance;
use crate::cli::human::Output;
use crate::connector::reading::{ReadSoFar, Reading};
use crate::domain::text::count;
use crate::wire::budget::Budget;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::pin::pin;
use std::time::Duration;

/// How often the line of a terminal is drawn again.
const TICK: Duration = Duration::from_secs(1);
/// Silence that makes people wonder.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) struct Watch {
    pub(super) reading: Reading,
    /// Which knows what is waited for.
    pub(super) budget: Budget,
}

impl Watch {
    /// Tells of this work until it is done.
    pub(super) async fn over<T>(&self, work: impl Future<Output = T>, out: &Output) -> T {
        let live = (out.is_live() && !out.is_json()).then(|| line(ProgressDrawTarget::stderr()));
        live.iter().for_each(|line| out.stands(line));
        self.until(work, live, &mut out.again()).await
    }

    async fn until<T>(
        &self,
        work: impl Future<Output = T>,
        live: Option<ProgressBar>,
        out: &mut Output,
    ) -> T {
        let mut work = pin!(work);
        // It goes however this ends: an interrupt drops the work.
        let live = live.map(Drawn);
        let patience = if live.is_some() { TICK } else { SILENCE };
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(patience) => match &live {
                    Some(Drawn(line)) => self.draw(line),
                    None if out.is_json() => out.object("plan_reading", &self.object()),
                    None => out.notices().say(&self.heartbeat()),
                },
            }
        }
    }

    fn draw(&self, line: &ProgressBar) {
        line.set_message(self.what());
        line.set_prefix(self.limit().unwrap_or_default());
        line.force_draw();
    }

    /// `still reading: 3400 of 10000 targets; limited by: vault reads, 280.0/s of 400.0/s, 64 waiting`.
    fn heartbeat(&self) -> String {
        let limit = self.limit().map(|limit| format!("; {limit}")).unwrap_or_default();
        format!("still reading: {}{limit}", self.what())
    }

    /// The same for programs.
    fn object(&self) -> serde_json::Value {
        let (reads, read, of) = match self.reading.so_far() {
            ReadSoFar::Ground => ("tenant", None, None),
            ReadSoFar::Around => ("surroundings", None, None),
            ReadSoFar::Lists { pages, about } => ("pages_of_lists", Some(pages), Some(about)),
            ReadSoFar::Targets { read, all } => ("targets", Some(read), Some(all)),
        };
        serde_json::json!({ "reads": reads, "read": read, "of": of, "limited_by": hindrance(&self.budget).map(|by| by.what) })
    }

    fn what(&self) -> String {
        match self.reading.so_far() {
            ReadSoFar::Ground => "who we are here, and how large the tenant is".to_owned(),
            ReadSoFar::Around => "what the stores hold, and who may do what".to_owned(),
            ReadSoFar::Lists { pages, about } => {
                format!("the tenant's lists, {pages} of about {}", count(about, "page", "pages"))
            }
            ReadSoFar::Targets { read, all } => format!("{read} of {}", count(all, "target", "targets")),
        }
    }

    fn limit(&self) -> Option<String> {
        hindrance(&self.budget).map(|by| format!("limited by: {}", by.what))
    }
}

/// A line on the terminal, which is cleared in the end.
struct Drawn(ProgressBar);

impl Drop for Drawn {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn line(target: ProgressDrawTarget) -> ProgressBar {
    let line = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("reading  {elapsed}  {wide_msg}\n{prefix}");
    line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::Azure;
    use crate::azure::quota::{Operation, draws};
    use crate::cli::human::tests::Kept;
    use crate::env::{Clock, Env};
    use crate::wire::budget::Start;
    use indicatif::InMemoryTerm;

    /// A minute and a half of reading: who we are, a page of lists while others wait for the quota of
    /// certificates, two of three targets.
    async fn told(live: Option<ProgressBar>, json: bool, seen: impl Fn()) -> String {
        let env = Env::simulated(Clock::starting_at("2026-01-05T03:00:00Z".parse().unwrap()), 1);
        let budget = Azure::budget_for(&env, 70, Start::Empty);
        let (reader, writer) = Kept::new();
        let (out, err) = match json {
            true => (Box::new(writer) as Box<dyn std::io::Write + Send>, Box::new(std::io::sink()) as _),
            false => (Box::new(std::io::sink()) as _, Box::new(writer) as _),
        };
        let mut out = Output::to(out, err, json);
        let watch = Watch { reading: Reading::default(), budget: budget.clone() };
        let reading = watch.reading.clone();
        let work = async {
            let second = Duration::from_millis(1_100);
            tokio::time::sleep(SILENCE + second).await;
            seen();
            reading.begin();
            reading.lists(6, 99_999);
            reading.page();
            let keys = draws(Operation::ReadKeys);
            let all = futures::future::join_all((0..60).map(|_| budget.permit(&keys.0)));
            tokio::select! {
                _ = all => {},
                () = tokio::time::sleep(SILENCE) => {}
            }
            seen();
            reading.targets(3);
            reading.target();
            reading.target();
            tokio::time::sleep(SILENCE + second).await;
            seen();
        };
        watch.until(work, live, &mut out).await;
        reader.text()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_reading_tells_how_far_it_is_and_what_holds_it_back() {
        insta::assert_snapshot!(told(None, false, || {}).await, @r"
        still reading: who we are here, and how large the tenant is
        still reading: the tenant's lists, 1 of about 606 pages; limited by: reads of certificates, 1.8/s of 2.5/s, 10 waiting
        still reading: 2 of 3 targets
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_is_told_too() {
        insta::assert_snapshot!(told(None, true, || {}).await, @r#"
        {"v":1,"kind":"plan_reading","limited_by":null,"of":null,"read":null,"reads":"tenant"}
        {"v":1,"kind":"plan_reading","limited_by":"reads of certificates, 1.8/s of 2.5/s, 10 waiting","of":606,"read":1,"reads":"pages_of_lists"}
        {"v":1,"kind":"plan_reading","limited_by":null,"of":3,"read":2,"reads":"targets"}
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_terminal_is_drawn_every_second() {
        let term = InMemoryTerm::new(10, 80);
        let live = line(ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255));
        let shown = std::cell::RefCell::new(Vec::new());
        let words = |text: String| {
            text.split("  ").filter(|w| !w.ends_with('s') || w.contains(' ')).collect::<Vec<_>>().join("  ")
        };
        told(Some(live), false, || shown.borrow_mut().push(words(term.contents()))).await;
        insta::assert_snapshot!(shown.take().join("\n"), @r"
        reading  who we are here, and how large the tenant is
        reading  the tenant's lists, 1 of about 606 pages
        limited by: reads of certificates, 1.8/s of 2.5/s, 8 waiting
        reading  2 of 3 targets
        ");
        assert_eq!(term.contents(), "", "it goes when the reading is over");
    }
}
