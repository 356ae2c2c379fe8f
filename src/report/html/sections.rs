//! The sections of the page, in the order in which they are read.

use super::parts::{badge, class, fact, maybe_time, sign, time};
use super::split::{Cut, Links};
use crate::domain::event::Environment;
use crate::domain::id::few;
use crate::report::Model;
use crate::report::model::{EventRow, ExceptedReport, Open, Remaining, StatusRow, Tone, Trouble};
use crate::report::words;
use maud::{Markup, html};

pub(super) fn head(model: &Model) -> Markup {
    let h = &model.head;
    html! {
        header {
            p class="kicker" { "Credential response report · " (h.incident) " · as of " (time(h.as_of)) }
            h1 { (h.title) }
            (rehearsal(model))
            dl class="facts" {
                (fact("Run", &html! { span class="mono" { (h.run) } }))
                (fact("Tenant", &html! { span class="mono" { (h.tenant) } ", cloud " (h.cloud) ", " (words::environment(h.environment)) }))
                (fact("Begun", &html! { (time(h.started_at)) " by " (h.operator) }))
                (fact("Finished", &html! { @if let Some((_, at)) = &h.finished { (time(*at)) } @else { span class="bad" { "not finished" } } }))
                (fact("Acting identity", &html! { (h.identity[0]) " " span class="mono soft" { (h.identity[1]) } }))
                (fact("Made with", &html! { "reissue " (h.tool_version) }))
            }
        }
    }
}

/// What must not be overlooked on any page.
pub(super) fn rehearsal(model: &Model) -> Markup {
    html! {
        @if model.head.environment == Environment::Lab {
            p class="loud" { "REHEARSAL: this is about a lab tenant. No real credential was touched." }
        }
    }
}

pub(super) fn contents() -> Markup {
    let all = [
        ("summary", "Summary"),
        ("exposure", "Exposure"),
        ("open", "Not done"),
        ("status", "Status table"),
        ("credentials", "Each target"),
        ("approvals", "Approvals"),
        ("troubles", "Deviations"),
        ("integrity", "Integrity"),
        ("events", "All events"),
        ("files", "Files"),
    ];
    html! { nav aria-label="Contents" { ul { @for (id, name) in all { li { a href=(format!("#{id}")) { (name) } } } } } }
}

pub(super) fn summary(model: &Model) -> Markup {
    let s = &model.summary;
    let proofs: Vec<String> = s.proofs.iter().map(|(how, n)| format!("{n} {how}")).collect();
    let still = if s.not_dead == 0 { Tone::Good } else { Tone::Bad };
    html! {
        section id="summary" aria-label="Summary" {
            p class={ "headline " (class(s.tone)) } { span aria-hidden="true" { (sign(s.tone)) } span { (s.headline) } }
            ul class="tiles" {
                (tile(s.credentials, "leaked credentials", "in the approved plan", None))
                (tile(s.dead, "proved dead", &proofs.join("; "), Some(if s.dead == s.credentials { Tone::Good } else { Tone::Caution })))
                (tile(s.not_dead, "not proved dead", if s.not_dead == 0 { "none" } else { "treat as in the attacker's hands" }, Some(still)))
                @let until = s.horizon.map_or("no token issued before can live".to_owned(), |at| format!("the last until {}", at.short()));
                @let until = if s.not_dead == 0 { until } else { "of those proved dead; the others go on opening".to_owned() };
                @let over = s.tokens_live == 0 && s.not_dead == 0;
                (tile(s.tokens_live, "with tokens that may live", &until, Some(if over { Tone::Good } else { Tone::Caution })))
                (tile(s.not_evicted, "rotated, not evicted", "other ways in were not reviewed", Some(if s.not_evicted == 0 { Tone::Good } else { Tone::Caution })))
                (tile(s.unfinished + s.excepted, "targets not done", &format!("{} left alone by the plan", s.excepted), Some(if s.unfinished + s.excepted == 0 { Tone::Good } else { Tone::Bad })))
            }
            p { "The record behind this page is " b class=(class(model.integrity.tone)) { (model.integrity.verdict) } ". " a href="#integrity" { "How to check it" } "." }
        }
    }
}

fn tile(number: u32, name: &str, more: &str, tone: Option<Tone>) -> Markup {
    html! { li { b class=[tone.map(class)] { (number) @if let Some(t) = tone { " " small aria-hidden="true" style="display:inline;color:inherit;font-size:1rem" { (sign(t)) } } } span { (name) } small { (more) } } }
}

pub(super) fn open(model: &Model, links: &Links, cut: &Cut<'_>) -> Markup {
    html! {
        section id="open" {
            h2 { "Not done, not known, still open" }
            @if model.open.is_empty() {
                p { (badge(Tone::Good, "nothing")) " Everything in the approved plan was done and proved." }
            } @else {
                (open_table(cut.here(&model.open), links))
                (cut.more("What is open", model.open.len()))
            }
        }
    }
}

