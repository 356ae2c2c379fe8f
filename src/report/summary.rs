//! What is read first: what this is about, and how it stands, in one sentence and a few numbers.

use super::model::{ExceptedReport, Fate, Head, Standing, Summary, TargetReport, Tone};
use super::record::Record;
use crate::domain::playbook::model::Cloud;
use std::collections::BTreeMap;

pub(super) fn head(record: &Record) -> Head {
    let header = &record.plan.header;
    let identity = &header.identity;
    let cloud = Cloud::ALL.iter().find(|(c, _)| *c == header.cloud).map_or("", |(_, name)| name);
    Head {
        incident: header.incident.id.to_string(),
        title: header.incident.title.to_string(),
        exposed_since: header.incident.exposed_since,
        run: record.run.clone(),
        tenant: header.tenant.clone(),
        cloud: cloud.to_owned(),
        environment: header.environment,
        operator: record.started.operator.to_string(),
        identity: [identity.name.to_string(), identity.client_id.to_string(), identity.object.to_string()],
        tool_version: record.opened.version.to_string(),
        plan: record.started.plan,
        playbook: record.started.playbook,
        roster: record.opened.roster,
        planned_at: header.created,
        started_at: record.started_at,
        finished: record.finished.clone(),
        as_of: record.as_of(),
    }
}

pub(super) fn of(record: &Record, targets: &[TargetReport], excepted: &[ExceptedReport]) -> Summary {
    let old: Vec<_> = targets.iter().flat_map(|t| &t.old).collect();
    let dead: Vec<_> = old.iter().filter(|o| o.fate == Fate::ProvedDead).collect();
    let mut proofs: BTreeMap<String, u32> = BTreeMap::new();
    for proof in dead.iter().filter_map(|o| o.proof.as_ref()) {
        *proofs.entry(proof.proof.to_string()).or_default() += 1;
    }
    let horizons = dead.iter().filter_map(|o| o.proof.as_ref()).map(|p| p.horizon);
    let live: Vec<_> = horizons.filter(|h| *h > record.as_of()).collect();
    let standing = |s| count(targets.iter().filter(|t| t.standing == s).count());
    let (credentials, dead) = (count(old.len()) + count(excepted.len()), count(dead.len()));
    let mut summary = Summary {
        tone: Tone::Good,
        headline: String::new(),
        credentials,
        dead,
        not_dead: credentials - dead,
        proofs: proofs.into_iter().collect(),
        tokens_live: count(live.len()),
        horizon: live.into_iter().max(),
        targets: count(targets.len()),
        replaced: standing(Standing::Done),
        not_evicted: standing(Standing::DoneNotEvicted),
        unfinished: count(targets.iter().filter(|t| !t.standing.is_done()).count()),
        excepted: count(excepted.len()),
    };
    (summary.tone, summary.headline) = headline(&summary, record.finished.is_some());
    summary
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn headline(s: &Summary, finished: bool) -> (Tone, String) {
    let of = |n: u32, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let all = of(s.credentials, "leaked credential");
    if !finished {
        return (Tone::Bad, format!("The run is not finished: {} of {all} proved dead so far.", s.dead));
    }
    if s.not_dead > 0 {
        return (Tone::Bad, format!("{} of {all} are not proved dead.", s.not_dead));
    }
    let proved = if s.credentials == 1 {
        format!("The {all} is proved dead")
    } else {
        format!("All {all} are proved dead")
    };
    let tokens = s.horizon.map(|until| {
        let some = if s.tokens_live == s.credentials {
            "them".to_owned()
        } else {
            format!("{} of them", s.tokens_live)
        };
        format!("tokens issued with {some} may live until {}", until.short())
    });
    let ways = (s.not_evicted > 0)
        .then(|| format!("on {}, other ways in are not reviewed", of(s.not_evicted, "target")));
    let left: Vec<String> = tokens.into_iter().chain(ways).collect();
    if left.is_empty() {
        (Tone::Good, format!("{proved}, and no token issued with them can live any more."))
    } else {
        (Tone::Caution, format!("{proved}; {}.", left.join("; ")))
    }
}
