//! A plan as people read it: before they sign, and after.
//!
//! Each function takes its struct apart completely, so that a field nobody shows does not compile.

use super::forecast;
use crate::domain::approval::Seats;
use crate::domain::id::Digest;
use crate::domain::observation::{CredentialSeen, ObjectSeen, Observation, StoreSeen, WayIn};
use crate::domain::plan::cost::Cost;
use crate::domain::plan::estimate;
use crate::domain::plan::guardrail::Use;
use crate::domain::plan::risk::Start;
use crate::domain::plan::{
    Counts, Excepted, Identity, Plan, PlanHeader, Planned, PlannedHold, PlannedTarget,
};
use crate::domain::playbook::model::{ApprovalPolicy, Cloud, Consumer, Evidence, Refresh};
use crate::domain::step::{Phase, Protocol, Step, Verb};
use crate::domain::text::count;
use crate::domain::time::show_span;
use std::fmt::Write;
use std::time::Duration;

/// The whole plan as text.
pub(crate) fn render(plan: &Plan, digest: &Digest) -> String {
    let mut out = String::new();
    tell(plan, digest, &mut |text| out.push_str(text));
    out
}

/// The same, target by target: all together are larger than memory should hold.
pub(crate) fn tell(plan: &Plan, digest: &Digest, say: &mut dyn FnMut(&str)) {
    let Plan { header, targets } = plan;
    let mut out = String::new();
    head(&mut out, header);
    legend(&mut out, targets);
    for target in targets {
        out.push('\n');
        match target {
            Planned::Change(target) => change(&mut out, target),
            Planned::Excepted(excepted) => exception(&mut out, excepted),
        }
        say(&out);
        out.clear();
    }
    foot(&mut out, plan, digest);
    say(&out);
}

/// Who acts where, what is left alone, and how much it is: for a rehearsal.
pub(crate) fn short(plan: &Plan, digest: &Digest) -> String {
    let Plan { header, targets } = plan;
    let mut out = String::new();
    head(&mut out, header);
    legend(&mut out, targets);
    for target in targets {
        if let Planned::Excepted(excepted) = target {
            out.push('\n');
            exception(&mut out, excepted);
        }
    }
    foot(&mut out, plan, digest);
    out
}

fn seconds(s: u64) -> String {
    show_span(Duration::from_secs(s))
}

fn head(out: &mut String, header: &PlanHeader) {
    let PlanHeader {
        approval: _,
        author,
        cloud,
        cost: _,
        counts: _,
        created,
        environment,
        expires,
        guardrails: _,
        identity: Identity { client_id, name, object },
        incident,
        pause_when_stuck: _,
        playbook,
        root: _,
        stores,
        tenant,
        version: _,
    } = header;
    let cloud = Cloud::ALL.iter().find(|(c, _)| c == cloud).map_or("", |(_, name)| name);
    let environment = match environment {
        crate::domain::event::Environment::Lab => "LAB REHEARSAL",
        crate::domain::event::Environment::Production => "production",
    };
    let _ = writeln!(out, "{}: {}", incident.id, incident.title);
    if let Some(since) = incident.exposed_since {
        let _ = writeln!(out, "  exposed since {}", since.short());
    }
    let _ = writeln!(out, "  tenant    {tenant} ({cloud}, {environment})");
    let _ = writeln!(out, "  acts as   {name}, client id {client_id}, object {object}");
    let _ = writeln!(out, "  made by   {author} at {}, usable until {}", created.short(), expires.short());
    let _ = writeln!(out, "  playbook  {playbook}");
    for (store, crate::domain::playbook::model::Store { key_vault }) in stores {
        let _ = writeln!(out, "  store     {store} = {key_vault}");
    }
}

/// The symbol of a target: how old and new follow each other.
fn symbol(target: &PlannedTarget) -> &'static str {
    match target.protocol {
        Protocol::TheyChoose | Protocol::ReplaceList if target.contain => "-/+",
        Protocol::TheyChoose | Protocol::ReplaceList => "+/-",
        Protocol::WeChoose => "~",
        Protocol::Toggle if target.steps.iter().any(|s| s.verb == Verb::Unblock) => "+",
        Protocol::Toggle => "-",
    }
}

pub(crate) fn symbol_of(target: &Planned) -> &'static str {
    match target {
        Planned::Change(target) => symbol(target),
        Planned::Excepted(_) => "!",
    }
}