pub(super) fn open_table(rows: &[Open], links: &Links) -> Markup {
    html! {
        table {
            caption { "Each row waits for somebody" }
            thead { tr { th scope="col" { "Target" } th scope="col" { "What is open" } th scope="col" { "What to do next" } } }
            tbody {
                @for o in rows {
                    tr {
                        th scope="row" { @if let Some(id) = o.target { (links.target(id, &html! { (id) })) " " } (o.name) }
                        td { span class=(class(o.tone)) aria-hidden="true" { (sign(o.tone)) " " } (o.what) }
                        td { (o.next) }
                    }
                }
            }
        }
    }
}

pub(super) fn status(model: &Model, links: &Links, cut: &Cut<'_>) -> Markup {
    let mut room = cut.rows(left(model).len());
    let mut row = |row: &StatusRow| {
        let here = &row.remaining[..row.remaining.len().min(room)];
        room -= here.len();
        status_row(row, here, links)
    };
    html! {
        section id="status" {
            h2 { "Status of required actions" }
            table {
                caption { "The same table is in status.csv." }
                thead { tr {
                    th scope="col" { "Required action" }
                    @for name in ["Total", "Done", "Verified", "Failed", "Open", "Excepted"] { th scope="col" class="n" { (name) } }
                    th scope="col" { "What is left: reason, owner, expected date" }
                } }
                tbody { @for each in &model.status { (row(each)) } }
            }
            (cut.more("What is left", left(model).len()))
            p class="soft" {
                "Owners are those seen in the directory. A review of sign-in, token-issuance and account-activity logs is not part of a "
                "run: whoever does it reports it."
            }
        }
    }
}

/// What is left of every action.
pub(super) fn left(model: &Model) -> Vec<(&str, &Remaining)> {
    let of = |row: &'_ StatusRow| row.remaining.len();
    let mut left = Vec::with_capacity(model.status.iter().map(of).sum());
    for row in &model.status {
        left.extend(row.remaining.iter().map(|one| (row.action.as_str(), one)));
    }
    left
}

pub(super) fn left_table(rows: &[(&str, &Remaining)], links: &Links) -> Markup {
    html! {
        table {
            caption { "What is left: reason, owner, expected date" }
            thead { tr { th scope="col" { "Target" } th scope="col" { "Required action" } th scope="col" { "State" } th scope="col" { "Reason" } th scope="col" { "Owner" } th scope="col" { "Expected" } } }
            tbody {
                @for (action, r) in rows {
                    tr {
                        th scope="row" { (links.target(r.target, &html! { (r.target) })) " " (r.name) }
                        td { (action) } td { (r.state) } td { (r.reason) } td { (r.owner) } td { (r.expected) }
                    }
                }
            }
        }
    }
}

fn status_row(row: &StatusRow, here: &[Remaining], links: &Links) -> Markup {
    let StatusRow { action, total, done, verified, failed, open, excepted, remaining } = row;
    html! {
        tr {
            th scope="row" { (action) }
            @for n in [total, done, verified, failed, open, excepted] { td class="n" { (n) } }
            td {
                @if remaining.is_empty() { span class="none" { "nothing" } }
                @if here.len() < remaining.len() { div class="soft" { (here.len()) " of " (remaining.len()) " are told here; the others in the files below." } }
                @for r in here {
                    div { b { (links.target(r.target, &html! { (r.target) })) " " (r.name) } ": " (r.state) ". " (r.reason) ". Owner: " (r.owner) ". Expected: " (r.expected) "." }
                }
            }
        }
    }
}

pub(super) fn left_alone(target: &ExceptedReport) -> Markup {
    let ExceptedReport { id, name, kind, code, reason, next } = target;
    html! {
        article id=(format!("target-{id}")) {
            header { h3 { (id) " · " (name) } (badge(Tone::Bad, "left alone by the plan")) }
            p { (kind) ": " (reason) " " code { "[" (code) "]" } }
            p { "Next: " (next) }
        }
    }
}

