//! `rotate: { secret: … }` of an app.

use crate::domain::playbook::syntax::{Action, Context, Form, SubjectWord, Way, selector};
use crate::domain::playbook::{KindSyntax, Selector, fields::Fields};
use serde_json::{Value, json};

/// An application's client secret: Entra makes the new one and tells it once.
pub struct AppSecret;

const WAYS: [Way; 2] =
    [("hint", |i| i.hint().map(Selector::Hint)), ("key_id", |i| i.key_id().map(Selector::KeyId))];

impl KindSyntax for AppSecret {
    fn name(&self) -> &'static str {
        "app-secret"
    }
    fn title(&self) -> &'static str {
        "rotate an app secret"
    }
    fn form(&self) -> Form {
        Form { subject: SubjectWord::App, path: &["rotate", "secret"] }
    }
    fn may_be_self(&self) -> bool {
        true
    }
    fn keys(&self) -> &'static [&'static str] {
        &["secret", "publish", "hold", "lifetime"]
    }
    fn read(&self, fields: &Fields<'_>, context: &Context<'_>) -> Option<Action> {
        let selector = fields.required("secret").and_then(|i| selector(&i, &WAYS));
        context.rotation(fields, selector)
    }
    fn schema(&self) -> Value {
        json!({
            "required": ["secret", "publish"],
            "properties": {
                "secret": {
                    "description": "Which secrets leaked. A hint is the three characters that Entra \
                                    publishes of each secret; it must fit exactly one.",
                    "oneOf": [
                        { "const": "all" },
                        { "$ref": "#/$defs/only_key_id" },
                        {
                            "type": "object",
                            "required": ["hint"],
                            "additionalProperties": false,
                            "properties": { "hint": { "type": "string", "pattern": "^[!-~]{3}$" } }
                        }
                    ]
                },
                "publish": { "$ref": "#/$defs/publish" },
                "hold": { "$ref": "#/$defs/hold" },
                "lifetime": { "$ref": "#/$defs/span" }
            }
        })
    }
}
