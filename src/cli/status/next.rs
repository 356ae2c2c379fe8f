//! What a person has to do next, as command lines that can be pasted.

use super::Run;
use super::waiting::Waiting;
use crate::cli::standing::{Standing, when};
use crate::connector::registry;
use crate::domain::event::{ApprovalRecorded, Decision, Environment};
use crate::domain::id::TargetId;
use crate::domain::step::{Phase, Verb};
use crate::domain::text::count;
use crate::domain::time::Timestamp;
use serde::Serialize;
use std::path::Path;

/// One thing to do, and how.
#[derive(Debug, Serialize)]
pub(super) struct Todo {
    pub(super) why: String,
    pub(super) commands: Vec<String>,
}

/// What whoever asks knows beyond the log: it stands in the command lines instead of a gap.
#[derive(Default)]
pub(in crate::cli) struct Known {
    pub(in crate::cli) operator: Option<String>,
    /// The plan file, as it was named.
    pub(in crate::cli) plan: Option<String>,
    /// The arguments that say who acts.
    pub(in crate::cli) acting: Option<Vec<String>>,
}

/// Everything that waits for a person, the most urgent first.
pub(super) fn todos(
    run: &Run<'_>,
    home: &Path,
    known: &Known,
    waiting: &Waiting,
    now: Timestamp,
) -> Vec<Todo> {
    let acting = match (&known.acting, run.plan.header.environment) {
        (Some(words), _) => words.iter().map(|w| format!(" {}", quote(w))).collect(),
        (None, environment) => somebody(environment).to_owned(),
    };
    let words = Words {
        acting,
        home: at_home(home),
        operator: known.operator.as_deref().map_or("NAME".into(), quote),
        plan: quote(known.plan.as_deref().unwrap_or(&run.plan_file)),
        run: run.head.state.id.to_string(),
    };
    let mut todos = Vec::new();
    if run.head.finished.is_some() {
        return todos;
    }
    for who in &run.head.state.rejected_by {
        todos.push(Todo {
            why: format!("{who} rejects the plan; nobody else can take that back"),
            commands: vec![withdraw(&words.plan, who, home)],
        });
    }
    if let Some((paused, at)) = &run.head.paused {
        let Words { home, run, .. } = &words;
        todos.push(Todo {
            why: format!("paused by {} at {}: {}", paused.by, at.short(), paused.reason),
            commands: vec![format!("reissue pause {run} --continue --by NAME{home}")],
        });
    }
    approvals(run, &words, now, &mut todos);
    let mut handed_in = false;
    for (id, mut standing) in run.standings(now) {
        // What is handed in, nobody has to do or to hand in again.
        if let Standing::AwaitingConfirmation { missing, until: _ } = &mut standing {
            let asked = missing.len();
            missing.retain(|consumer| !waiting.confirms(&run.head.state.id, id, consumer));
            handed_in |= missing.len() < asked;
            if missing.is_empty() {
                continue;
            }
        }
        let gate = gate(run, id);
        let by_hand_first = gate.is_some();
        todos.extend(gate);
        per_target(&words, &id.to_string(), &standing, by_hand_first, &mut todos);
        if matches!(standing, Standing::Stuck { .. })
            && let Some(todo) = todos.last_mut()
        {
            todo.commands.splice(0..0, by_hand(run, id));
        }
    }
    todos.extend(resume(run, &words, handed_in, now));
    todos
}

/// Parts of the command lines.
struct Words {
    acting: String,
    home: String,
    operator: String,
    plan: String,
    run: String,
}

/// Who acts, where nobody has said it yet.
pub(in crate::cli) fn somebody(environment: Environment) -> &'static str {
    match environment {
        Environment::Lab => " --lab DIR",
        Environment::Production => " --as HOW --client-id GUID",
    }
}

/// What one person does who has rejected a plan. The plan's name is quoted already.
pub(in crate::cli) fn withdraw(plan: &str, who: &str, home: &Path) -> String {
    format!("reissue approve {plan} --by {} --withdraw --key FILE{}", quote(who), at_home(home))
}

/// The option that names this home, unless it is the usual one.
pub(in crate::cli) fn at_home(home: &Path) -> String {
    match home.to_string_lossy().as_ref() {
        ".reissue" => String::new(),
        other => format!(" --home {}", quote(other)),
    }
}

/// As a shell takes it.
pub(in crate::cli) fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn approvals(run: &Run<'_>, words: &Words, now: Timestamp, todos: &mut Vec<Todo>) {
    // While somebody rejects, no approval helps.
    if !run.head.state.rejected_by.is_empty() {
        return;
    }
    for phase in [Phase::Start, Phase::Retire] {
        let wanted = |(_, s): (_, Standing)| s == Standing::AwaitingApproval { phase };
        let waiting = run.standings(now).into_iter().filter(|s| wanted(s.clone())).count();
        if waiting == 0 {
            continue;
        }
        let signed = signed_so_far(run.recovery.approvals.iter().map(|(said, _)| said), phase, now);
        let signed =
            if signed.is_empty() { "nobody so far".into() } else { format!("so far {}", signed.join(", ")) };
        let header = &run.plan.header;
        let Words { home, plan, .. } = words;
        let shown = if phase == Phase::Retire { not_released(run) } else { "" };
        let which = if phase == Phase::Retire { " --phase retire" } else { "" };
        todos.push(Todo {
            why: format!(
                "{} for the {phase} phase{shown}: {} other than {}{} sign ({signed})",
                count(waiting, "target waits", "targets wait"),
                count(header.approval.quorum, "person", "people"),
                header.author,
                crate::cli::plan_view::seats(&header.approval.roles)
            ),
            commands: vec![format!("reissue approve {plan}{which} --by NAME --key FILE{home}")],
        });
    }
}

