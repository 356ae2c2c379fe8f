//! One target in full: what leaked, what replaced it, who had to move, plan beside actual.

use super::chart;
use super::parts::{badge, fact, list, maybe_time, time};
use super::split::Links;
use crate::report::model::{Hold, OldCredential, StepRow, TargetReport, Tone};
use maud::{Markup, html};

pub(super) fn section(target: &TargetReport, links: &Links) -> Markup {
    let TargetReport { id, name, kind, subject, contain, standing, evidence, owners, objects, .. } = target;
    html! {
        article id=(format!("target-{id}")) {
            header {
                h3 { (id) " · " (name) }
                (badge(standing.tone(), standing.words()))
                @if *contain { (badge(Tone::Caution, "contain first: a declared outage")) }
            }
            (chart::strip(name, &target.marks, &target.old))
            dl class="facts" {
                (fact("Kind", &html! { (kind) }))
                (fact("Client id or user", &html! { span class="mono" { (subject) } }))
                (fact("Evidence of the leak", &list(evidence)))
                (fact("Owners seen in the directory", &list(owners)))
                (fact("Declared consumers", &list(&target.consumers)))
                (fact("Directory objects", &html! { ul { @for [role, name, id] in objects { li { (role) " " (name) " " span class="mono soft" { (id) } } } } }))
            }
            @for old in &target.old { (leaked(old)) }
            (replacement(target))
            @if let Some(hold) = &target.hold { (waited(hold)) }
            (ways(target))
            @if !target.warnings.is_empty() {
                h4 { "What approvers were warned of" }
                ul { @for warning in &target.warnings { li { (warning) } } }
            }
            (plan_and_actual(&target.steps, links))
        }
    }
}

fn leaked(old: &OldCredential) -> Markup {
    let mono = |text: &Option<String>| html! { @if let Some(t) = text { span class="mono" { (t) } } @else { span class="none" { "–" } } };
    html! {
        h4 { "Leaked: " (old.what) @if let Some(name) = &old.name { " “" (name) "”" } " " (badge(old.fate.tone(), old.fate.words())) }
        dl class="facts" {
            @if old.id.is_some() { (fact("Key id", &mono(&old.id))) }
            (fact("On object", &mono(&old.object)))
            @if let Some(hint) = &old.hint { (fact("Hint published by Entra", &html! { span class="mono" { (hint) } })) }
            @if old.thumbprint.is_some() { (fact("Thumbprint (SHA-1)", &mono(&old.thumbprint))) }
            @if old.valid_until.is_some() { (fact("Would have been valid", &html! { (maybe_time(old.valid_from)) " to " (maybe_time(old.valid_until)) })) }
            (fact("Exposed since", &maybe_time(old.exposed_since)))
            (fact("Removed", &maybe_time(old.removed_at)))
            @if let Some(proof) = &old.proof {
                (fact("Proved dead", &html! { (time(proof.at)) ": " (proof.proof) ", " (proof.times) " times" }))
                (fact("Tokens issued with it may live until", &time(proof.horizon)))
            } @else {
                (fact("Proved dead", &html! { span class="bad" { "no proof in the log" } }))
            }
        }
    }
}

fn replacement(target: &TargetReport) -> Markup {
    html! {
        @if let Some(new) = &target.new {
            h4 { "Replaced by: " (new.what) }
            dl class="facts" {
                (fact("Key id", &html! { span class="mono" { (new.id) } }))
                (fact("Valid until", &time(new.not_after)))
                @if let (Some(place), Some(version)) = (&new.place, &new.version) {
                    (fact("Where consumers read it", &html! { (place) ", version " span class="mono" { (version) } }))
                }
            }
        }
    }
}

fn waited(hold: &Hold) -> Markup {
    html! {
        h4 { "Waiting for consumers" }
        p {
            "Opened " (time(hold.opened_at))
            @if let Some(until) = hold.until { ", until " (time(until)) }
            @if !hold.waited_for.is_empty() { ", to be confirmed by " (hold.waited_for.join(", ")) }
            ". "
            @if let Some((how, at)) = &hold.over { "Over " (time(*at)) ": " (how) "." }
            @else { span class="caution" { "Not over yet." } }
        }
        @if !hold.confirmed.is_empty() {
            ul { @for (consumer, by, how, at) in &hold.confirmed { li { (time(*at)) " " b { (consumer) } " has moved, attested by " (by) ": " (how) } } }
        }
        @if let Some(sign_ins) = &hold.sign_ins {
            p { "The tenant's sign-in log: " @if sign_ins.is_used() == Some(false) { (sign_ins) "." } @else { span class="caution" { (sign_ins) "." } } }
        }
    }
}

fn ways(target: &TargetReport) -> Markup {
    html! {
        @if !target.other_ways_in.is_empty() {
            h4 { "Other ways in that were seen " (badge(Tone::Caution, "not reviewed")) }
            p { "Replacing the leaked credential does not close these. Until each is reviewed, this target is rotated, not evicted." }
            table {
                caption { "What else lets somebody act as this target" }
                thead { tr { th scope="col" { "What" } th scope="col" { "Name" } th scope="col" { "Id" } } }
                tbody { @for [what, name, id] in &target.other_ways_in { tr { td { (what) } td { (name) } td class="mono" { (id) } } } }
            }
        }
    }
}

fn plan_and_actual(steps: &[StepRow], links: &Links) -> Markup {
    html! {
        table {
            caption { "Plan and actual, step by step" }
            thead { tr {
                th scope="col" class="n" { "No" } th scope="col" { "Approved" } th scope="col" { "Phase" }
                th scope="col" { "Happened" } th scope="col" { "When" } th scope="col" class="n" { "Tries" } th scope="col" class="n" { "Line" } th scope="col" { "Outcome" }
            } }
            tbody {
                @for s in steps {
                    tr {
                        td class="n" { (s.no) }
                        td { b { (s.verb) } ": " (s.planned) @if s.irreversible { span class="soft" { " (no undo)" } } }
                        td { (s.phase) }
                        td { (s.actual) }
                        td { (maybe_time(s.at)) }
                        td class="n" { @if s.attempts > 0 { (s.attempts) } }
                        td class="n" { @if let Some(seq) = s.seq { a href=(links.line(seq)) { (seq) } } }
                        td { (badge(s.outcome.tone(), s.outcome.words())) }
                    }
                }
            }
        }
    }
}