pub(super) fn approvals(model: &Model, links: &Links) -> Markup {
    let a = &model.approvals;
    html! {
        section id="approvals" {
            h2 { "Who approved what" }
            @if a.break_glass { p class="loud" { "BREAK-GLASS: one person alone released a phase. Review this decision now." } }
            ul { @for (good, said) in &a.separation { li { span class=(if *good { "good" } else { "bad" }) { span aria-hidden="true" { (if *good { "✓ " } else { "✗ " }) } (said) } } } }
            table {
                caption { "Signed decisions. Each signature was verified again for this page." }
                thead { tr { th scope="col" { "Person" } th scope="col" { "Decision" } th scope="col" { "Key" } th scope="col" { "Signed / recorded" } th scope="col" { "Valid until" } th scope="col" { "Files" } } }
                tbody {
                    @for d in &a.decisions {
                        tr {
                            th scope="row" { (d.person) br; span class="soft" { (d.role) } }
                            td { (d.decision) ", " (d.phase) " phase" @if d.break_glass { " " (badge(Tone::Bad, "BREAK-GLASS")) } br; span class="soft" { "saw the log at " (d.head.0) " lines" } }
                            td class="mono" { (d.fingerprint) @if let Some(c) = d.certificate { br; "certificate " (c.hex()[..12]) "…" } }
                            td { (time(d.signed_at)) br; (time(d.recorded_at)) " " a href=(links.line(d.seq)) { "line " (d.seq) } }
                            td { (time(d.expires)) }
                            td class="mono" { "statement " (d.statement.hex()[..12]) "…" br; "signature " (d.signature.hex()[..12]) "…" }
                        }
                    }
                }
            }
            table {
                caption { "Phases, as they were opened. A quorum of " (a.quorum) @if !a.seats.is_empty() { " (" (a.seats) " among them)" } " is required" @if a.retire_separately { "; removing old credentials needs its own" } "." }
                thead { tr { th scope="col" { "Phase" } th scope="col" { "Opened" } th scope="col" { "Until" } th scope="col" { "Released by" } } }
                tbody { @for p in &a.phases { tr { th scope="row" { (p.phase) @if !p.targets.is_empty() { " of " (few(&p.targets)) } } td { (time(p.at)) " " a href=(links.line(p.seq)) { "line " (p.seq) } } td { (time(p.expires)) } td { (p.people.join(", ")) } } } }
            }
            @for r in &a.rosters {
                p class="loud" { "The roster was changed at " (time(r.at)) " (" a href=(links.line(r.seq)) { "line " (r.seq) } ") by " (r.by.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ")) ": number " (r.version) " is " code { (r.roster) } ". What was approved before it released nothing after it." }
            }
            p { "Plan made by " b { (a.author) } " at " (time(model.head.planned_at)) ", run by " b { (a.operator) } ". Plan " code { (model.head.plan) } ", playbook " code { (model.head.playbook) } ", roster " code { (model.head.roster) } "." }
        }
    }
}

pub(super) fn troubles(model: &Model, links: &Links, cut: &Cut<'_>) -> Markup {
    html! {
        section id="troubles" {
            h2 { "Deviations, failures and what people did by hand" }
            @if model.troubles.is_empty() { p { (badge(Tone::Good, "none")) " Every step went as planned at the first attempt." } }
            @else {
                (trouble_table(cut.here(&model.troubles), links))
                (cut.more("Deviations", model.troubles.len()))
            }
        }
    }
}

pub(super) fn trouble_table(rows: &[Trouble], links: &Links) -> Markup {
    html! {
        table {
            caption { "In the order of the log" }
            thead { tr { th scope="col" { "When" } th scope="col" { "Target" } th scope="col" { "Sort" } th scope="col" { "What happened" } th scope="col" { "Attested by" } th scope="col" class="n" { "Line" } } }
            tbody {
                @for t in rows {
                    tr {
                        td { (time(t.at)) }
                        td { @if let Some(id) = t.target { (links.target(id, &html! { (id) })) } }
                        td { (t.sort) }
                        td { (t.what) }
                        td { @if let Some(by) = &t.by { (by) } }
                        td class="n" { a href=(links.line(t.seq)) { (t.seq) } }
                    }
                }
            }
        }
    }
}

pub(super) fn events(model: &Model) -> Markup {
    html! {
        section id="events" {
            h2 { "All events" }
            details open {
                summary { (model.events.len()) " lines of the log, each with its hash" }
                (event_table(&model.events))
            }
        }
    }
}

pub(super) fn event_table(events: &[EventRow]) -> Markup {
    html! {
        table {
            caption { "Line by line, each with the hash that is its leaf of the tree" }
            thead { tr { th scope="col" class="n" { "Line" } th scope="col" { "Time" } th scope="col" { "Code" } th scope="col" { "Target" } th scope="col" { "Event" } th scope="col" { "Leaf hash" } } }
            tbody {
                @for e in events {
                    tr id=(format!("line-{}", e.seq)) {
                        td class="n" { (e.seq) }
                        td { (maybe_time(Some(e.at))) }
                        td class="mono" { (e.code) }
                        td { @if let Some(id) = e.target { (id) } }
                        td { (e.text) }
                        td class="mono soft" { (e.leaf[..16]) "…" }
                    }
                }
            }
        }
    }
}