/// Each person once whose approval of the phase stands; a reject takes back what its person approved before.
fn signed_so_far<'a>(
    said: impl Iterator<Item = &'a ApprovalRecorded>,
    phase: Phase,
    now: Timestamp,
) -> Vec<&'a str> {
    let mut signed: Vec<&str> = Vec::new();
    for ApprovalRecorded { approver, decision, expires, phase: given, .. } in said {
        match decision {
            Decision::Reject => signed.retain(|who| *who != approver.as_str()),
            Decision::Approve
                if *given == phase && *expires > now && !signed.contains(&approver.as_str()) =>
            {
                signed.push(approver);
            }
            _ => {}
        }
    }
    signed
}

/// Why the approvals of the retire phase that are there do not release these targets too.
fn not_released(run: &Run<'_>) -> &'static str {
    match run.plan.header.approval.retire_separately && run.head.state.phases.contains_key(&Phase::Retire) {
        true => " (what was approved so far does not list their evidence as it is now, or has ended)",
        false => "",
    }
}

fn per_target(words: &Words, target: &str, standing: &Standing, by_hand: bool, todos: &mut Vec<Todo>) {
    let Words { home, run, .. } = words;
    match standing {
        Standing::AwaitingConfirmation { missing, until: _ } => {
            let what = if by_hand { "is done" } else { "has moved to the new credential" };
            for consumer in missing {
                let name = quote(consumer);
                let command =
                    format!("reissue confirm {run} {target} --consumer {name} --by NAME --how TEXT{home}");
                todos.push(Todo {
                    why: format!("{target} waits until {name} {what}"),
                    commands: vec![command],
                });
            }
        }
        Standing::Stuck { cause, .. } => {
            let settle =
                |how: &str| format!("reissue resolve {run} {target} --{how} --reason TEXT --by NAME{home}");
            todos.push(Todo {
                why: format!("{target} is stuck ({cause}): settle it by hand, or give it up"),
                commands: vec![settle("done"), settle("abandoned")],
            });
        }
        _ => {}
    }
}

/// What somebody does by hand before the target goes on.
fn gate(run: &Run<'_>, id: TargetId) -> Option<Todo> {
    let state = run.recovery.states.state(id)?;
    state.current().filter(|step| step.verb == Verb::Gate && state.hold().is_some())?;
    let who = state.plan.setting("on_premises").unwrap_or("a person");
    let why = format!("{id} waits for what {who} does by hand for {}", state.plan.name);
    Some(Todo { why, commands: by_hand(run, id) })
}

/// What the target's kind says that a person does; it holds no secret.
fn by_hand(run: &Run<'_>, id: TargetId) -> Vec<String> {
    let Some(state) = run.recovery.states.state(id) else { return Vec::new() };
    registry::kind(&state.plan.kind).map_or_else(Vec::new, |kind| kind.by_hand(&state, &run.plan.header))
}

/// Somebody has to keep the run going, now or when the first wait ends.
fn resume(run: &Run<'_>, words: &Words, handed_in: bool, now: Timestamp) -> Option<Todo> {
    let Words { acting, home, operator, run: id, .. } = words;
    let mirror = run.head.mirror.as_ref().map_or_else(String::new, |to| format!(" --mirror {}", quote(to)));
    let commands = vec![format!("reissue apply --resume {id} --operator {operator}{acting}{mirror}{home}")];
    let standings = run.standings(now);
    let until = standings.iter().filter_map(|(_, s)| match s {
        Standing::Holding { until } => Some(*until),
        _ => None,
    });
    let can_go = standings
        .iter()
        .any(|(_, s)| matches!(s, Standing::NotBegun | Standing::Working { .. } | Standing::Retrying { .. }));
    let why = match (&run.writer, until.min()) {
        (Some(writer), _) => format!(
            "`reissue apply` opened the log at {} ({}) and has not closed it: it is at work, or it died. If it died",
            writer.since.short(),
            writer.process
        ),
        (None, _) if can_go => "nobody carries the run on".into(),
        (None, _) if handed_in => "what is handed in is read when the run goes on".into(),
        (None, Some(until)) => format!("go on when the hold ends, at {}", when(until, now)),
        (None, None) => "when the above is done, go on".into(),
    };
    Some(Todo { why, commands })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Digest;
    use crate::domain::text::Text;

    #[test]
    fn nobody_is_counted_twice_or_after_a_reject() {
        let said = |who: &str, decision, phase, expires| ApprovalRecorded {
            approver: Text::lossy(who),
            break_glass: false,
            decision,
            evidence: None,
            expires: Timestamp::from_unix_s(expires),
            phase,
            plan: Digest::of(b"plan"),
            signature: Digest::of(b"signature"),
            statement: Digest::of(b"statement"),
        };
        let (yes, no) = (Decision::Approve, Decision::Reject);
        let all = [
            said("ann", yes, Phase::Start, 100),
            said("ben", yes, Phase::Start, 100),
            said("ben", yes, Phase::Start, 200),
            said("cat", yes, Phase::Start, 50),
            said("dan", yes, Phase::Retire, 100),
            said("ann", no, Phase::Start, 100),
            said("ann", Decision::Withdraw, Phase::Start, 100),
        ];
        let now = Timestamp::from_unix_s(60);
        assert_eq!(signed_so_far(all.iter(), Phase::Start, now), ["ben"]);
        assert_eq!(signed_so_far(all[..2].iter(), Phase::Start, now), ["ann", "ben"]);
        assert_eq!(signed_so_far(all.iter(), Phase::Retire, now), ["dan"]);
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, quoted) in [
            ("ann@agency.example", "ann@agency.example"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
