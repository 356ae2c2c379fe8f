//! `reset: { … }` of a user.

use crate::domain::playbook::syntax::{Action, Context, Form, SubjectWord};
use crate::domain::playbook::{KindSyntax, Setting, fields::Fields};
use serde_json::{Value, json};

/// A user's password: we make the new one and deliver it to a named person's store.
pub struct UserPassword;

/// Entra takes 8 to 256 characters (Microsoft Learn, "Password policies"); a temporary password
/// that nobody types often can be long.
const LENGTH: (u64, u64, u64) = (16, 24, 128);

impl KindSyntax for UserPassword {
    fn name(&self) -> &'static str {
        "user-password"
    }
    fn title(&self) -> &'static str {
        "reset a user's password"
    }
    fn form(&self) -> Form {
        Form { subject: SubjectWord::User, path: &["reset"] }
    }
    fn keys(&self) -> &'static [&'static str] {
        &["block", "deliver", "length"]
    }
    fn read(&self, fields: &Fields<'_>, context: &Context<'_>) -> Option<Action> {
        let deliver = fields.required("deliver").map(|i| context.publication(&i, &["store", "name", "to"]));
        let block = fields.optional("block").map_or(Some(false), |i| i.flag());
        let (least, usual, most) = LENGTH;
        let length = fields.optional("length").map_or(Some(usual), |i| i.number(least..=most));
        let mut action = Action::on_subject();
        action.publish = Some(deliver??);
        let block = Setting::Flag(block?);
        Some(action.set("block", Some(block)).set("length", Some(Setting::Number(length?))))
    }
    fn schema(&self) -> Value {
        let (least, _, most) = LENGTH;
        json!({
            "required": ["deliver"],
            "properties": {
                "block": {
                    "description": "Stop sign-in first; the user stays blocked until a person lifts it. Default false.",
                    "type": "boolean"
                },
                "deliver": { "$ref": "#/$defs/deliver" },
                "length": { "type": "integer", "minimum": least, "maximum": most }
            }
        })
    }
}
