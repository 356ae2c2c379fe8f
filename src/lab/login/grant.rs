//! The token endpoint: client credentials by secret or assertion, and the password and refresh
//! grants of lab users (so that a person's sign-in can be shown).

use super::error::Refusal;
use super::{assertion, check};
use crate::lab::answer::{Answer, Outcome};
use crate::lab::ask::Ask;
use crate::lab::directory::{Kind, Node};
use crate::lab::hosts::{self, Surface};
use crate::lab::state::State;
use crate::lab::token;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) type Form = BTreeMap<String, String>;

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn token(state: &mut State, ask: &Ask, tenant: &str) -> Outcome {
    // What is not sent as a form is not read: every field of it is missing.
    let is_form = ask.header("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    let mut form: Form = if is_form { ask.form().into_iter().collect() } else { Form::new() };
    basic(ask, &mut form);
    let outcome = match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => client_credentials(state, ask, tenant, &form),
        Some("password") => super::check_user::password(state, ask, &form),
        Some("refresh_token") => super::check_user::refresh(state, ask, &form),
        Some(other) => Err(Refusal::new(
            70_003,
            "unsupported_grant_type",
            400,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
        None => Err(missing("grant_type")),
    };
    outcome.map_err(|refusal| refusal.answer())
}

pub(super) fn missing(field: &str) -> Refusal {
    Refusal::request(900_144, format!("The request body must contain the following parameter: '{field}'."))
}

/// Client id and secret from a Basic header, each percent-encoded (RFC 6749, 2.3.1).
fn basic(ask: &Ask, form: &mut Form) {
    let Some(value) = ask.header("authorization").and_then(|v| v.strip_prefix("Basic ")) else { return };
    let Some(bytes) = crate::lab::credential::base64_any(value) else { return };
    let Ok(text) = String::from_utf8(bytes) else { return };
    if let Some((id, secret)) = text.split_once(':') {
        form.entry("client_id".into()).or_insert_with(|| crate::lab::ask::percent_decode(id));
        form.entry("client_secret".into()).or_insert_with(|| crate::lab::ask::percent_decode(secret));
    }
}

fn client_credentials(state: &mut State, ask: &Ask, tenant: &str, form: &Form) -> Result<Answer, Refusal> {
    let client_id = form.get("client_id").ok_or_else(|| missing("client_id"))?.to_ascii_lowercase();
    let resource = resource(state, form)?;
    let node = state.any_login_node();
    let outcome = present(state, ask, tenant, form, node, &client_id);
    check::log(state, &client_id, &outcome, &caller_ip(ask), resource_name(state, &resource));
    let accepted = outcome?;
    let client = check::client(state, node, &client_id)?;
    let claims = claims(state, ask, form, &client, &resource, accepted.thumbprint.is_some());
    issue(state, &claims)
}

fn present(
    state: &State,
    ask: &Ask,
    tenant: &str,
    form: &Form,
    node: usize,
    client_id: &str,
) -> Result<check::Accepted, Refusal> {
    let client = check::client(state, node, client_id)?;
    if let Some(jwt) = form.get("client_assertion") {
        let kind = form.get("client_assertion_type").map(String::as_str);
        if kind != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
            return Err(missing("client_assertion_type"));
        }
        return assertion::check(state, ask, tenant, &client, jwt);
    }
    match form.get("client_secret") {
        Some(secret) if !secret.is_empty() => check::secret(state, &client, secret),
        _ => Err(Refusal::client(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
    }
}

/// The resource of a `{resource}/.default` scope that this cloud knows.
fn resource(state: &State, form: &Form) -> Result<String, Refusal> {
    let scope = form.get("scope").ok_or_else(|| missing("scope"))?;
    let mut wanted = scope.split(' ').filter(|s| !matches!(*s, "openid" | "profile" | "offline_access" | ""));
    let Some(resource) = wanted.next().and_then(|s| s.strip_suffix("/.default")) else {
        return Err(Refusal::new(
            70_011,
            "invalid_scope",
            400,
            format!(
                "The provided value for the input parameter 'scope' isn't valid. The scope {scope} isn't valid."
            ),
        ));
    };
    match surface_of(state, resource) {
        Surface::Nowhere | Surface::Login => Err(Refusal::new(
            500_011,
            "invalid_resource",
            400,
            format!(
                "The resource principal named {resource} was not found in the tenant named {}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
                state.options.tenant_name
            ),
        )),
        _ => Ok(resource.to_owned()),
    }
}

/// Which service a resource identifier means. Key Vault's is its host without a vault's name.
pub(super) fn surface_of(state: &State, resource: &str) -> Surface {
    if resource == "00000003-0000-0000-c000-000000000000" {
        return Surface::Graph;
    }
    let host = resource.strip_prefix("https://").unwrap_or("").trim_end_matches('/');
    match hosts::surface(host, &state.options.extra_hosts) {
        Surface::Nowhere => hosts::surface(&format!("any.{host}"), &state.options.extra_hosts),
        known => known,
    }
}

pub(super) fn resource_name(state: &State, resource: &str) -> &'static str {
    match surface_of(state, resource) {
        Surface::Graph => "Microsoft Graph",
        Surface::Vault(_) => "Azure Key Vault",
        Surface::Blob(_) => "Azure Storage",
        _ => "Windows Azure Service Management API",
    }
}

pub(super) fn caller_ip(ask: &Ask) -> String {
    ask.header("x-forwarded-for").unwrap_or("203.0.113.10").to_owned()
}

/// Whether the client declared that it understands claims challenges (`xms_cc` = `cp1`).
pub(super) fn wants_cae(form: &Form) -> bool {
    form.get("claims").is_some_and(|c| c.to_ascii_lowercase().contains("\"cp1\""))
}

fn claims(
    state: &State,
    ask: &Ask,
    form: &Form,
    client: &check::Client,
    resource: &str,
    by_certificate: bool,
) -> Map<String, Value> {
    let now = state.now();
    let principal = &client.principal;
    let mut claims = base_claims(state, ask, resource);
    let mut add = |k: &str, v: Value| claims.insert(k.to_owned(), v);
    add("app_displayname", json!(principal.text("displayName")));
    add("appid", json!(principal.text("appId")));
    add("appidacr", json!(if by_certificate { "2" } else { "1" }));
    add("idtyp", json!("app"));
    add("oid", json!(principal.id));
    add("sub", json!(principal.id));
    if surface_of(state, resource) == Surface::Graph {
        let held =
            state.directory.held(&principal.id, Kind::AppRoleAssignment, Node::Login(client.node), now);
        let roles: Vec<&str> = held.iter().map(|a| a.text("~value")).collect();
        add("roles", json!(roles));
    }
    if wants_cae(form) {
        add("xms_cc", json!(["cp1"]));
    }
    claims
}

/// The claims that every token has.
pub(super) fn base_claims(state: &State, _ask: &Ask, resource: &str) -> Map<String, Value> {
    let now = state.now().unix_s();
    let tenant = state.options.tenant.as_str();
    let life = i64::try_from(state.options.token_seconds).unwrap_or(3599);
    let claims = json!({
        "aud": resource,
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "idp": format!("https://sts.windows.net/{tenant}/"),
        "iat": now, "nbf": now, "exp": now + life,
        "tid": tenant,
        "uti": state.new_trace_id(),
        "aio": state.options.mark,
        "ver": "1.0",
    });
    if let Value::Object(map) = claims { map } else { Map::new() }
}

pub(super) fn issue(state: &State, claims: &Map<String, Value>) -> Result<Answer, Refusal> {
    let token = token::sign(claims).ok_or_else(Refusal::transient)?;
    let life = state.options.token_seconds;
    Ok(Answer::json(
        200,
        json!({"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}),
    )
    .with("cache-control", "no-store, no-cache".into()))
}
