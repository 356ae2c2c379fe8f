//! `enable: { … }` of an app or a user.

use crate::domain::playbook::syntax::{Action, Context, Form, SubjectWord};
use crate::domain::playbook::{KindSyntax, Setting, fields::Fields};
use serde_json::{Value, json};

/// An application that was disabled, or whose service principal was blocked.
pub struct AppEnable;

/// A user who was blocked.
pub struct UserEnable;

fn read(fields: &Fields<'_>) -> Option<Action> {
    let reason = fields.required("reason").and_then(|i| i.text::<300>());
    Some(Action::on_subject().set("reason", Some(Setting::Text(reason?))))
}

fn schema() -> Value {
    json!({
        "required": ["reason"],
        "properties": {
            "reason": {
                "description": "Why it may work again; shown to approvers and put into the record.",
                "type": "string", "minLength": 1, "maxLength": 300
            }
        }
    })
}

impl KindSyntax for AppEnable {
    fn name(&self) -> &'static str {
        "app-enable"
    }
    fn title(&self) -> &'static str {
        "enable an app again"
    }
    fn form(&self) -> Form {
        Form { subject: SubjectWord::App, path: &["enable"] }
    }
    fn keys(&self) -> &'static [&'static str] {
        &["reason"]
    }
    fn read(&self, fields: &Fields<'_>, _: &Context<'_>) -> Option<Action> {
        read(fields)
    }
    fn schema(&self) -> Value {
        schema()
    }
}

impl KindSyntax for UserEnable {
    fn name(&self) -> &'static str {
        "user-enable"
    }
    fn title(&self) -> &'static str {
        "lift a user's block"
    }
    fn form(&self) -> Form {
        Form { subject: SubjectWord::User, path: &["enable"] }
    }
    fn keys(&self) -> &'static [&'static str] {
        &["reason"]
    }
    fn read(&self, fields: &Fields<'_>, _: &Context<'_>) -> Option<Action> {
        read(fields)
    }
    fn schema(&self) -> Value {
        schema()
    }
}
