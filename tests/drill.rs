//! Whole rehearsals, judged by the lab's ledger.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience, DrillFailure, DrillResult};

#[derive(Default)]
struct Heard {
    events: Vec<String>,
}

impl Audience for Heard {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, line: &Line) {
        self.events.push(String::from_utf8(line.to_bytes().unwrap()).unwrap());
    }
}

fn hold(text: &str, seed: u64) -> (Result<DrillResult, DrillFailure>, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let env = drill::environment(seed);
        let mut heard = Heard::default();
        let result = drill::hold(&env, text, &mut heard).await;
        (result, heard.events)
    })
}

#[test]
fn the_shipped_playbook_replaces_the_secret() {
    let text = std::fs::read_to_string("playbooks/leaked-app-secret.yaml").unwrap();
    let (result, events) = hold(&text, 1);
    for e in &events {
        println!("{e}");
    }
    let result = result.unwrap();
    println!("{:?} {:#?} {:#?}", result.outcome, result.consumers, result.attackers);
    assert_eq!(result.outcome.done, 1);
}
