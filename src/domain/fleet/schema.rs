//! The JSON Schema (draft 2020-12) of a fleet file, for editors. The reader knows more than a schema can say.

use super::TENANTS_MAX;
use crate::domain::plan::estimate::PACE_DEFAULT;
use serde_json::{Value, json};

/// The schema of a fleet file.
pub fn schema() -> Value {
    let file =
        |what: &str| json!({ "type": "string", "minLength": 1, "maxLength": 1024, "description": what });
    let guid = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
    let acts = |key: &str, what: &str| {
        json!({
            "type": "object", "additionalProperties": false, "required": ["client_id", key],
            "properties": {
                "client_id": { "type": "string", "pattern": guid, "description": "The application that acts." },
                key: file(what),
            }
        })
    };
    let certificate = acts("certificate", "PEM file with the certificate and its private key.");
    let secret = acts("secret_file", "File with the client secret, mode 0600.");
    let tenant = json!({
        "type": "object",
        "required": ["name", "home", "playbook"],
        "anyOf": [ { "required": ["as"] }, { "required": ["lab"] } ],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$" },
            "home": file("The installation's folder, made by `reissue init --home`."),
            "playbook": file("The tenant's playbook."),
            "plan": file("Its plan. Default: NAME.plan.jsonl beside the fleet file."),
            "as": { "description": "Who acts.", "oneOf": [ { "const": "azure_cli" }, certificate, secret ] },
            "lab": file("The folder of a lab that is served on this machine, in place of a real tenant."),
            "pace": {
                "type": "integer", "minimum": 1, "maximum": 100,
                "description": format!("Percent of the documented quotas. Default {PACE_DEFAULT}.")
            },
            "quotas": file("Quota file, where the tenant's quotas are not as documented."),
            "mirror": { "type": "string", "minLength": 1, "maxLength": 256, "description": "As `apply --mirror`." },
            "countersign": {
                "type": "string", "minLength": 1, "maxLength": 256, "description": "As `apply --countersign`."
            },
        }
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reissue fleet",
        "type": "object",
        "required": ["reissue_fleet", "tenants"],
        "additionalProperties": false,
        "properties": {
            "reissue_fleet": { "const": 1, "description": "Version of the fleet file." },
            "tenants": { "type": "array", "minItems": 1, "maxItems": TENANTS_MAX, "items": tenant }
        }
    })
}
