//! The report: what it says, that it says the same every time, that a tampered log yields none, and
//! that no name in it can do harm.

mod split;

use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::domain::text::is_hostile;
use reissue::drill::{self, Audience};
use reissue::env::{Disk, Env, RealDisk};
use reissue::report::{self, Judged, Model, csv, html, json};
use reissue::trail::Home;
use reissue::trail::verify::Trust;
use std::path::Path;

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

fn rehearsed(text: &str) -> (Env, Home) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let env = drill::environment(1);
        drill::hold(&env, text, &mut Nobody).await.unwrap_or_else(|e| panic!("{e}"));
        let home = Home::open(&env, Path::new("drill")).unwrap();
        (env, home)
    })
}

const EVERY_KIND: &str = "tests/playbooks/every-kind";

fn playbook(name: &str) -> String {
    let bytes = RealDisk.read(Path::new(&format!("{name}.yaml")), 1 << 20).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn judged(env: &Env, home: &Home) -> Judged {
    let trust = Trust {
        key: home.vkey().unwrap(),
        roster: Some(home.install.roster),
        anchors: Vec::new(),
        keepers: Default::default(),
    };
    report::read(&env.disk, &home.log(), &trust, None).unwrap()
}

fn model(text: &str) -> Model {
    let (env, home) = rehearsed(text);
    match judged(&env, &home) {
        Judged::Sound(model) => *model,
        Judged::Tampered(refusal) => panic!("{:?}", refusal.report.findings),
    }
}

/// The parts that people act on, without what a new key or a new event would change.
fn told(model: &Model) -> String {
    use std::fmt::Write;
    let headline = model.summary.headline.split(';').next().unwrap();
    let mut out = format!("{:?}: {headline}\n", model.summary.tone);
    for row in &model.status {
        let reissue::report::model::StatusRow {
            action, total, done, verified, failed, open, excepted, ..
        } = row;
        writeln!(out, "{action}: {total} {done} {verified} {failed} {open} {excepted}").unwrap();
    }
    for target in &model.targets {
        writeln!(out, "{} {}: {}", target.id, target.name, target.standing.words()).unwrap();
        for old in &target.old {
            let proof = old.proof.as_ref().map(|p| p.proof.to_string());
            writeln!(out, "  {}: {}, {}", old.what, old.fate.words(), proof.unwrap_or_default()).unwrap();
        }
        let marks: Vec<&str> = target.marks.iter().map(|m| m.what).collect();
        writeln!(out, "  {}", marks.join(" → ")).unwrap();
    }
    for open in &model.open {
        let what: Vec<&str> = open.what.split(' ').take(4).collect();
        writeln!(out, "open: {}: {} …", open.name, what.join(" ")).unwrap();
    }
    for (good, said) in &model.approvals.separation {
        writeln!(out, "{good}: {said}").unwrap();
    }
    out
}

#[test]
fn a_rehearsal_is_told_as_it_was() {
    insta::assert_snapshot!("every_kind", told(&model(&playbook(EVERY_KIND))));
}

#[test]
fn the_same_log_gives_the_same_bytes() {
    let (env, home) = rehearsed(&playbook("playbooks/contain-first"));
    let page = || match judged(&env, &home) {
        Judged::Sound(m) => {
            (html::page(&m), json::document(&m).unwrap(), csv::table(&m, "events.csv").unwrap())
        }
        Judged::Tampered(_) => panic!("tampered"),
    };
    assert_eq!(page(), page());
}

#[test]
fn the_page_runs_nothing_and_loads_nothing() {
    let page = html::page(&model(&playbook(EVERY_KIND)));
    let lower = page.to_lowercase();
    for bad in ["<script", "javascript:", "src=", "@import", "url(", "<link", "<iframe", "<form", "onerror="]
    {
        assert!(!lower.contains(bad), "{bad}");
    }
    for href in lower.match_indices("href=\"").map(|(at, _)| &lower[at + 6..at + 7]) {
        assert_eq!(href, "#", "links stay on the page");
    }
    assert!(page.contains("default-src 'none'") && page.contains("<html lang=\"en\">"));
    let headers = lower.match_indices("<th ").count();
    assert_eq!(headers, lower.match_indices(" scope=\"").count(), "every header says what it heads");
    for needed in ["prefers-color-scheme:dark", "@media print", "<h1>", "<caption>", "ssh-keygen -y verify"] {
        assert!(lower.contains(needed), "{needed}");
    }
    let ids: Vec<&str> =
        page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "ids are unique");
    for target in page.match_indices("href=\"#").map(|(at, _)| page[at + 7..].split('"').next().unwrap()) {
        assert!(unique.contains(&target), "#{target} leads nowhere");
    }
}