fn legend(out: &mut String, targets: &[Planned]) {
    let explain = [
        ("+/-", "the new one is made, published and waited for before the old one goes"),
        ("-/+", "the old one goes first: a declared outage"),
        ("~", "changed in place"),
        ("-", "switched off, reversibly"),
        ("+", "switched on again"),
        ("!", "left alone"),
    ];
    let used: Vec<&str> = targets.iter().map(symbol_of).collect();
    out.push('\n');
    for (symbol, meaning) in explain.iter().filter(|(s, _)| used.contains(s)) {
        let _ = writeln!(out, "  {symbol:<4}{meaning}");
    }
}

fn change(out: &mut String, target: &PlannedTarget) {
    let PlannedTarget {
        consumers,
        contain: _,
        evidence,
        hold,
        id,
        kind,
        last,
        lifetime_s,
        name,
        observation,
        protocol: _,
        retire,
        retired_elsewhere: _,
        settings,
        start,
        steps,
        subject,
        warnings,
        whole_list: _,
    } = target;
    let _ = writeln!(out, "{:<4}{id} {name}  {kind} of {subject}", symbol(target));
    for Evidence { finding, note } in evidence {
        let finding = finding.as_deref().unwrap_or("finding");
        let note = note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
        let _ = writeln!(out, "      because {finding}{note}");
    }
    for (key, value) in settings {
        let _ = writeln!(out, "      {key}: {value}");
    }
    if *last {
        let _ = writeln!(out, "      last: it begins when everything else is over");
    }
    let Start { place, risk, why } = start;
    if *place > 0 {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let _ = writeln!(out, "      begins as number {place}: {risk}{why}");
    }
    seen(out, observation, target);
    let mut shown = false;
    for step in steps {
        if step.irreversible && !std::mem::replace(&mut shown, true) {
            let _ = writeln!(out, "      ---- point of no return ----");
        }
        step_line(out, step, hold, *lifetime_s);
    }
    around(out, target, consumers);
    for warning in warnings {
        let _ = writeln!(out, "      warning: {warning}");
    }
    debug_assert!(retire.len() <= observation.credentials.len());
}

/// Who uses it, and which other ways in there are.
fn around(out: &mut String, target: &PlannedTarget, consumers: &[Consumer]) {
    for Consumer { name, refresh } in consumers {
        let how = match refresh {
            Refresh::Every(span) => format!("reads the store every {}", show_span(*span)),
            Refresh::OnRestart => "reads the store when it starts".into(),
            Refresh::Pinned => "names one version".into(),
        };
        let _ = writeln!(out, "      consumer {name}: {how}");
    }
    for credential in &target.retired_elsewhere {
        let _ = writeln!(out, "      {credential} there goes with another target of this plan");
    }
    for WayIn { id, name, object, what } in target.other_ways_in() {
        let _ = writeln!(out, "      also a way in, not touched: {what} \"{name}\" ({id}) on {object}");
    }
}

fn seen(out: &mut String, observation: &Observation, target: &PlannedTarget) {
    let Observation { credentials, facts, objects, store, ways_in: _, without_certificates: _ } = observation;
    for ObjectSeen { enabled, id, name: _, role } in objects {
        let state = if *enabled { "on" } else { "OFF" };
        let _ = writeln!(out, "      {role} {id} ({state})");
    }
    for (fact, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "      {fact}: {value}");
    }
    for CredentialSeen { credential, ends, hint, name, public_key: _, starts, thumbprint } in credentials {
        if !target.retire.contains(credential) {
            continue;
        }
        let hint = hint.as_ref().map(|h| format!(", begins with {h}")).unwrap_or_default();
        let thumbprint = thumbprint.as_ref().map(|t| format!(", thumbprint {t}")).unwrap_or_default();
        let span = [*starts, *ends].map(|t| t.map_or("?".into(), |t| t.short()));
        let name = name.as_deref().unwrap_or("(no name)");
        let _ = writeln!(
            out,
            "      leaked: {credential} \"{name}\"{hint}{thumbprint}, {} to {}",
            span[0], span[1]
        );
    }
    if let Some(StoreSeen { managed: _, newest, newest_enabled: _, soft_deleted: _ }) = store {
        let newest = newest.as_deref().unwrap_or("nothing yet");
        let _ = writeln!(out, "      the store holds: {newest}");
    }
}

