//! `disable: { … }` of an app.

use crate::domain::playbook::syntax::{Action, Context, Form, SubjectWord};
use crate::domain::playbook::{KindSyntax, Setting, fields::Fields};
use serde_json::{Value, json};

/// An application that nobody needs: switched off, not deleted.
pub struct AppDisable;

impl KindSyntax for AppDisable {
    fn name(&self) -> &'static str {
        "app-disable"
    }
    fn title(&self) -> &'static str {
        "disable an app"
    }
    fn form(&self) -> Form {
        Form { subject: SubjectWord::App, path: &["disable"] }
    }
    fn keys(&self) -> &'static [&'static str] {
        &["reason", "multi_tenant"]
    }
    fn read(&self, fields: &Fields<'_>, _: &Context<'_>) -> Option<Action> {
        let reason = fields.required("reason").and_then(|i| i.text::<300>());
        let multi_tenant = fields.optional("multi_tenant").map_or(Some(false), |i| i.flag());
        let action = Action::on_subject().set("reason", Some(Setting::Text(reason?)));
        Some(action.set("multi_tenant", Some(Setting::Flag(multi_tenant?))))
    }
    fn schema(&self) -> Value {
        json!({
            "required": ["reason"],
            "properties": {
                "reason": {
                    "description": "Why it can go; shown to approvers and put into the record.",
                    "type": "string", "minLength": 1, "maxLength": 300
                },
                "multi_tenant": {
                    "description": "Disable it even though other tenants use it. Default false.",
                    "type": "boolean"
                }
            }
        })
    }
}
