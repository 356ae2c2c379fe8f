//! App management policies: what they are, and what they refuse (Microsoft Graph: application
//! authentication methods policy). They act on adding a credential, never on signing in.

use super::caller::Need;
use super::change::as_map;
use super::{Call, Deed, error, reply};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::{Kind, Node, Object};
use crate::lab::state::State;
use http::Method;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The id of the tenant's default policy.
pub(in crate::lab) const DEFAULT_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The tenant's default policy as it is before anybody changed it.
pub(in crate::lab) fn default_policy() -> Object {
    let fields = as_map(json!({
        "id": DEFAULT_ID, "displayName": "Default app management tenant policy", "deletedDateTime": null,
        "description": "Default tenant policy that enforces app management restrictions on applications and service principals. To apply policy to targeted resources, create a new policy under appManagementPolicies collection.",
        "isEnabled": false,
        "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": []},
        "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
    }));
    Object::new(Kind::TenantPolicy, DEFAULT_ID.into(), fields)
}

pub(super) fn route(call: &mut Call<'_>, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, ["defaultAppManagementPolicy"]) => {
            call.require(Need::ReadPolicies)?;
            let policy =
                call.read(Kind::TenantPolicy, DEFAULT_ID).map_or_else(|_| default_policy(), |p| (*p).clone());
            Ok(reply::entity(call.ask, "policies/defaultAppManagementPolicy", policy.fields))
        }
        (&Method::PATCH, ["defaultAppManagementPolicy"]) => {
            call.require(Need::WritePolicies)?;
            let policy = call.state.newest(Kind::TenantPolicy, DEFAULT_ID).unwrap_or_else(default_policy);
            call.settled(DEFAULT_ID)?;
            patch(call, policy)
        }
        (&Method::GET, ["appManagementPolicies"]) => {
            call.require(Need::ReadPolicies)?;
            let (node, now) = (call.node, call.state.now());
            let all =
                call.state.directory.all(Kind::AppPolicy, "", node, now).filter(|p| p.deleted.is_none());
            call.objects("policies/appManagementPolicies", all.cloned().collect())
        }
        (&Method::POST, ["appManagementPolicies"]) => create(call),
        (&Method::GET, ["appManagementPolicies", id]) => {
            call.require(Need::ReadPolicies)?;
            let policy = call.read(Kind::AppPolicy, id)?;
            Ok(reply::entity(call.ask, "policies/appManagementPolicies", policy.fields.clone()))
        }
        (&Method::PATCH, ["appManagementPolicies", id]) => {
            call.require(Need::WritePolicies)?;
            let policy = call.change(Kind::AppPolicy, id)?;
            patch(call, policy)
        }
        (&Method::DELETE, ["appManagementPolicies", id]) => {
            call.require(Need::WritePolicies)?;
            let policy = call.change(Kind::AppPolicy, id)?;
            call.record(&policy, deed("delete", "Delete policy"));
            call.state.erase(Kind::AppPolicy, id);
            Ok(Answer::empty(204))
        }
        (&Method::GET, ["appManagementPolicies", id, "appliesTo"]) => {
            call.require(Need::ReadPolicies)?;
            applies_to(call, id)
        }
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("policies")),
    }
}

fn deed(operation: &'static str, activity: &'static str) -> Deed<'static> {
    Deed { operation, activity, key_id: None, properties: Vec::new() }
}

fn patch(call: &mut Call<'_>, mut policy: Object) -> Outcome {
    policy.fields.extend(call.body()?.into_iter().filter(|(k, _)| !k.starts_with('@') && k != "id"));
    call.commit(policy, deed("update", "Update policy"));
    Ok(Answer::empty(204))
}

fn create(call: &mut Call<'_>) -> Outcome {
    call.require(Need::WritePolicies)?;
    let mut fields = as_map(
        json!({"displayName": "", "description": null, "isEnabled": false, "deletedDateTime": null, "restrictions": {"passwordCredentials": [], "keyCredentials": []}}),
    );
    fields.extend(call.body()?.into_iter().filter(|(k, _)| !k.starts_with('@')));
    let id = call.state.new_id();
    fields.insert("id".into(), json!(id));
    call.commit(Object::new(Kind::AppPolicy, id, fields.clone()), deed("create", "Add policy"));
    let mut answer = reply::entity(call.ask, "policies/appManagementPolicies", fields);
    answer.status = 201;
    Ok(answer)
}

