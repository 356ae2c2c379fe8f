//! Leaving when asked: whatever a run is doing when somebody presses Ctrl-C, it leaves within
//! seconds, unless a value lives in its memory alone; and whoever resumes it comes to the same end.

use crate::support::rehearsal::{Rehearsal, in_virtual_time};
use crate::support::slate::Slate;
use reissue::domain::event::{Event, Line};
use reissue::domain::plan::{Plan, Planned, file};
use reissue::domain::step::{Effect, Keeper, Verb};
use reissue::engine::{Left, Outcome};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};

/// Reading and waiting end at once.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A write that is on the way is finished, with the reads that belong to it.
const FINISHING: Duration = Duration::from_secs(60);
/// In the middle of what a step does.
const INTO_THE_STEP: Duration = Duration::from_secs(7);

type Lines = UnboundedReceiver<Arc<Line>>;

/// A run that was asked to leave, and then resumed.
struct Departure {
    plan: Plan,
    left: Outcome,
    took: Duration,
    /// What was recorded before the request, and after it.
    before: Vec<Event>,
    after: Vec<Event>,
    resumed: Outcome,
    slate: Slate,
}

/// Asks the run to leave a while after the `nth` intent. None: it came to its end before.
async fn leave_after(text: &str, nth: usize) -> Option<Departure> {
    let rehearsal = Rehearsal::new(text);
    let clock = rehearsal.env.clock;
    let plan = rehearsal.plan().await.unwrap();
    let bytes = file::write(&plan).unwrap();
    let home = rehearsal.found().await;
    rehearsal.approve(&home, &bytes);
    let (ask, stop) = watch::channel(false);
    let (log, begun) = oneshot::channel();
    let apply = rehearsal.apply_until(&home, &bytes, false, stop, |journal| {
        log.send((journal.subscribe(), journal.subscribe())).unwrap_or_else(|_| panic!("nobody looks"));
    });
    let (mut asked, mut seen, mut record) = (None, 0, None);
    let asking = async {
        let (mut lines, all): (Lines, Lines) = begun.await.unwrap();
        record = Some(all);
        let mut intents = 0;
        while intents <= nth {
            let Some(line) = lines.recv().await else { return pending().await };
            intents += usize::from(matches!(line.event, Event::StepIntent(_)));
            seen += 1;
        }
        clock.sleep(INTO_THE_STEP).await;
        while lines.try_recv().is_ok() {
            seen += 1;
        }
        asked = Some(clock.elapsed());
        ask.send(true).unwrap();
        pending::<()>().await;
    };
    let left = tokio::select! {
        biased;
        left = apply => left.unwrap(),
        () = asking => unreachable!(),
    };
    let took = clock.elapsed() - asked?;
    let mut record = record?;
    let events: Vec<Event> = std::iter::from_fn(|| Some(record.try_recv().ok()?.event.clone())).collect();
    let (before, after) = (events[..seen].to_vec(), events[seen..].to_vec());
    let (_keep, stop) = watch::channel(false);
    let resumed = match left.left {
        Left::Finished => left.clone(),
        _ => rehearsal.apply_until(&home, &bytes, true, stop, |_| {}).await.unwrap(),
    };
    let slate = Slate::of(&rehearsal).await;
    Some(Departure { plan, left, took, before, after, resumed, slate })
}

impl Departure {
    fn is_cut_short(&self) -> bool {
        let cut = |e: &Event| matches!(e, Event::StepFailed(f) if f.fault.code.as_str() == "cut_short");
        self.after.iter().any(cut)
    }

    fn publishes(&self) -> bool {
        let published =
            |e: &Event| matches!(e, Event::StepDone(d) if matches!(d.effect, Effect::Published { .. }));
        self.after.iter().any(published)
    }

    /// Whether a value lived in memory alone when the run was asked, or soon after.
    fn held_a_value(&self) -> bool {
        let effects = |events: &[Event]| {
            let done = events.iter().filter_map(|e| match e {
                Event::StepDone(d) => Some(d.effect.clone()),
                _ => None,
            });
            done.collect::<Vec<_>>()
        };
        let minted = |e: &Effect| matches!(e, Effect::Minted { keeper: Keeper::Memory, .. });
        let published = |e: &Effect| matches!(e, Effect::Published { .. });
        let before = effects(&self.before);
        let held = before.iter().any(minted) && !before.iter().any(published);
        held || effects(&self.after).iter().any(minted)
    }

    /// Whether a write was on the way: its outcome came after the request.
    fn finished_a_write(&self) -> bool {
        let Some(Planned::Change(target)) = self.plan.targets.first() else { return false };
        let verb = |no: u16| target.steps.iter().find(|s| s.no == no).map(|s| s.verb);
        let done = self.after.iter().filter_map(|e| match e {
            Event::StepDone(d) => verb(d.step),
            _ => None,
        });
        done.into_iter().any(Verb::writes)
    }
}

fn judge(d: &Departure, at: &str) {
    assert!(matches!(d.left.left, Left::Interrupted | Left::Finished), "{at}");
    match (d.held_a_value(), d.finished_a_write()) {
        (true, _) => assert!(d.publishes() && !d.is_cut_short(), "the value is published first: {at}"),
        (false, true) => assert!(d.took <= FINISHING, "{at}"),
        (false, false) => assert!(d.took <= AT_ONCE, "{at}"),
    }
    assert_eq!(d.resumed.left, Left::Finished, "{at}");
    assert_eq!(d.resumed.done + d.resumed.not_evicted, 1, "{at}");
}

#[test]
fn whatever_it_does_it_leaves_soon_and_comes_to_the_same_end() {
    let files = std::fs::read_dir("tests/playbooks/saga").unwrap().map(|f| f.unwrap().path());
    let (mut departures, mut cut, mut values) = (0, 0, 0);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut end = None;
        for nth in 0.. {
            let Some(d) = in_virtual_time(leave_after(&text, nth)) else { break };
            let at = format!(
                "{} after intent {nth}: {:?} after {:?}\n{:#?}\n{:?}",
                file.display(),
                d.left,
                d.took,
                d.after,
                d.resumed
            );
            judge(&d, &at);
            assert_eq!(*end.get_or_insert_with(|| d.slate.clone()), d.slate, "{at}");
            departures += 1;
            cut += usize::from(d.is_cut_short());
            values += usize::from(d.held_a_value());
        }
    }
    assert!(
        departures >= 40 && cut >= 20 && values >= 4,
        "{departures} departures, {cut} cut, {values} held"
    );
}
