//! Authentication methods of a user: list, delete, a temporary access pass, and the password
//! reset that only a signed-in administrator may do.

use super::caller::Need;
use super::change::as_map;
use super::users::{guard_admin, set_password};
use super::{Call, Deed, error, passwords, reply};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::directory::Kind;
use http::Method;
use serde_json::{Map, Value, json};

/// The id of the password method, the same for everyone.
pub(in crate::lab) const PASSWORD_METHOD: &str = "28c10230-6103-485e-b985-444c60001490";

/// Collections by type (v1.0), and the `@odata.type` of what they hold.
const COLLECTIONS: [(&str, &str); 10] = [
    ("emailMethods", "emailAuthenticationMethod"),
    ("externalAuthenticationMethods", "externalAuthenticationMethod"),
    ("fido2Methods", "fido2AuthenticationMethod"),
    ("microsoftAuthenticatorMethods", "microsoftAuthenticatorAuthenticationMethod"),
    ("passwordMethods", "passwordAuthenticationMethod"),
    ("phoneMethods", "phoneAuthenticationMethod"),
    ("platformCredentialMethods", "platformCredentialAuthenticationMethod"),
    ("softwareOathMethods", "softwareOathAuthenticationMethod"),
    ("temporaryAccessPassMethods", "temporaryAccessPassAuthenticationMethod"),
    ("windowsHelloForBusinessMethods", "windowsHelloForBusinessAuthenticationMethod"),
];

pub(super) fn route(call: &mut Call<'_>, user: &str, rest: &[&str]) -> Outcome {
    match (&call.ask.method, rest) {
        (&Method::GET, ["methods"]) => list(call, user, None),
        (&Method::GET, ["methods", id]) => get(call, user, id),
        (&Method::POST, ["methods", id, "resetPassword"]) => reset(call, user, id),
        (&Method::GET, ["operations", id]) => operation(call, user, id),
        (&Method::POST, ["temporaryAccessPassMethods"]) => access_pass(call, user),
        (&Method::GET, [collection]) => list(call, user, Some(of_collection(collection)?)),
        (&Method::GET, [collection, id]) => {
            of_collection(collection)?;
            get(call, user, id)
        }
        (&Method::DELETE, [collection, id]) => delete(call, user, collection, id),
        (_, [other, ..]) => Err(error::no_segment(other)),
        _ => Err(error::no_segment("authentication")),
    }
}

fn of_collection(name: &str) -> Result<&'static str, Answer> {
    let found = COLLECTIONS.iter().find(|(c, _)| *c == name);
    found.map(|(_, kind)| *kind).ok_or_else(|| error::no_segment(name))
}

fn kind_of(method: &Map<String, Value>) -> &str {
    let full = method.get("@odata.type").and_then(Value::as_str).unwrap_or("");
    full.trim_start_matches("#microsoft.graph.")
}

fn all(call: &Call<'_>, user: &str) -> Result<Vec<Map<String, Value>>, Answer> {
    let user = call.read(Kind::User, user)?;
    let mut methods = user.methods.clone();
    methods.push(as_map(json!({
        "@odata.type": "#microsoft.graph.passwordAuthenticationMethod", "id": PASSWORD_METHOD, "password": null,
        "createdDateTime": user.fields.get("lastPasswordChangeDateTime"),
    })));
    Ok(methods)
}

fn list(call: &mut Call<'_>, user: &str, kind: Option<&str>) -> Outcome {
    call.require(Need::ReadMethods)?;
    let mut methods = all(call, user)?;
    methods.retain(|m| kind.is_none_or(|k| kind_of(m) == k));
    call.maps(&format!("users('{user}')/authentication/methods"), methods)
}

fn get(call: &mut Call<'_>, user: &str, id: &str) -> Outcome {
    call.require(Need::ReadMethods)?;
    let found = all(call, user)?.into_iter().find(|m| m.get("id").and_then(Value::as_str) == Some(id));
    let found = found.ok_or_else(|| error::not_found(id))?;
    Ok(reply::entity(call.ask, &format!("users('{user}')/authentication/methods"), found))
}

fn deed(operation: &'static str, activity: &'static str) -> Deed<'static> {
    Deed { operation, activity, key_id: None, properties: Vec::new() }
}

