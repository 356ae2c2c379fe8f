//! Timelines as inline SVG: one for the whole run, with time to scale, and one strip per target,
//! where every point has the same room however close in time it is.

use super::parts;
use super::split::{Cut, Links};
use crate::domain::time::Timestamp;
use crate::report::Model;
use crate::report::model::{Fate, Mark, OldCredential, TargetReport};
use maud::{Markup, html};
use std::time::Duration;

const LEFT: f64 = 250.0;
const CUT: f64 = 60.0;
const RIGHT: f64 = 985.0;
const ROW: f64 = 34.0;
const TOP: f64 = 34.0;

/// A scale from times to places on the drawing.
struct Scale {
    from: Timestamp,
    span: f64,
}

impl Scale {
    fn x(&self, at: Timestamp) -> f64 {
        let ms = at.since(self.from).as_millis();
        let part = (ms as f64 / self.span).clamp(0.0, 1.0);
        LEFT + CUT + part * (RIGHT - LEFT - CUT)
    }
}

/// A place with one decimal, so that the same model gives the same bytes everywhere.
fn p(x: f64) -> String {
    format!("{x:.1}")
}

/// Ticks that a person would choose: at most eight.
fn ticks(from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    const STEPS: [u64; 16] = [
        1, 5, 15, 60, 300, 900, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000,
        31_536_000,
    ];
    let span = to.since(from).as_secs().max(1);
    let step = STEPS.into_iter().find(|s| span / s <= 8).unwrap_or(315_360_000);
    let first = u64::try_from(from.unix_s()).unwrap_or(0).div_ceil(step);
    let last = u64::try_from(to.unix_s()).unwrap_or(0) / step;
    (first..=last).map(|n| Timestamp::from_unix_s(i64::try_from(n * step).unwrap_or(0))).collect()
}

/// A leaked credential and whose it is.
pub(super) type Row<'a> = (&'a TargetReport, &'a OldCredential);

/// Every leaked credential.
pub(super) fn rows(model: &Model) -> Vec<Row<'_>> {
    model.targets.iter().flat_map(|t| t.old.iter().map(move |o| (t, o))).collect()
}

/// Until when each leaked credential worked, and until when tokens issued with it may live. Drawn are
/// at most so many as `most` says.
pub(super) fn overview(model: &Model, links: &Links, most: Option<usize>, cut: &Cut<'_>) -> Markup {
    let rows = rows(model);
    if rows.is_empty() {
        return html! {};
    }
    let from = model.head.started_at;
    let horizons = rows.iter().filter_map(|(_, o)| o.proof.as_ref()).map(|p| p.horizon);
    let to = horizons.chain([model.head.as_of]).max().unwrap_or(from);
    let to = to.after(Duration::from_millis(u64::try_from(to.since(from).as_millis() / 25).unwrap_or(0) + 1));
    let scale = Scale { from, span: to.since(from).as_millis().max(1) as f64 };
    let drawn = drawn(&rows, most.unwrap_or(rows.len()));
    let height = TOP + ROW * drawn.len() as f64 + 30.0;
    let label = "For each leaked credential: until when it worked, and until when tokens issued with it may live. The table below says the same in words.";
    html! {
        section id="exposure" {
            h2 { "Exposure of each leaked credential" }
            p class="legend" {
                span { i class="red" {} "the leaked credential works" }
                span { i class="amber" {} "it is gone; tokens issued with it may still live" }
                span { i class="green" {} "nothing of it can live" }
                span { "◇ proved dead" }
            }
            figure {
                svg role="img" aria-label=(label) viewBox=(format!("0 0 1000 {height:.0}")) {
                    (axis(&scale, to, height))
                    @for (i, (target, old)) in drawn.iter().enumerate() {
                        (bar(&scale, TOP + ROW * i as f64, &target.name, old))
                    }
                    (now(&scale, model.head.as_of, height))
                }
                figcaption {
                    "Times in UTC, to scale from the start of the run at " (parts::time(from)) ". "
                    @if let Some(since) = model.head.exposed_since {
                        "The part left of the cut is not to scale: the incident counts exposure from " (parts::time(since)) "."
                    }
                    @if drawn.len() < rows.len() {
                        " Drawn are " (drawn.len()) " of " (rows.len()) " leaked credentials: those not proved dead first, then the order of the plan. "
                        "The timeline of each target is in its file, to which the table links."
                    }
                }
            }
            (table(cut.here(&rows), links))
            (cut.more("Exposure in numbers", rows.len()))
        }
    }
}

/// What is drawn of very many: first what a reader must not miss.
fn drawn<'a>(rows: &[Row<'a>], most: usize) -> Vec<Row<'a>> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let (dead, alive): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, old)| old.fate == Fate::ProvedDead);
    alive.into_iter().chain(dead).take(most).collect()
}

fn axis(scale: &Scale, to: Timestamp, height: f64) -> Markup {
    html! {
        @for tick in ticks(scale.from, to).into_iter().filter(|t| scale.x(*t) < RIGHT - 30.0) {
            @let x = p(scale.x(tick));
            @let text = tick.to_string();
            line class="axis" x1=(x) x2=(x) y1="24" y2=(p(height - 24.0)) {}
            text class="s" x=(x) y="18" text-anchor="middle" { (text[5..10]) " " (text[11..16]) }
        }
    }
}

