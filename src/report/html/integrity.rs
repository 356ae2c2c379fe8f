//! How to check the record without believing us.

use super::parts::{badge, class, fact};
use crate::report::Model;
use crate::report::model::Tone;
use crate::trail::verify::{CheckResult, Outcome};
use maud::{Markup, html};

pub(super) fn section(model: &Model) -> Markup {
    let i = &model.integrity;
    html! {
        section id="integrity" {
            h2 { "Integrity of the record" }
            p class="lead" { "The log was judged before this page was made: " b class=(class(i.tone)) { (i.verdict) } "." }
            dl class="facts" {
                (fact("Log", &html! { span class="mono" { (i.origin) } }))
                (fact("Lines, and how many a checkpoint signs", &html! { (i.size) ", " (i.signed) }))
                @if let Some(part) = &i.excerpt {
                    (fact("Lines that are not shown: of other runs, as hashes only", &html! { (part.hidden) }))
                }
                (fact("Checkpoints", &html! { (i.checkpoints) }))
                @if let Some(c) = &i.countersigned {
                    (fact("Countersigned by a key in a vault", &html! {
                        (c.expected - c.lacking) " of " (c.expected) " checkpoints; the newest covers " (c.covers) " lines. Key: " span class="mono" { (c.key) }
                        @if !c.given { span class="caution" { " (only the log itself names it)" } }
                    }))
                }
                (fact("Merkle root over all lines (RFC 6962, SHA-256)", &html! { span class="mono" { (i.root) } }))
                (fact("Public key of the log", &html! { span class="mono" { (i.vkey) } }))
                (fact("Heads kept elsewhere", &html! {
                    @if i.anchors.is_empty() { span class="caution" { "! none was given" } }
                    @else { ul { @for (name, size) in &i.anchors { li { (name) ": " (size) " lines" } } } }
                }))
                (fact("Heads that approvers signed", &html! {
                    ul { @for d in &model.approvals.decisions { li { (d.person) ": " (d.head.0) " lines, root " span class="mono" { (d.head.1.hex()[..16]) "…" } } } }
                }))
            }
            table {
                caption { "What was checked" }
                thead { tr { th scope="col" { "Check" } th scope="col" { "Result" } th scope="col" class="n" { "Findings" } } }
                tbody { @for check in &i.checks { (check_row(check)) } }
            }
            @if !i.findings.is_empty() { ul { @for finding in &i.findings { li { (finding) } } } }
            h3 { "Check it yourself" }
            p { "Unpack the bundle (" code { "tar xf BUNDLE.tar" } ") and run these in its folder. Take the public key from where it was kept when the log was begun, not from this page." }
            @for (what, command) in &i.commands { p { (what) ":" } pre { (command) } }
            h3 { "What is not proved" }
            ul { @for said in &model.not_proved { li { (said) } } }
        }
    }
}

fn check_row(result: &CheckResult) -> Markup {
    let CheckResult { check, findings, outcome } = result;
    let (tone, text) = match outcome {
        Outcome::Passed => (Tone::Good, "passed"),
        Outcome::Incomplete => (Tone::Caution, "incomplete"),
        Outcome::Tampered => (Tone::Bad, "TAMPERED"),
        Outcome::NotDone => (Tone::Caution, "not done: nothing that is kept elsewhere was given"),
    };
    html! { tr { th scope="row" { (format!("{check:?}").to_lowercase()) } td { (badge(tone, text)) } td class="n" { (findings) } } }
}

pub(super) fn files(model: &Model) -> Markup {
    let files = &model.integrity.files;
    html! {
        section id="files" {
            h2 { "Files" }
            details open {
                summary { (files.len()) " files that this page rests on" }
                table {
                    caption { "What the log refers to, and what checks it" }
                    thead { tr { th scope="col" { "File" } th scope="col" { "What" } th scope="col" class="n" { "Bytes" } th scope="col" { "SHA-256" } } }
                    tbody { @for f in files { tr { th scope="row" class="mono" { (f.path) } td { (f.what) } td class="n" { (f.bytes) } td class="mono" { (f.sha256) } } } }
                }
            }
        }
    }
}
