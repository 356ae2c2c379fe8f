//! What `audit corroborate` says.

use super::Compared;
use crate::cli::ExitCode;
use crate::cli::human::Output;
use crate::domain::corroborate::{Corroboration, Deed, Finding, Ours, Theirs};
use crate::domain::id::RunId;
use crate::domain::text::{Text, count};
use crate::domain::time::{Timestamp, show_span};
use serde::Serialize;
use std::time::Duration;

/// How long Entra keeps these rows at most: 30 days with a premium licence, 7 without (Microsoft
/// Learn, "Microsoft Entra data retention"; facts/graph.md 4).
const KEPT: Duration = Duration::from_secs(30 * 86_400);
const KEPT_WITHOUT_LICENCE: Duration = Duration::from_secs(7 * 86_400);

#[derive(Serialize)]
struct VerdictObject<'a> {
    agrees: bool,
    awaited: usize,
    beside: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_at: Option<Timestamp>,
    confirmed: usize,
    exit: u8,
    findings: usize,
    from: Timestamp,
    other_runs: u64,
    refused: usize,
    rows: u64,
    run: &'a RunId,
    to_vaults: u64,
    until: Timestamp,
}

pub(super) fn show(compared: &Compared, code: ExitCode, out: &mut Output) {
    objects(compared, code, out);
    let Compared { deeds, found, from, until, settled, now, rows } = compared;
    let Corroboration { pairs, findings, pending, complete_at: _, beside, other_runs, refused } = found;
    let to = window_end(*until, *settled, *now);
    out.line(&format!("Run {}, and the tenant's own audit log from {from} {to}:", deeds.run));
    row(out, pairs.len() as u64, "confirmed", "changes of ours, each with one row of theirs");
    row(out, pending.len() as u64, "awaited", "changes of ours whose row is not there yet");
    row(out, findings.len() as u64, "FINDINGS", "where the two do not agree");
    row(out, *beside, "beside", "rows that tell a confirmed change once more");
    row(out, *other_runs, "other runs", "rows about changes of other runs in this log");
    out.line(&format!("  {rows:>6}  {:<11} looked at", if *rows == 1 { "row" } else { "rows" }));
    if deeds.to_vaults > 0 {
        let writes = count(usize::try_from(deeds.to_vaults).unwrap_or(usize::MAX), "write", "writes");
        out.line(&format!("Not compared: {writes} to vaults, which only a vault's own log tells."));
    }
    for finding in findings {
        tell(compared, finding, out);
    }
    for theirs in refused {
        let what = told(compared, theirs);
        out.line(&format!("\nRefused by the service, and no finding: {what}"));
    }
    if !pending.is_empty() {
        out.line("");
        pending.iter().for_each(|ours| out.line(&format!("  awaited: {}", done(compared, ours))));
    }
    old(*from, *now, out);
    out.line(&format!("\n{}", verdict(compared)));
}

/// Until when their log was read. A window that is open, or that late rows still come into, is no whole one.
fn window_end(until: Timestamp, settled: Timestamp, now: Timestamp) -> String {
    match (until > now, settled > now) {
        (true, _) => format!("so far, at {now} (the window ends at {until})"),
        (false, true) => format!("to {until}, so far (rows of it may come until {settled})"),
        (false, false) => format!("to {until}"),
    }
}

fn row(out: &mut Output, n: u64, name: &str, about: &str) {
    if n > 0 || name == "confirmed" {
        out.line(&format!("  {n:>6}  {name:<11} {about}"));
    }
}

fn objects(compared: &Compared, code: ExitCode, out: &mut Output) {
    let Compared { deeds, found, from, until, settled: _, now: _, rows } = compared;
    let Corroboration { pairs, findings, pending, complete_at, beside, other_runs, refused } = found;
    pairs.iter().for_each(|pair| out.object("corroboration_pair", pair));
    findings.iter().for_each(|finding| out.object("corroboration_finding", finding));
    pending.iter().for_each(|ours| out.object("corroboration_awaited", ours));
    refused.iter().for_each(|theirs| out.object("corroboration_refused", theirs));
    let verdict = VerdictObject {
        agrees: code == ExitCode::Done,
        awaited: pending.len(),
        beside: *beside,
        complete_at: *complete_at,
        confirmed: pairs.len(),
        exit: code.number(),
        findings: findings.len(),
        from: *from,
        other_runs: *other_runs,
        refused: refused.len(),
        rows: *rows,
        run: &deeds.run,
        to_vaults: deeds.to_vaults,
        until: *until,
    };
    out.object("corroboration", &verdict);
}

