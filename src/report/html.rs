//! The report as one page, and of a large run as several: no script, nothing loaded from anywhere, readable in print and in the
//! dark. Everything that comes from outside passes through maud, which escapes it.

mod chart;
mod integrity;
mod parts;
mod sections;
mod split;
mod style;
mod target;

pub use split::Split;

use super::{Model, Refusal};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use split::{Cut, Links};
use std::ffi::{OsStr, OsString};

/// Scripts, images, frames and connections are refused by the browser, whatever the page says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The report under a file name: one page, or of more targets than `split` has for one, that page and
/// the files that lie beside it. Each is handed out with its name when it is made; the page of that name, which tells
/// of the others, is the last.
pub fn pages(model: &Model, name: &OsStr, split: &Split, take: &mut dyn FnMut(OsString, String)) {
    match model.targets.len() + model.excepted.len() > split.above {
        true => split::pages(model, name, split, take),
        false => take(name.to_owned(), page(model)),
    }
}

/// The whole report on one page, however long.
pub fn page(model: &Model) -> String {
    let title = format!("{} – report of run {}", model.head.incident, model.head.run);
    let links = &Links::Here;
    let body = html! {
        (sections::head(model))
        (sections::contents())
        main {
            (sections::summary(model))
            (chart::overview(model, links, None, &Cut::NONE))
            (sections::open(model, links, &Cut::NONE))
            (sections::status(model, links, &Cut::NONE))
            section id="credentials" {
                h2 { "Each target" }
                @for target in &model.targets { (target::section(target, links)) }
                @for target in &model.excepted { (sections::left_alone(target)) }
            }
            (sections::approvals(model, links))
            (sections::troubles(model, links, &Cut::NONE))
            (integrity::section(model))
            (sections::events(model))
            (integrity::files(model))
        }
        (footer(model))
    };
    document(&title, &body)
}

fn footer(model: &Model) -> Markup {
    html! {
        footer {
            p {
                "Made by reissue from the log alone, as of its last line, " (parts::time(model.head.as_of)) ". "
                "The same log gives the same bytes. Nothing on this page is loaded from anywhere; it holds no script."
            }
        }
    }
}

/// What is said of a log that is not what was written: that, and nothing that the log says.
pub fn refusal(refusal: &Refusal) -> String {
    let Refusal { report, key } = refusal;
    let body = html! {
        main class="tampered" {
            h1 { "TAMPERED: there is no report" }
            p class="lead" {
                "The log was judged before anything was read out of it. It is not the log that was written. "
                "So nothing that it says is repeated here."
            }
            table {
                caption { "What is wrong" }
                thead { tr { th scope="col" { "Check" } th scope="col" { "Line" } th scope="col" { "Finding" } th scope="col" { "What to do" } } }
                tbody {
                    @for f in &report.findings {
                        tr {
                            th scope="row" { (format!("{:?}", f.check).to_lowercase()) }
                            td { @if let Some(line) = f.line { (line) } }
                            td { (f.what) ". " (f.why) }
                            td { (f.act) }
                        }
                    }
                }
            }
            p { "Judged with the key " code { (key) } "." }
            p { "Keep this folder and every copy of it as evidence. Stop runs on this log. Compare with Entra's own audit log." }
        }
    };
    document("TAMPERED – no report", &body)
}

fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(style::CSS)) }
            }
            body { (body) }
        }
    };
    super::harmless(page.into_string())
}