#[test]
fn a_tampered_log_yields_only_what_is_wrong() {
    let (env, home) = rehearsed(&playbook("playbooks/leaked-app-secret"));
    let path = home.log().events();
    let text = String::from_utf8(env.disk.read(&path, 1 << 30).unwrap()).unwrap();
    env.disk.write_atomic(&path, text.replacen("\"attempt\":1", "\"attempt\":2", 1).as_bytes()).unwrap();
    let Judged::Tampered(refusal) = judged(&env, &home) else { panic!("not seen") };
    let page = html::refusal(&refusal);
    assert!(page.contains("TAMPERED") && page.contains("<title>TAMPERED"));
    assert!(!page.contains("proved dead") && !page.contains("payroll"), "nothing of the log is repeated");
    assert!(json::refusal(&refusal).contains("\"tampered\": true"));
    assert!(csv::refusal(&refusal).contains("TAMPERED"));
}

const HOSTILE: [&str; 6] = [
    "<img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "a\u{202e}gnp.exe",
    "\u{1b}[31mred\u{7}",
    "\"><svg/onload=alert(1)>]]>--></style><script>alert(1)</script>",
    "line\r\nbreak\u{2028}\u{0}",
];

#[test]
fn no_name_does_harm() {
    let good = model(&playbook("playbooks/contain-first"));
    let long = format!("{}<b>", "x".repeat(1 << 20));
    for bad in HOSTILE.into_iter().chain([long.as_str()]) {
        let mut model = good.clone();
        model.head.title = bad.into();
        model.head.incident = bad.into();
        model.approvals.author = bad.into();
        for target in &mut model.targets {
            (target.name, target.kind) = (bad.into(), bad.into());
            target.evidence = vec![bad.into()];
            target.other_ways_in = vec![[bad.into(), bad.into(), bad.into()]];
            target.old.iter_mut().for_each(|o| o.name = Some(bad.into()));
            target.steps.iter_mut().for_each(|s| s.actual = bad.into());
        }
        model.events.iter_mut().for_each(|e| e.text = bad.chars().take(5000).collect());
        let page = html::page(&model);
        for tag in ["<img", "<svg/", "<script", "x<b>"] {
            assert!(!page.contains(tag), "{bad:.40} put {tag} into the page");
        }
        assert_eq!(page.matches("</style>").count(), 1, "the style sheet ends once");
        assert!(!page.contains(|c| c != '\n' && is_hostile(c)), "{bad:.40?}");
        let document = json::document(&model).unwrap();
        assert!(!document.contains(|c| c != '\n' && is_hostile(c)), "{bad:.40?}");
        serde_json::from_str::<serde_json::Value>(&document).unwrap();
        for name in csv::TABLES {
            let table = csv::table(&model, name).unwrap();
            let formula = |line: &str| {
                line.split(',').any(|c| c.trim_matches('"').starts_with(['=', '+', '-', '@', '\t']))
            };
            assert!(!table.lines().any(formula), "{name}: {bad:.40?}");
        }
    }
}

/// What a playbook may hold comes through the whole pipeline, and is text at its end.
#[test]
fn hostile_playbooks_are_reported_as_text() {
    let text = playbook(EVERY_KIND)
        .replace("pasted into a support ticket", "\"<img src=x onerror=alert(1)>\"")
        .replace(
            "title: Credentials mailed to a vendor whose mailboxes were read",
            "title: \"=cmd|' /C calc'!A0\"",
        );
    let model = model(&text);
    assert!(model.head.title.starts_with("=cmd"));
    let page = html::page(&model);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;") && !page.contains("<img"));
    let table = csv::table(&model, "credentials.csv").unwrap();
    assert!(table.contains("<img src=x onerror=alert(1)>"), "text stays what it is");
}
