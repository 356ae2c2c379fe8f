//! Reading one target: its subject, the kind that its keys announce, and what every target has.

use super::super::id::TargetId;
use super::diagnostic::{At, Code, Diagnostic, Span};
use super::fields::{Fields, Item, list};
use super::model::{Consumer, Evidence, Hold, Refresh, Subject, Target};
use super::syntax::{Context, Form, KindSyntax, SubjectWord};
use super::values::secs;
use std::time::Duration;

/// A target and the places that later checks point at.
pub(super) struct Draft {
    pub target: Target,
    pub form: Form,
    pub subject_at: Span,
    pub name_at: Option<Span>,
    pub publish_at: Option<Span>,
    pub hold: Option<At<Duration>>,
}

/// The keys of a target beside its action.
const COMMON: [&str; 7] = ["app", "user", "name", "evidence", "contain", "consumers", "self"];

/// The action words of all kinds, each once.
fn verbs(kinds: &[&dyn KindSyntax]) -> Vec<&'static str> {
    let mut verbs: Vec<_> = kinds.iter().map(|k| k.form().verb()).collect();
    verbs.sort_unstable();
    verbs.dedup();
    verbs
}

pub(super) fn read(
    item: &Item<'_>,
    no: u32,
    kinds: &[&dyn KindSyntax],
    context: &Context<'_>,
) -> Option<Draft> {
    let verbs = verbs(kinds);
    let keys: Vec<&'static str> = COMMON.into_iter().chain(verbs.iter().copied()).collect();
    let item = Item { name: "the target", ..*item };
    let fields = item.fields(&keys)?;
    let word = subject_word(&fields);
    let subject = word.and_then(|word| subject(&fields, word));
    let kind = kind(&fields, word, &verbs, kinds);
    let action = kind.and_then(|(kind, item)| kind.read(&item.fields(kind.keys())?, context));
    let evidence = fields.optional("evidence").map_or(Some(Vec::new()), |i| evidence(&i));
    let consumers = fields.optional("consumers").map_or(Some(Vec::new()), |i| consumers(&i));
    let contain = fields.optional("contain").map_or(Some(false), |i| i.flag());
    let (kind, _) = kind?;
    only_rotations(&fields, kind.form());
    let last = last(&fields, kind, contain == Some(true));
    let (subject, action) = (subject?, action?);
    let hold = action.hold.as_ref().and_then(|h| Some(At { value: h.value.time?, at: h.at }));
    let at = item.key_at;
    let target = Target {
        id: TargetId(no),
        at: (at.line, at.column),
        kind: kind.name(),
        subject,
        selector: action.selector,
        evidence: evidence?,
        contain: contain?,
        last: last?,
        publish: action.publish.as_ref().map(|p| p.value.clone()),
        hold: action.hold.map_or(Hold { time: None, confirmed_by: Vec::new() }, |h| h.value),
        lifetime: action.lifetime,
        consumers: consumers?,
        settings: action.settings,
    };
    let subject_at = fields.optional(word?.word())?.at();
    let name_at = fields.optional("name").map(|i| i.at());
    let publish_at = action.publish.map(|p| p.at);
    Some(Draft { target, form: kind.form(), subject_at, name_at, publish_at, hold })
}

fn subject_word(fields: &Fields<'_>) -> Option<SubjectWord> {
    match (fields.optional("app"), fields.optional("user")) {
        (Some(_), None) => Some(SubjectWord::App),
        (None, Some(_)) => Some(SubjectWord::User),
        (Some(app), Some(user)) => {
            let message = "a target is about an app or about a user, not both";
            let finding =
                Diagnostic::new(Code::TwoSubjects, user.key_at, message).also(app.key_at, "and this");
            fields.report().push(finding.hint("write two targets"));
            None
        }
        (None, None) => {
            let message = "this target does not say what it is about";
            let finding = Diagnostic::new(Code::NoSubject, fields.at(), message);
            fields
                .report()
                .push(finding.hint("add `app:` with a client id, or `user:` with a user principal name"));
            None
        }
    }
}

