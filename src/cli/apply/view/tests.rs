//! The view in virtual time: heartbeats, what a Ctrl-C is answered with, and silence with `--json`.

use super::{FromRun, Seen, View};
use crate::cli::human::{Output, tests::Kept};
use crate::cli::progress::Progress;
use crate::cli::progress::tests::a_drill;
use crate::domain::event::Line;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

/// What somebody does while the view is open.
struct Hands {
    log: Option<oneshot::Sender<FromRun>>,
    lines: Vec<Line>,
    press: UnboundedSender<()>,
    asked: watch::Receiver<bool>,
}

impl Hands {
    /// The log is opened, and holds everything up to the mint.
    fn mint(&mut self) -> UnboundedSender<Arc<Line>> {
        let (record, lines) = unbounded_channel();
        let minted = |l: &Line| String::from_utf8(l.to_bytes().unwrap()).unwrap().contains("\"minted\"");
        let end = self.lines.iter().position(minted).unwrap();
        let states = a_drill().states(&self.lines[..=end]);
        assert!(self.log.take().unwrap().send((lines, states)).is_ok());
        self.lines.drain(..=end).for_each(|line| record.send(Arc::new(line)).unwrap());
        record
    }
}

/// What was seen and what stands on stdout and stderr.
async fn looked(json: bool, act: impl AsyncFnOnce(Hands)) -> (Seen, String, String) {
    let kept = a_drill();
    let ((out, stdout), (err, stderr)) = (Kept::new(), Kept::new());
    let mut output = Output::to(Box::new(stdout), Box::new(stderr), json);
    let (press, interrupts) = unbounded_channel();
    let (stop, asked) = watch::channel(false);
    let (log, from_run) = oneshot::channel();
    let progress = Progress::at(&kept.lines[0], None);
    let view = View { out: &mut output, progress, interrupts, stop };
    let hands = Hands { log: Some(log), lines: kept.lines.clone(), press, asked };
    let (seen, ()) = tokio::join!(view.show(from_run), act(hands));
    (seen, out.text(), err.text())
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_after_half_a_minute() {
    let (seen, _, err) = looked(false, async |mut hands: Hands| {
        let _record = hands.mint();
        tokio::time::sleep(Duration::from_secs(29)).await;
    })
    .await;
    assert_eq!((seen, err.as_str()), (Seen::Everything, ""), "29 s are no silence");
    let (_, _, err) = looked(false, async |mut hands: Hands| {
        let _record = hands.mint();
        tokio::time::sleep(Duration::from_secs(61)).await;
    })
    .await;
    insta::assert_snapshot!(err, @r"
    2026-01-05 03:00:31Z  still going: 1 waiting for propagation (verify); finish about 2026-01-06 05:03:11Z, in 1d 2h; limited by: no quota, a hold
    2026-01-05 03:01:01Z  still going: 1 waiting for propagation (verify); finish about 2026-01-06 05:03:20Z, in 1d 2h; limited by: no quota, a hold
    ");
}

#[tokio::test(start_paused = true)]
async fn with_json_there_are_objects_and_nothing_else() {
    let (_, out, err) = looked(true, async |mut hands: Hands| {
        let _record = hands.mint();
        tokio::time::sleep(Duration::from_secs(600)).await;
        hands.press.send(()).unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
    })
    .await;
    assert_eq!(err, "");
    assert!(out.lines().count() > 5);
    for line in out.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(object.is_object(), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_press_is_answered_and_the_second_is_enough() {
    let (seen, _, err) = looked(false, async |mut hands: Hands| {
        let _record = hands.mint();
        hands.press.send(()).unwrap();
        hands.asked.wait_for(|asked| *asked).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        hands.press.send(()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    })
    .await;
    assert_eq!(seen, Seen::Enough);
    insta::assert_snapshot!(err, @r"
    leaving at the next safe place; press Ctrl-C again to stop at once
    finishing t1: its new secret is only in memory; press Ctrl-C again to stop at once (it will then be discarded and minted again)
    ");
}

#[tokio::test(start_paused = true)]
async fn before_the_log_is_open_there_is_nothing_to_leave() {
    let (seen, out, err) = looked(false, async |hands: Hands| {
        hands.press.send(()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    })
    .await;
    assert_eq!((seen, out + &err), (Seen::NothingBegun, String::new()));
}
