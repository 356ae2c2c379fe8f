//! Small pieces that every section uses.

use crate::domain::time::{Timestamp, show_span};
use crate::report::model::Tone;
use maud::{Markup, html};
use std::time::Duration;

pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.short()) } }
}

pub(super) fn maybe_time(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { (time(at)) } @else { span class="none" { "–" } } }
}

pub(super) fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Caution => "caution",
        Tone::Bad => "bad",
    }
}

/// Colour is never the only sign: each tone has a sign of its own.
pub(super) fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✓",
        Tone::Caution => "!",
        Tone::Bad => "✗",
    }
}

pub(super) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge " (class(tone)) } { span aria-hidden="true" { (sign(tone)) " " } (text) } }
}

/// A span in words, also a long one: `2y 41d`, `1d 2h`, `49s`.
pub(super) fn span(span: Duration) -> String {
    let days = span.as_secs() / 86_400;
    match days {
        _ if span < Duration::from_secs(1) => "< 1s".into(),
        0..=60 => show_span(span),
        61..=729 => format!("{days} days"),
        _ => format!("{}y {}d", days / 365, days % 365),
    }
}

/// A row of a list of facts; nothing if there is nothing to say.
pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

pub(super) fn list(items: &[String]) -> Markup {
    html! {
        @if items.is_empty() { span class="none" { "none recorded" } }
        @else if let [one] = items { (one) }
        @else { ul { @for item in items { li { (item) } } } }
    }
}