fn subject(fields: &Fields<'_>, word: SubjectWord) -> Option<Subject> {
    match word {
        SubjectWord::App => {
            let client_id = fields.required("app").and_then(|i| i.id());
            let name = fields.required("name").and_then(|i| i.text());
            Some(Subject::App { client_id: client_id?, name: name? })
        }
        SubjectWord::User => {
            if let Some(name) = fields.optional("name") {
                let message = "a user has no `name` here: the user principal name is enough";
                let finding = Diagnostic::new(Code::UnknownKey, name.key_at, message);
                fields.report().push(finding.hint("remove the line"));
            }
            fields.required("user").and_then(|i| i.upn()).map(|upn| Subject::User { upn })
        }
    }
}

/// The kind that the target's keys announce, and the value that it reads.
fn kind<'k, 'a>(
    fields: &Fields<'a>,
    word: Option<SubjectWord>,
    verbs: &[&'static str],
    kinds: &[&'k dyn KindSyntax],
) -> Option<(&'k dyn KindSyntax, Item<'a>)> {
    let present: Vec<_> = verbs.iter().filter_map(|v| fields.optional(v)).collect();
    let item = match present[..] {
        [] => {
            let message = "this target does not say what to do";
            let finding = Diagnostic::new(Code::NoAction, fields.at(), message);
            fields.report().push(finding.hint(forms(kinds, word)));
            return None;
        }
        [item] => item,
        [first, second, ..] => {
            return two_actions(first.name, first.key_at, second.name, second.key_at, fields);
        }
    };
    let candidates: Vec<_> = kinds.iter().filter(|k| k.form().verb() == item.name).collect();
    let named = candidates.iter().filter(|k| k.form().object().is_none_or(|o| item.node.entry(o).is_some()));
    let named: Vec<_> = named.collect();
    let fits: Vec<_> = named.iter().filter(|k| word.is_none_or(|w| w == k.form().subject)).collect();
    match fits[..] {
        [kind] => Some((***kind, item)),
        [one, two, ..] => {
            let place = |k: &dyn KindSyntax| {
                let object = k.form().object().unwrap_or_default();
                (object, item.node.entry(object).map_or(item.key_at, |e| e.key_at))
            };
            let ((a, a_at), (b, b_at)) = (place(***one), place(***two));
            two_actions(a, a_at, b, b_at, fields)
        }
        [] if named.is_empty() => {
            let objects: Vec<_> = candidates.iter().filter_map(|k| k.form().object()).collect();
            let message = format!("`{}` does not say what", item.name);
            let finding = Diagnostic::new(Code::NoAction, item.key_at, message);
            fields.report().push(finding.hint(format!("add exactly one of {}", list(&objects))));
            None
        }
        [] => {
            let word = word.map_or("subject", SubjectWord::word);
            let message = format!("`{}` does not fit a target with `{word}`", item.name);
            let finding = Diagnostic::new(Code::WrongSubject, item.key_at, message);
            fields.report().push(finding.hint(forms(kinds, None)));
            None
        }
    }
}

fn two_actions<T>(a: &str, a_at: Span, b: &str, b_at: Span, fields: &Fields<'_>) -> Option<T> {
    let message = format!("a target does one thing; this one has `{a}` and `{b}`");
    let finding = Diagnostic::new(Code::TwoActions, a_at.max(b_at), message).also(a_at.min(b_at), "and this");
    fields.report().push(finding.hint("write two targets with the same subject"));
    None
}

/// What can be done: `app` takes …; `user` takes ….
fn forms(kinds: &[&dyn KindSyntax], word: Option<SubjectWord>) -> String {
    let words =
        [SubjectWord::App, SubjectWord::User].into_iter().filter(|w| word.is_none_or(|only| only == *w));
    let lines = words.map(|word| {
        let own = kinds.iter().filter(|k| k.form().subject == word);
        let examples: Vec<_> = own.map(|k| format!("`{}`", k.form().example())).collect();
        format!("`{}` takes {}", word.word(), examples.join(" or "))
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn only_rotations(fields: &Fields<'_>, form: Form) {
    for key in ["contain", "consumers"].into_iter().filter(|_| !form.rotates()) {
        if let Some(item) = fields.optional(key) {
            let message = format!("`{key}` belongs to a target with `rotate`, not with `{}`", form.verb());
            let finding = Diagnostic::new(Code::OnlyRotations, item.key_at, message);
            fields.report().push(finding.hint("remove it"));
        }
    }
}

/// `self: last`: the identity in use is its own target, after everything else.
fn last(fields: &Fields<'_>, kind: &dyn KindSyntax, contain: bool) -> Option<bool> {
    let Some(item) = fields.optional("self") else { return Some(false) };
    if !kind.may_be_self() {
        let message = "`self` belongs to the rotation of a secret alone";
        let hint = "replace this credential with another identity, and remove the line";
        return item.wrong(Code::OnlyRotations, message, hint);
    }
    if contain {
        let message = "what signs in for this run cannot be taken away first";
        return item.wrong(Code::OnlyRotations, message, "remove `contain` or `self`");
    }
    let word = item.scalar("the word last", "write `self: last`, or leave it out")?;
    match word.text.as_str() {
        "last" => Some(true),
        _ => item.wrong(Code::WrongType, "`self` is not understood", "write `self: last`, or leave it out"),
    }
}

fn evidence(item: &Item<'_>) -> Option<Vec<Evidence>> {
    let items = item.list("each is { finding: ID, note: TEXT }, or leave it out")?;
    let read = items.iter().map(|item| {
        let fields = item.fields(&["finding", "note"])?;
        let finding = fields.optional("finding").map(|i| i.text());
        let note = fields.optional("note").map(|i| i.text());
        if finding.is_none() && note.is_none() {
            let hint = "write { finding: F-0042 } or { note: pasted into a ticket }";
            return item.wrong(Code::EmptyValue, "this evidence says nothing", hint);
        }
        Some(Evidence {
            finding: finding.map_or(Some(None), |f| f.map(Some))?,
            note: note.map_or(Some(None), |n| n.map(Some))?,
        })
    });
    read.collect::<Vec<_>>().into_iter().collect()
}

fn consumers(item: &Item<'_>) -> Option<Vec<Consumer>> {
    let items = item.list("each is { name: payroll-worker, refresh: 5m }, or leave it out")?;
    let read: Vec<_> = items.iter().map(consumer).collect();
    let read: Vec<Consumer> = read.into_iter().collect::<Option<_>>()?;
    for (n, consumer) in read.iter().enumerate() {
        if read[..n].iter().any(|earlier| earlier.name == consumer.name) {
            return items[n].wrong(
                Code::DuplicateName,
                "a consumer of this name is declared above",
                "rename one",
            );
        }
    }
    Some(read)
}

fn consumer(item: &Item<'_>) -> Option<Consumer> {
    let fields = item.fields(&["name", "refresh"])?;
    let name = fields.required("name").and_then(|i| i.name::<64>("-_."));
    let refresh = fields.required("refresh").and_then(|i| {
        let hint = "how often it reads its store (5m, 24h), `restart`, or `pinned` to one version";
        match i.scalar("a span of time, `restart` or `pinned`", hint)?.text.as_str() {
            "restart" => Some(Refresh::OnRestart),
            "pinned" => Some(Refresh::Pinned),
            text if super::super::time::parse_span(text).is_err() => {
                i.wrong(Code::NotASpan, "`refresh` is not understood", hint)
            }
            _ => i.span(secs(1)..=secs(366 * 86_400)).map(Refresh::Every),
        }
    });
    Some(Consumer { name: name?, refresh: refresh? })
}
