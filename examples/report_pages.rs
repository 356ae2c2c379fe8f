//! Pages and tables for the browser tests (`tests/browser/run.sh`): the report of a drill of forty targets,
//! the same with names that mean harm, and what is said of a tampered log.
//!
//!     cargo run --example report_pages -- FOLDER

use reissue::domain::event::Line;
use reissue::domain::id::Digest;
use reissue::domain::plan::Plan;
use reissue::drill::{self, Audience};
use reissue::env::Env;
use reissue::report::{self, Judged, Model, csv, html, json};
use reissue::trail::Home;
use reissue::trail::verify::Trust;
use std::error::Error;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

const PLAYBOOK: &str = include_str!("../playbooks/midnight-blizzard.yaml");
/// Markup, a formula, a reversed line, terminal colours, an attribute's end, a comment's end.
const HARM: [&str; 8] = [
    "<img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "invoice\u{202e}fdp.exe",
    "\u{1b}[31;1mred\u{1b}[0m\u{7}",
    "\" onmouseover=\"alert(2)",
    "--></style></title><script>alert(3)</script>",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1\r\n+1-1",
];

struct Nobody;
impl Audience for Nobody {
    fn planned(&mut self, _: &Plan, _: &Digest) {}
    fn event(&mut self, _: &Line) {}
}

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let (env, home) = runtime.block_on(async {
        let env = drill::environment(1);
        drill::hold(&env, PLAYBOOK, &mut Nobody).await?;
        let home = Home::open(&env, Path::new("drill"))?;
        Ok::<_, Box<dyn Error>>((env, home))
    })?;
    let Judged::Sound(mut model) = judge(&env, &home)? else {
        return Err("the log was judged tampered".into());
    };
    write(&folder.join("good"), &model)?;
    write_split(&folder.join("large"), &model)?;
    spoil(&mut model);
    write(&folder.join("hostile"), &model)?;
    tamper(&env, &home)?;
    let Judged::Tampered(refusal) = judge(&env, &home)? else { return Err("an edit was not seen".into()) };
    std::fs::write(folder.join("tampered.html"), html::refusal(&refusal))?;
    Ok(())
}

fn judge(env: &Env, home: &Home) -> Outcome<Judged> {
    let trust = Trust {
        key: home.vkey()?,
        roster: Some(home.install.roster),
        anchors: Vec::new(),
        keepers: Default::default(),
    };
    Ok(report::read(&env.disk, &home.log(), &trust, None)?)
}

fn write(to: &Path, model: &Model) -> Outcome<()> {
    std::fs::create_dir_all(to)?;
    std::fs::write(to.join("report.html"), html::page(model))?;
    std::fs::write(to.join("report.json"), json::document(model)?)?;
    for name in csv::TABLES {
        std::fs::write(to.join(name), csv::table(model, name).ok_or("a table without a name")?)?;
    }
    Ok(())
}

/// The report as it is of a large run, with small numbers for large ones.
fn write_split(to: &Path, model: &Model) -> Outcome<()> {
    std::fs::create_dir_all(to)?;
    let split = html::Split { above: 10, targets: 5, lines: 50, bars: 5, rows: 5 };
    let mut written = Ok(());
    html::pages(model, "report.html".as_ref(), &split, &mut |name, page| {
        if written.is_ok() {
            written = std::fs::write(to.join(name), page);
        }
    });
    Ok(written?)
}

/// Changes one line in the middle of the log.
fn tamper(env: &Env, home: &Home) -> Outcome<()> {
    let events = home.log().root().join("events.jsonl");
    let text = String::from_utf8(env.disk.read(&events, 1 << 26)?)?;
    let edited = text.replacen("\"how\":\"time\"", "\"how\":\"confirmed\"", 1);
    let edited = if edited == text { text.replacen("STP020I", "STP020X", 1) } else { edited };
    env.disk.remove(&events)?;
    env.disk.write_new(&events, edited.as_bytes())?;
    Ok(())
}

/// Every text that comes from people or from the tenant, replaced; one of them is a megabyte long.
fn spoil(model: &mut Model) {
    let mut n = 0;
    let mut harm = move || {
        n += 1;
        HARM[n % HARM.len()].to_owned()
    };
    let head = &mut model.head;
    (head.incident, head.title, head.operator) = (harm(), harm(), harm());
    head.identity = [harm(), harm(), harm()];
    for target in &mut model.targets {
        (target.name, target.subject) = (harm(), harm());
        let lists = [&mut target.owners, &mut target.evidence, &mut target.consumers, &mut target.warnings];
        lists.into_iter().flatten().for_each(|text| *text = harm());
        target.objects.iter_mut().chain(&mut target.other_ways_in).flatten().for_each(|text| *text = harm());
        for old in &mut target.old {
            (old.name, old.hint) = (Some(harm()), Some(harm()));
        }
        for step in &mut target.steps {
            (step.planned, step.actual) = (harm(), harm());
        }
    }
    if let Some(first) = model.targets.first_mut() {
        first.name = "A".repeat(1 << 20);
    }
    for row in &mut model.status {
        row.remaining
            .iter_mut()
            .for_each(|left| (left.name, left.owner, left.reason) = (harm(), harm(), harm()));
    }
    for open in &mut model.open {
        (open.name, open.what, open.next) = (harm(), harm(), harm());
    }
    for trouble in &mut model.troubles {
        (trouble.what, trouble.by) = (harm(), Some(harm()));
    }
    for decision in &mut model.approvals.decisions {
        (decision.person, decision.role) = (harm(), harm());
    }
    for excepted in &mut model.excepted {
        (excepted.name, excepted.reason, excepted.next) = (harm(), harm(), harm());
    }
    model.events.iter_mut().for_each(|event| event.text = harm());
}
