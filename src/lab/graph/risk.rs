//! Identity protection: confirming and dismissing risk. The lab keeps no risk of its own.

use super::caller::Need;
use super::{Call, error};
use crate::lab::answer::{Answer, Outcome};
use http::Method;
use serde_json::Value;

/// At most this many ids in one call (not documented; sixty are known to be taken).
const IDS_MAX: usize = 60;

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (
            &Method::POST,
            [kind @ ("riskyUsers" | "riskyServicePrincipals"), "confirmCompromised" | "dismiss"],
        ) => {
            let users = *kind == "riskyUsers";
            call.require(if users { Need::WriteUserRisk } else { Need::WriteAppRisk })?;
            let body = call.body()?;
            let ids =
                body.get(if users { "userIds" } else { "servicePrincipalIds" }).and_then(Value::as_array);
            match ids.map(Vec::len) {
                Some(1..=IDS_MAX) => Ok(Answer::empty(204)),
                _ => Err(error::bad_request("Between 1 and 60 ids are needed.")),
            }
        }
        (
            &Method::GET,
            [
                kind @ ("riskyUsers"
                | "riskyServicePrincipals"
                | "riskDetections"
                | "servicePrincipalRiskDetections"),
            ],
        ) => {
            call.require(if kind.starts_with("riskyU") { Need::WriteUserRisk } else { Need::WriteAppRisk })?;
            call.maps(&format!("identityProtection/{kind}"), Vec::new())
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("identityProtection")),
    }
}
