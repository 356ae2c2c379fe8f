//! Users at the token endpoint: the password grant and the refresh grant.

use super::error::Refusal;
use super::grant::{Form, base_claims, caller_ip, issue, missing, wants_cae};
use crate::domain::time::Timestamp;
use crate::lab::answer::{Answer, Body};
use crate::lab::ask::Ask;
use crate::lab::audit::{Principal, SignIn};
use crate::lab::directory::{Kind, Node, Object};
use crate::lab::state::State;
use crate::lab::token;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `grant_type=password`.
pub(super) fn password(state: &mut State, ask: &Ask, form: &Form) -> Result<Answer, Refusal> {
    let name = form.get("username").ok_or_else(|| missing("username"))?;
    let given = form.get("password").ok_or_else(|| missing("password"))?;
    let (user, outcome) = sign_in(state, name, given);
    if let Some(user) = &user {
        log(state, ask, form, user, outcome.as_ref().err());
    }
    outcome?;
    let user = user.ok_or_else(Refusal::transient)?;
    reply(state, ask, form, &user)
}

/// Checks a user's password at a login node.
pub(in crate::lab) fn sign_in(
    state: &State,
    name: &str,
    given: &str,
) -> (Option<Arc<Object>>, Result<(), Refusal>) {
    let (now, node) = (state.now(), state.any_login_node());
    let found = state.directory.user_id(name).map(str::to_owned);
    let user = found.and_then(|id| state.directory.get(Kind::User, &id, Node::Login(node), now).cloned());
    let Some(user) = user else {
        return (
            None,
            Err(Refusal::grant(
                50_034,
                format!(
                    "The user account {name} does not exist in the {} directory. To sign into this application, the account must be added to the directory.",
                    state.options.tenant
                ),
            )),
        );
    };
    let outcome = if user.flag("accountEnabled") == Some(false) {
        Err(Refusal::grant(50_057, "The user account is disabled."))
    } else if user.password.as_deref() != Some(given) {
        Err(Refusal::grant(50_126, "Error validating credentials due to invalid username or password."))
    } else if user.flag("~forceChangePasswordNextSignIn") == Some(true) {
        Err(Refusal::grant(50_055, "The password is expired."))
    } else {
        Ok(())
    };
    (Some(user), outcome)
}

/// `grant_type=refresh_token`: refused once sessions were revoked or the password changed.
pub(super) fn refresh(state: &mut State, ask: &Ask, form: &Form) -> Result<Answer, Refusal> {
    let given = form.get("refresh_token").ok_or_else(|| missing("refresh_token"))?;
    let invalid = || Refusal::grant(9_002_313, "Invalid request. Request is malformed or invalid.");
    let claims = state.tokens.read(given).map_err(|_| invalid())?;
    let (now, node) = (state.now(), state.any_login_node());
    let found = state.directory.get(Kind::User, &claims.oid, Node::Login(node), now).cloned();
    let user = found.ok_or_else(|| Refusal::grant(50_034, "The user account does not exist."))?;
    if user.flag("accountEnabled") == Some(false) {
        return Err(Refusal::grant(50_057, "The user account is disabled."));
    }
    let revoked = |field: &str| {
        let when = user.text(field).parse::<Timestamp>().ok();
        when.is_some_and(|t| claims.iat < t.unix_s())
    };
    if revoked("signInSessionsValidFromDateTime") || revoked("lastPasswordChangeDateTime") {
        return Err(Refusal::grant(
            50_173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
        ));
    }
    reply(state, ask, form, &user)
}

fn reply(state: &State, ask: &Ask, form: &Form, user: &Object) -> Result<Answer, Refusal> {
    let scope = form.get("scope").map_or("", String::as_str);
    let wanted = scope.split(' ').find(|s| s.starts_with("https://"));
    let resource =
        wanted.and_then(|s| s.rsplit_once('/')).map_or("00000003-0000-0000-c000-000000000000", |(r, _)| r);
    let resource = resource.trim_end_matches('/');
    let client_id = form.get("client_id").map_or("", String::as_str);
    let mut claims = user_claims(base_claims(state, ask, resource), user, client_id);
    claims.insert("scp".into(), json!("User.Read Directory.AccessAsUser.All"));
    if wants_cae(form) {
        claims.insert("xms_cc".into(), json!(["cp1"]));
    }
    let mut answer = issue(state, &claims)?;
    let id_claims = user_claims(base_claims(state, ask, client_id), user, client_id);
    let refresh_claims = user_claims(base_claims(state, ask, "refresh"), user, client_id);
    if let Body::Json(body) = &mut answer.body {
        body["scope"] = json!(scope);
        body["id_token"] = json!(token::sign(&id_claims));
        body["refresh_token"] = json!(token::sign(&refresh_claims));
        let info = json!({"uid": user.id, "utid": state.options.tenant.as_str()}).to_string();
        body["client_info"] = json!(crate::lab::credential::base64_url(info.as_bytes()));
    }
    Ok(answer)
}

fn user_claims(mut claims: Map<String, Value>, user: &Object, client_id: &str) -> Map<String, Value> {
    let mut add = |k: &str, v: Value| claims.insert(k.to_owned(), v);
    add("appid", json!(client_id));
    add("oid", json!(user.id));
    add("sub", json!(user.id));
    add("idtyp", json!("user"));
    add("name", json!(user.text("displayName")));
    add("upn", json!(user.text("userPrincipalName")));
    add("preferred_username", json!(user.text("userPrincipalName")));
    claims
}

fn log(state: &mut State, ask: &Ask, form: &Form, user: &Object, refusal: Option<&Refusal>) {
    let now = state.now();
    let seen = now.after(state.options.lags.audit.draw(&state.random.stream("lab-lag-audit")));
    let row = SignIn {
        id: state.new_trace_id(),
        at: now,
        seen,
        app_id: form.get("client_id").cloned().unwrap_or_default(),
        app_name: "Lab sign-in".into(),
        principal: Principal::User {
            id: user.id.clone(),
            name: user.text("displayName").to_owned(),
            upn: user.text("userPrincipalName").to_owned(),
        },
        key_id: None,
        thumbprint: None,
        error: refusal.map_or(0, |r| r.code),
        reason: refusal.map_or_else(String::new, |r| r.message.clone()),
        ip: caller_ip(ask),
        resource: "Microsoft Graph".into(),
        correlation: state.new_trace_id(),
    };
    state.audit.sign_in(row);
}