fn now(scale: &Scale, at: Timestamp, height: f64) -> Markup {
    let x = scale.x(at);
    html! {
        line class="now" x1=(p(x)) x2=(p(x)) y1="24" y2=(p(height - 20.0)) {}
        text class="s" x=(p(x)) y=(p(height - 6.0)) text-anchor="middle" { "as of this report" }
    }
}

fn bar(scale: &Scale, y: f64, name: &str, old: &OldCredential) -> Markup {
    let works_until = old.removed_at.map_or(RIGHT, |at| scale.x(at));
    let tokens_until = match (&old.proof, old.removed_at) {
        (Some(proof), _) => scale.x(proof.horizon),
        (None, Some(_)) => RIGHT,
        (None, None) => works_until,
    };
    let begin = LEFT + CUT;
    let start = if old.exposed_since.is_some_and(|at| at < scale.from) { LEFT } else { begin };
    let (top, middle) = (y + 8.0, y + 17.0);
    let shown = short(name, 30);
    // What is gone within the first instants is still seen to have been there.
    let works_until = works_until.max(begin + 2.0);
    html! {
        text class="b" x="0" y=(p(y + 14.0)) { (shown) }
        text class="s" x="0" y=(p(y + 28.0)) { (old.what) ", " (old.fate.words()) }
        rect class="red" x=(p(start)) y=(p(top)) width=(p(works_until - start)) height="18" {}
        rect class="amber" x=(p(works_until)) y=(p(top)) width=(p((tokens_until - works_until).max(0.0))) height="18" {}
        rect class="green" x=(p(tokens_until)) y=(p(top)) width=(p((RIGHT - tokens_until).max(0.0))) height="18" {}
        @if start < begin {
            path class="cut" d=(format!("M{:.1} {:.1}l8 -7l-6 -7l8 -7", LEFT + 22.0, top + 20.0)) {}
        }
        @if let Some(proof) = &old.proof {
            path class="proof" d=(format!("M{:.1} {:.1}l7 7l-7 7l-7 -7z", scale.x(proof.at), middle - 7.0)) {}
        }
    }
}

/// A name that fits its place; the whole one stands in the table.
fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        name.to_owned()
    } else {
        name.chars().take(most - 1).chain(['…']).collect()
    }
}

pub(super) fn table(rows: &[Row<'_>], links: &Links) -> Markup {
    html! {
        table {
            caption { "Exposure in numbers, one row a credential" }
            thead { tr {
                th scope="col" { "Leaked credential" } th scope="col" { "Exposed since" } th scope="col" { "Removed" }
                th scope="col" { "Proved dead, and how" } th scope="col" { "Last token ends" }
                th scope="col" { "Exposure" }
            } }
            tbody {
                @for (target, old) in rows {
                    tr {
                        th scope="row" { (links.target(target.id, &html! { (target.name) })) br; span class="soft" { (old.what) } }
                        td { (parts::maybe_time(old.exposed_since)) }
                        td { (parts::maybe_time(old.removed_at)) }
                        td {
                            @if let Some(proof) = &old.proof { (parts::time(proof.at)) br; span class="soft" { (proof.proof) ", " (proof.times) " times" } }
                            @else { (parts::badge(old.fate.tone(), old.fate.words())) }
                        }
                        td { (parts::maybe_time(old.proof.as_ref().map(|p| p.horizon))) }
                        td { (exposure(old)) }
                    }
                }
            }
        }
    }
}

/// From the first moment of exposure to the proof.
fn exposure(old: &OldCredential) -> String {
    match (old.exposed_since, &old.proof) {
        (Some(since), Some(proof)) => parts::span(proof.at.since(since)),
        (Some(_), None) => "not ended".into(),
        (None, _) => "start not known".into(),
    }
}

/// Every point of one target, in order, each with its time and the span to the next.
pub(super) fn strip(name: &str, marks: &[Mark], old: &[OldCredential]) -> Markup {
    if marks.len() < 2 {
        return html! {};
    }
    let step = 1000.0 / marks.len() as f64;
    let x = |i: usize| step * (i as f64 + 0.5);
    let removed = old.iter().filter_map(|o| o.removed_at).max();
    let horizon = old.iter().filter_map(|o| o.proof.as_ref()).map(|p| p.horizon).max();
    let line = |at: Timestamp| match (removed, horizon) {
        (_, Some(h)) if at >= h => "lg",
        (Some(r), _) if at >= r => "la",
        _ => "lr",
    };
    let said: Vec<String> = marks.iter().map(|m| format!("{} at {}", m.what, m.at.short())).collect();
    html! {
        figure {
            svg role="img" aria-label=(format!("Timeline of {name}: {}", said.join("; "))) viewBox="0 0 1000 92" {
                @for (i, pair) in marks.windows(2).enumerate() {
                    line class=(line(pair[0].at)) stroke-width="5" x1=(p(x(i))) x2=(p(x(i + 1))) y1="42" y2="42" {}
                    text class="s" x=(p((x(i) + x(i + 1)) / 2.0)) y="34" text-anchor="middle" { (parts::span(pair[1].at.since(pair[0].at))) }
                }
                @for (i, mark) in marks.iter().enumerate() {
                    @let text = mark.at.to_string();
                    circle class="dot" cx=(p(x(i))) cy="42" r="6" {}
                    text class="b" x=(p(x(i))) y="14" text-anchor="middle" { (mark.what) }
                    text class="s" x=(p(x(i))) y="66" text-anchor="middle" { (text[..10]) }
                    text class="s" x=(p(x(i))) y="81" text-anchor="middle" { (text[11..19]) "Z" }
                }
            }
        }
    }
}
