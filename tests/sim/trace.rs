//! What happened in a run of the simulator, one line each, and how often each kind of thing did.

use reissue::domain::time::Timestamp;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Trace {
    began: Option<Timestamp>,
    lines: Vec<String>,
    counts: BTreeMap<String, u64>,
    /// The first broken promise; the run is over with it.
    broken: Option<String>,
    aloud: bool,
}

impl Trace {
    pub(crate) fn new(began: Timestamp, aloud: bool) -> Self {
        Self { began: Some(began), aloud, ..Self::default() }
    }
    pub(crate) fn say(&mut self, now: Timestamp, what: &str) {
        let ms = self.began.map_or(0, |b| now.since(b).as_millis());
        let line = format!("{:>9}.{:03} {what}", ms / 1000, ms % 1000);
        if self.aloud {
            println!("{line}");
        }
        self.lines.push(line);
    }
    pub(crate) fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }
    pub(crate) fn add(&mut self, what: &str, times: u64) {
        *self.counts.entry(what.to_owned()).or_default() += times;
    }
    pub(crate) fn break_promise(&mut self, now: Timestamp, what: &str) {
        self.say(now, &format!("BROKEN {what}"));
        self.broken.get_or_insert_with(|| what.to_owned());
    }
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }
    pub(crate) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}