fn tell(compared: &Compared, finding: &Finding, out: &mut Output) {
    let (what, why) = match finding {
        Finding::Foreign { theirs } => (
            format!("somebody else changed an object of the plan: {}", told(compared, theirs)),
            "Ask them. If nobody answers for it, it is a way in: take it away, and rotate this object again.",
        ),
        Finding::Unlogged { theirs } => (
            format!("our identity did what our log does not say: {}", told(compared, theirs)),
            "Somebody else may hold this identity's credential: stop, rotate that first, and look through its \
             sign-ins. If a person used it by hand, say so in the incident's record.",
        ),
        Finding::Missing { ours } => (
            format!("our log says so and theirs does not: {}", done(compared, ours)),
            "Look at the object in the portal. If it is as our log says, ask Microsoft for the row; if not, keep the \
             log's folder as evidence and do not trust this machine.",
        ),
        Finding::More { ours, theirs, credentials } => {
            let ids: Vec<&str> = credentials.iter().map(Text::as_str).collect();
            (
                format!(
                    "more came or went with our change than our log says: {}; theirs names {} too ({})",
                    done(compared, ours),
                    ids.join(", "),
                    theirs.id
                ),
                "Compare the object's credentials with the plan; `reissue show PLAN` lists them.",
            )
        }
    };
    out.line(&format!("\nFINDING: {what}\n  {why}"));
}

/// A row of theirs, in a line.
fn told(compared: &Compared, theirs: &Theirs) -> String {
    let object = theirs.objects.iter().find(|o| compared.deeds.objects.contains_key(*o));
    let object = object.or(theirs.objects.first()).map(Text::as_str).unwrap_or("no object");
    let name = compared.deeds.objects.iter().find(|(id, _)| id.as_str() == object).map(|(_, n)| n.as_str());
    let credentials = |what: &str, ids: &[Text<128>]| {
        ids.iter().map(|id| format!(", {what} credential {id}")).collect::<String>()
    };
    let actor = if theirs.actor.as_str().is_empty() { "somebody unnamed" } else { theirs.actor.as_str() };
    format!(
        "{} by {actor} at {} on {} {object}{}{} (row {})",
        theirs.activity.as_str().trim(),
        theirs.at,
        name.unwrap_or("an object outside the plan,"),
        credentials("added", &theirs.added),
        credentials("removed", &theirs.removed),
        theirs.id
    )
}

/// A change of ours, in a line.
fn done(compared: &Compared, ours: &Ours) -> String {
    let what = match &ours.deed {
        Deed::Added(Some(credential)) => format!("{credential} was added"),
        Deed::Removed(Some(credential)) => format!("{credential} was removed"),
        Deed::Added(None) => "a credential was added".to_owned(),
        Deed::Removed(None) => "a credential was removed".to_owned(),
        Deed::Switched => "sign-in was switched".to_owned(),
        Deed::Reset => "the password was reset".to_owned(),
        Deed::Revoked => "sessions were ended".to_owned(),
    };
    let name = compared.deeds.targets.get(&ours.target).map_or("", Text::as_str);
    format!("{what} at {} on {} ({} {name}, line {})", ours.until, ours.object, ours.target, ours.seq)
}

/// What is gone from their log can be missed there without meaning anything.
fn old(from: Timestamp, now: Timestamp, out: &mut Output) {
    let age = now.since(from);
    if age > KEPT_WITHOUT_LICENCE {
        let gone =
            if age > KEPT { "so rows of it are gone" } else { "so they may be gone without such a licence" };
        out.line(&format!(
            "\nThe window begins {} ago. Entra keeps these rows 30 days, 7 without a premium licence, {gone}: what is \
             missing there proves nothing. Compare with an archive of the audit log.",
            show_span(age)
        ));
    }
}

fn verdict(compared: &Compared) -> String {
    let Compared { deeds, found, settled, now, .. } = compared;
    if !found.findings.is_empty() {
        let n = count(found.findings.len(), "finding", "findings");
        return format!("They do not agree: {n}. Each is for a person; nothing was changed.");
    }
    if let Some(at) = found.complete_at {
        return format!(
            "Not there yet: their log is late, as a rule by up to 5 minutes and now and then by 15. No finding so far. \
             Run it again after {}.",
            at.short()
        );
    }
    if deeds.ended.is_none() {
        return "No finding so far. The run is open: run it again when it is finished.".to_owned();
    }
    let late = match settled > now {
        true => format!(" so far: a row of somebody else's change may still come until {}", settled.short()),
        false => String::new(),
    };
    format!(
        "They agree: every change of the run is in the tenant's own log, once, and nobody else changed an object of the \
         plan meanwhile{late}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_not_over_is_told_as_far_as_it_goes() {
        let at = Timestamp::from_unix_s;
        let said = |now| window_end(at(100), at(200), at(now));
        assert!(said(99).starts_with("so far, at "), "{}", said(99));
        assert!(said(100).contains(", so far (rows of it may come until "), "{}", said(100));
        assert!(!said(200).contains("so far"), "{}", said(200));
    }
}
