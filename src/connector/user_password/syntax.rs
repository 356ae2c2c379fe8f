//! `reset: { … }` of a user.

use crate::domain::playbook::syntax::{Action, Context, Form, SubjectWord};
use crate::domain::playbook::{KindSyntax, Setting, fields::Fields};
use crate::domain::text::Text;
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
        &["block", "deliver", "length", "on_premises"]
    }
    fn read(&self, fields: &Fields<'_>, context: &Context<'_>) -> Option<Action> {
        // Whoever is mastered on premises is reset there, and nothing is delivered.
        let on_premises = fields.optional("on_premises").map(|i| i.text::<64>());
        let deliver = match on_premises {
            Some(_) => fields.optional("deliver"),
            None => fields.required("deliver"),
        };
        let deliver = deliver.map(|i| context.publication(&i, &["store", "name", "to"]));
        let block = fields.optional("block").map_or(Some(false), |i| i.flag());
        let (least, usual, most) = LENGTH;
        let length = fields.optional("length").map_or(Some(usual), |i| i.number(least..=most));
        let mut action = Action::on_subject();
        action.publish = match (deliver, &on_premises) {
            (None, Some(_)) => None,
            (deliver, _) => Some(deliver??),
        };
        if let Some(who) = on_premises {
            action = action.set("on_premises", Some(Setting::Text(Text::lossy(&who?))));
        }
        let block = Setting::Flag(block?);
        Some(action.set("block", Some(block)).set("length", Some(Setting::Number(length?))))
    }
    fn schema(&self) -> Value {
        let (least, _, most) = LENGTH;
        json!({
            "anyOf": [ { "required": ["deliver"] }, { "required": ["on_premises"] } ],
            "properties": {
                "block": {
                    "description": "Stop sign-in first; the user stays blocked until a person lifts it. Default false.",
                    "type": "boolean"
                },
                "deliver": { "$ref": "#/$defs/deliver" },
                "length": { "type": "integer", "minimum": least, "maximum": most },
                "on_premises": {
                    "description": "Who resets the password in the on-premises directory, if the user is mastered there. The run waits for their word, then ends the sessions here.",
                    "type": "string", "minLength": 1, "maxLength": 64
                }
            }
        })
    }
}