fn step_line(out: &mut String, step: &Step, hold: &PlannedHold, lifetime_s: u64) {
    let Step { credential, irreversible: _, no, object, phase, place, verb } = step;
    let of = credential.as_ref().map(ToString::to_string).unwrap_or_default();
    let to = place.as_ref().map(ToString::to_string).unwrap_or_default();
    let what = match verb {
        Verb::Mint => format!("a new credential on {object}, valid {}", seconds(lifetime_s)),
        Verb::Attach => format!("the new public key to {object}"),
        Verb::Verify => "sign in with it until it works everywhere".into(),
        Verb::Publish => format!("to {to}, for consumers"),
        Verb::Deliver => format!("to {to}, for a person"),
        Verb::Gate | Verb::Hold => {
            let PlannedHold { confirmed_by, time_s } = hold;
            let time = time_s.map(|s| format!("for {}", seconds(s)));
            let people = (!confirmed_by.is_empty()).then(|| {
                let names: Vec<&str> = confirmed_by.iter().map(|c| c.as_str()).collect();
                format!("until {} confirmed", names.join(", "))
            });
            time.into_iter().chain(people).collect::<Vec<_>>().join(" and ")
        }
        Verb::Recheck => format!("{to} holds it, and it still works"),
        Verb::Retire | Verb::Detach => format!("{of} of {object}"),
        Verb::Prove if of.is_empty() => format!("that {object} is as it should be"),
        Verb::Prove => format!("that {of} is dead"),
        Verb::Block | Verb::Unblock => format!("sign-in of {object}"),
        Verb::Reset => format!("the password of {object}"),
        Verb::Revoke => format!("the sessions of {object}"),
        Verb::Snapshot => format!("the state of {object}"),
        Verb::Switch => format!("{object} off"),
        Verb::Watch => format!("that {object} stays so"),
    };
    let own = if *phase == Phase::Retire { "  [approval of its own]" } else { "" };
    let _ = writeln!(out, "      {no:>2} {:<8} {what}{own}", verb.name());
}

fn exception(out: &mut String, excepted: &Excepted) {
    let Excepted { id, kind, name, refusal } = excepted;
    let _ = writeln!(out, "!   {id} {name}  {kind}: left alone [{}]", refusal.reason.code());
    let _ = writeln!(out, "      {refusal}");
    let _ = writeln!(out, "      {}", refusal.reason.next());
}

fn foot(out: &mut String, plan: &Plan, digest: &Digest) {
    let header = &plan.header;
    let Counts {
        attach,
        block,
        enable,
        excepted,
        irreversible,
        mint,
        reset,
        retire,
        revoke: _,
        steps,
        switch,
        targets,
    } = header.counts;
    let Cost { directory_writes, seconds_at_least: _, vault_writes } = header.cost;
    let ApprovalPolicy { quorum, roles, valid_for, retire_separately } = &header.approval;
    let _ = writeln!(
        out,
        "\nPlan: {mint} to mint, {retire} to retire, {attach} to attach, {reset} to reset, {switch} to switch off, \
         {block} to block, {enable} to switch on; {excepted} of {} left alone.",
        count(targets, "target", "targets")
    );
    let _ = writeln!(out, "      {}, {irreversible} of them irreversible.", count(steps, "step", "steps"));
    let estimate = estimate::of_plan(&plan.targets, estimate::PACE_DEFAULT);
    let _ = writeln!(
        out,
        "      {}, {}; {}",
        count(directory_writes, "directory write", "directory writes"),
        count(vault_writes, "vault write", "vault writes"),
        forecast::of_plan(&estimate)
    );
    if let Some(order) = forecast::order(plan) {
        let _ = writeln!(out, "      first {order}");
    }
    for Use { action, allowed, limit, of, used } in &header.guardrails {
        let kept = if used <= allowed { "kept" } else { "BROKEN" };
        let _ = writeln!(
            out,
            "      guardrail {action} at most {limit}: {used} of {allowed} ({of} in the tenant), {kept}"
        );
    }
    let separately = if *retire_separately { "; retiring needs an approval of its own" } else { "" };
    if let Some(most) = header.pause_when_stuck {
        let _ = writeln!(
            out,
            "      the run pauses when more than {} stuck",
            count(most, "target is", "targets are")
        );
    }
    let _ = writeln!(
        out,
        "Approval: {} other than the author{}, valid for {}{separately}.",
        count(*quorum, "person", "people"),
        seats(roles),
        show_span(*valid_for)
    );
    let _ = writeln!(out, "Digest:   {digest}");
}

/// " (1 security-officer + 1 system-owner among them)", or nothing.
pub(crate) fn seats(roles: &Seats) -> String {
    if roles.is_empty() { String::new() } else { format!(" ({roles} among them)") }
}
