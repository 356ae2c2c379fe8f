//! `rotate: { certificate: … }` of an app.

use crate::domain::playbook::syntax::{Action, Context, Form, SubjectWord, Way, selector};
use crate::domain::playbook::{KindSyntax, Selector, Setting, fields::Fields};
use serde_json::{Value, json};

/// An application's certificate: the vault makes the key, the public part joins the app's list.
pub struct AppCertificate;

const WAYS: [Way; 2] = [
    ("thumbprint", |i| i.thumbprint().map(Selector::Thumbprint)),
    ("key_id", |i| i.key_id().map(Selector::KeyId)),
];

const KEY_SIZES: [(u64, &str); 3] = [(2048, "2048"), (3072, "3072"), (4096, "4096")];

impl KindSyntax for AppCertificate {
    fn name(&self) -> &'static str {
        "app-certificate"
    }
    fn title(&self) -> &'static str {
        "rotate an app certificate"
    }
    fn form(&self) -> Form {
        Form { subject: SubjectWord::App, path: &["rotate", "certificate"] }
    }
    fn keys(&self) -> &'static [&'static str] {
        &["certificate", "publish", "hold", "lifetime", "exportable", "key_size"]
    }
    fn read(&self, fields: &Fields<'_>, context: &Context<'_>) -> Option<Action> {
        let selector = fields.required("certificate").and_then(|i| selector(&i, &WAYS));
        let exportable = fields.optional("exportable").map(|i| i.flag().map(Setting::Flag));
        let key_size = fields.optional("key_size").map(|i| i.word(&KEY_SIZES).map(Setting::Number));
        let action = context.rotation(fields, selector)?;
        let exportable = exportable.unwrap_or(Some(Setting::Flag(true)))?;
        let key_size = key_size.unwrap_or(Some(Setting::Number(2048)))?;
        Some(action.set("exportable", Some(exportable)).set("key_size", Some(key_size)))
    }
    fn schema(&self) -> Value {
        json!({
            "required": ["certificate", "publish"],
            "properties": {
                "certificate": {
                    "description": "Which certificates leaked. A thumbprint is the SHA-1 of one.",
                    "oneOf": [
                        { "const": "all" },
                        { "$ref": "#/$defs/only_key_id" },
                        {
                            "type": "object",
                            "required": ["thumbprint"],
                            "additionalProperties": false,
                            "properties": { "thumbprint": { "type": "string", "pattern": "^[0-9A-Fa-f]{40}$" } }
                        }
                    ]
                },
                "publish": { "$ref": "#/$defs/publish" },
                "hold": { "$ref": "#/$defs/hold" },
                "lifetime": { "$ref": "#/$defs/span" },
                "exportable": {
                    "description": "Whether consumers may read the private key out of the vault. Default true.",
                    "type": "boolean"
                },
                "key_size": { "description": "RSA bits. Default 2048.", "enum": [2048, 3072, 4096] }
            }
        })
    }
}