fn applies_to(call: &Call<'_>, id: &str) -> Outcome {
    let (node, now) = (call.node, call.state.now());
    let of =
        |kind| call.state.directory.all(kind, "", node, now).filter(|o| o.policies.iter().any(|p| p == id));
    let found = of(Kind::Application).chain(of(Kind::ServicePrincipal)).cloned().collect();
    call.objects("directoryObjects", found)
}

/// Which list of restrictions a credential falls under.
#[derive(Clone, Copy)]
pub(super) enum Family {
    Password,
    Key,
}

/// 400 if the policy in force forbids this credential or its life. An assigned policy replaces
/// the tenant's default.
pub(super) fn allow(
    state: &State,
    object: &Object,
    family: Family,
    start: Timestamp,
    end: Timestamp,
) -> Result<(), Answer> {
    let now = state.now();
    let assigned =
        object.policies.iter().find_map(|id| state.directory.get(Kind::AppPolicy, id, Node::Primary, now));
    let (policy, list) = match assigned {
        Some(policy) => (policy, "restrictions"),
        None => match state.directory.get(Kind::TenantPolicy, DEFAULT_ID, Node::Primary, now) {
            Some(policy) if object.kind == Kind::Application => (policy, "applicationRestrictions"),
            Some(policy) => (policy, "servicePrincipalRestrictions"),
            None => return Ok(()),
        },
    };
    if policy.flag("isEnabled") != Some(true) {
        return Ok(());
    }
    let (key, addition, lifetime) = match family {
        Family::Password => ("passwordCredentials", "passwordAddition", "passwordLifetime"),
        Family::Key => ("keyCredentials", "", "asymmetricKeyLifetime"),
    };
    let found = policy.fields.get(list).and_then(|r| r.get(key)).and_then(Value::as_array);
    for restriction in
        found.into_iter().flatten().filter_map(Value::as_object).filter(|r| in_force(r, object))
    {
        let kind = restriction.get("restrictionType").and_then(Value::as_str).unwrap_or("");
        if kind == addition {
            return Err(error::error(
                400,
                "CredentialTypeNotAllowedAsPerAppPolicy",
                &format!("Credential type not allowed as per assigned policy '{}'.", policy.id),
            ));
        }
        let most = restriction.get("maxLifetime").and_then(Value::as_str).and_then(duration);
        if kind == lifetime && most.is_some_and(|most| end.since(start) > most) {
            return Err(error::error(
                400,
                "CredentialInvalidLifetimeAsPerAppPolicy",
                &format!(
                    "Credential lifetime exceeds the max value allowed as per assigned policy '{}'.",
                    policy.id
                ),
            ));
        }
    }
    Ok(())
}

fn in_force(restriction: &Map<String, Value>, object: &Object) -> bool {
    let on = restriction.get("state").and_then(Value::as_str) != Some("disabled");
    let after = restriction.get("restrictForAppsCreatedAfterDateTime").and_then(Value::as_str);
    let after = after.and_then(|t| t.parse::<Timestamp>().ok());
    let shown = object.text("createdDateTime").parse::<Timestamp>();
    let created = shown.or_else(|_| object.text("~created").parse::<Timestamp>()).ok();
    on && after.is_none_or(|after| created.is_none_or(|c| c >= after))
}

/// An ISO 8601 duration of days, hours, minutes and seconds: `P90D`, `P4DT12H30M5S`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('P')?;
    let (mut total, mut in_time) = (0u64, false);
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('T') {
            (rest, in_time) = (tail, true);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = match (rest.as_bytes()[end], in_time) {
            (b'W', false) => 7 * 86_400,
            (b'D', false) => 86_400,
            (b'H', true) => 3_600,
            (b'M', true) => 60,
            (b'S', true) => 1,
            (b'M', false) => 30 * 86_400,
            (b'Y', false) => 365 * 86_400,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[end + 1..];
    }
    Some(Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_policies_write_them() {
        assert_eq!(duration("P90D"), Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(
            duration("P4DT12H30M5S"),
            Some(Duration::from_secs(4 * 86_400 + 12 * 3_600 + 30 * 60 + 5))
        );
        assert_eq!(duration("90"), None);
        assert_eq!(duration("PT"), Some(Duration::ZERO));
    }
}