/// Deleting the default method fails until the others are gone.
fn delete(call: &mut Call<'_>, user: &str, collection: &str, id: &str) -> Outcome {
    call.require(Need::WriteMethods)?;
    let kind = of_collection(collection)?;
    let mut object = call.change(Kind::User, user)?;
    guard_admin(call, user)?;
    let named =
        |m: &Map<String, Value>| m.get("id").and_then(Value::as_str) == Some(id) && kind_of(m) == kind;
    let at = object.methods.iter().position(named).ok_or_else(|| error::not_found(id))?;
    let is_default = object.methods[at].get("~default").and_then(Value::as_bool) == Some(true);
    if is_default && object.methods.len() > 1 {
        return Err(error::bad_request(
            "The default authentication method cannot be deleted while other methods are registered.",
        ));
    }
    object.methods.remove(at);
    call.commit(object, deed("deleteMethod", "Admin deleted security info"));
    Ok(Answer::empty(204))
}

/// One pass a user, shown once.
fn access_pass(call: &mut Call<'_>, user: &str) -> Outcome {
    call.require(Need::WriteMethods)?;
    let body = call.body()?;
    let minutes = body.get("lifetimeInMinutes").and_then(Value::as_i64).unwrap_or(60);
    let mut object = call.change(Kind::User, user)?;
    guard_admin(call, user)?;
    if !(10..=43_200).contains(&minutes) {
        return Err(error::bad_request("lifetimeInMinutes must be between 10 and 43200."));
    }
    if object.methods.iter().any(|m| kind_of(m) == "temporaryAccessPassAuthenticationMethod") {
        return Err(error::bad_request("A temporary access pass already exists for this user."));
    }
    let now = call.state.now().to_string();
    let mut made = as_map(json!({
        "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod", "id": call.state.new_id(),
        "temporaryAccessPass": null, "createdDateTime": now, "startDateTime": body.get("startDateTime").filter(|v| v.is_string()).cloned().unwrap_or(json!(now)),
        "lifetimeInMinutes": minutes, "isUsableOnce": body.get("isUsableOnce").and_then(Value::as_bool).unwrap_or(false),
        "isUsable": true, "methodUsabilityReason": "EnabledByPolicy",
    }));
    object.methods.push(made.clone());
    call.commit(object, deed("addMethod", "Admin registered security info"));
    let pass: String = passwords::new_value(call.state, None).chars().skip(6).take(12).collect();
    made.insert("temporaryAccessPass".into(), json!(pass));
    let what = format!("users('{user}')/authentication/temporaryAccessPassMethods");
    let mut answer = reply::entity(call.ask, &what, made);
    answer.status = 201;
    Ok(answer)
}

/// `resetPassword`: delegated only (Microsoft Graph reference), 202 with an operation to poll.
fn reset(call: &mut Call<'_>, user: &str, method: &str) -> Outcome {
    if !call.caller.is_user {
        return Err(error::denied());
    }
    call.require(Need::ResetPassword)?;
    if method != PASSWORD_METHOD {
        return Err(error::not_found(method));
    }
    if call.caller.oid == user {
        return Err(error::bad_request("The reset of one's own password is not supported."));
    }
    let body = call.body()?;
    let mut object = call.change(Kind::User, user)?;
    guard_admin(call, user)?;
    let given = body.get("newPassword").and_then(Value::as_str).map(str::to_owned);
    let password = given.clone().unwrap_or_else(|| passwords::new_value(call.state, Some("Lab")));
    set_password(
        call,
        &mut object,
        &as_map(json!({"password": password, "forceChangePasswordNextSignIn": true})),
    )?;
    call.commit(object, deed("resetPassword", "Reset user password"));
    let operation = call.state.new_id();
    let location = format!(
        "https://{}/v1.0/users/{user}/authentication/operations/{operation}?aadgdc=LAB01P&aadgsu=ssprprod-a",
        call.ask.authority
    );
    let shown = match given {
        Some(_) => json!({}),
        None => {
            json!({"@odata.context": reply::context(call.ask, "microsoft.graph.passwordResetResponse"), "newPassword": password})
        }
    };
    Ok(Answer::json(202, shown).with("location", location))
}

fn operation(call: &mut Call<'_>, user: &str, id: &str) -> Outcome {
    if !call.caller.is_user {
        return Err(error::denied());
    }
    call.require(Need::ReadMethods)?;
    call.read(Kind::User, user)?;
    let now = call.state.now().to_string();
    let shown = as_map(
        json!({"id": id, "status": "succeeded", "statusDetail": "ResetSuccess", "createdDateTime": now, "lastActionDateTime": now, "resourceLocation": null}),
    );
    Ok(reply::entity(call.ask, &format!("users('{user}')/authentication/operations"), shown))
}
