//! Whether a login node accepts a credential. The token endpoint and the people of the lab ask
//! the same question here, so that an outage means the same to both.

use super::error::Refusal;
use crate::lab::audit::{Principal, SignIn};
use crate::lab::directory::{Kind, LoginCredential, Node, Object, Proof};
use crate::lab::state::State;
use std::sync::Arc;

/// An application as one login node knows it.
pub(in crate::lab) struct Client {
    /// None for an application of another tenant.
    pub(in crate::lab) app: Option<Arc<Object>>,
    pub(in crate::lab) principal: Arc<Object>,
    pub(in crate::lab) node: usize,
}

/// The credential that was accepted.
pub(in crate::lab) struct Accepted {
    pub(in crate::lab) key_id: String,
    pub(in crate::lab) thumbprint: Option<String>,
}

/// Finds the client, and refuses one that is missing or disabled.
pub(in crate::lab) fn client(state: &State, node: usize, client_id: &str) -> Result<Client, Refusal> {
    let now = state.now();
    if let Some(code) = state.refused.get(client_id) {
        return Err(Refusal::known(*code, client_id));
    }
    let (app_id, principal_id) = state.directory.client(client_id);
    let at = Node::Login(node);
    let app = app_id.and_then(|id| state.directory.get(Kind::Application, id, at, now)).cloned();
    let principal =
        principal_id.and_then(|id| state.directory.get(Kind::ServicePrincipal, id, at, now)).cloned();
    let own = app_id.is_some();
    match (app, principal) {
        (None, None) => Err(Refusal::no_app(client_id, state.options.tenant.as_str())),
        (None, Some(_)) if own => Err(Refusal::no_app(client_id, state.options.tenant.as_str())),
        (Some(_), None) => Err(Refusal::new(
            7_000_229,
            "unauthorized_client",
            401,
            format!(
                "The client application {client_id} is missing service principal in the tenant {}.",
                state.options.tenant
            ),
        )),
        (app, Some(principal)) => {
            let off = app.as_ref().and_then(|a| a.flag("isDisabled")) == Some(true)
                || principal.flag("accountEnabled") == Some(false);
            if off {
                return Err(Refusal::disabled(client_id, principal.text("displayName")));
            }
            Ok(Client { app, principal, node })
        }
    }
}

/// The credentials of both objects that this node accepts now.
pub(in crate::lab) fn credentials<'a>(
    state: &'a State,
    client: &'a Client,
) -> impl Iterator<Item = &'a LoginCredential> {
    let now = state.now();
    let of_app = client.app.iter().flat_map(move |a| state.directory.accepted(&a.id, client.node, now));
    of_app.chain(state.directory.accepted(&client.principal.id, client.node, now))
}

/// Checks a client secret.
pub(in crate::lab) fn secret(state: &State, client: &Client, value: &str) -> Result<Accepted, Refusal> {
    let (now, app_id) = (state.now(), client.principal.text("appId"));
    let matches = |c: &&LoginCredential| matches!(&c.proof, Proof::Secret(v) if **v == *value);
    let mut expired = false;
    for credential in credentials(state, client).filter(matches) {
        if credential.end <= now {
            expired = true;
        } else if credential.start <= now {
            return Ok(Accepted { key_id: credential.key_id.clone(), thumbprint: None });
        }
    }
    Err(if expired { Refusal::expired_secret(app_id) } else { Refusal::wrong_secret(app_id) })
}

/// Checks a certificate, whose key the caller is taken to hold.
pub(in crate::lab) fn certificate(state: &State, client: &Client, held: &[u8]) -> Result<Accepted, Refusal> {
    let now = state.now();
    let missing = || {
        Refusal::client(
            700_027,
            "Client assertion contains an invalid signature. [Reason - The key was not found.]",
        )
    };
    let known =
        credentials(state, client).find(|c| matches!(&c.proof, Proof::Certificate(der) if **der == *held));
    let good = known.filter(|c| c.start <= now && now < c.end).ok_or_else(missing)?;
    let thumbprint = crate::domain::id::hex(&crate::lab::credential::sha1(held)).to_uppercase();
    Ok(Accepted { key_id: good.key_id.clone(), thumbprint: Some(thumbprint) })
}

/// One sign-in of an application with a secret, from door to log. For the people of the lab.
pub(in crate::lab) fn sign_in(
    state: &mut State,
    client_id: &str,
    value: &str,
    ip: &str,
) -> Result<String, u32> {
    let node = state.any_login_node();
    let found = client(state, node, client_id);
    let outcome = match &found {
        Ok(client) => secret(state, client, value),
        Err(refusal) => Err(refusal.clone()),
    };
    log(state, client_id, &outcome, ip, "Microsoft Graph");
    outcome.map(|a| a.key_id).map_err(|r| r.code)
}

/// The same with a certificate, whose key the caller is taken to hold.
pub(in crate::lab) fn sign_in_with_certificate(
    state: &mut State,
    client_id: &str,
    held: &[u8],
    ip: &str,
) -> Result<String, u32> {
    let node = state.any_login_node();
    let outcome = client(state, node, client_id).and_then(|client| certificate(state, &client, held));
    log(state, client_id, &outcome, ip, "Microsoft Graph");
    outcome.map(|a| a.key_id).map_err(|r| r.code)
}

/// Writes a service principal's sign-in to the tenant's log, if the client is known at all.
pub(in crate::lab) fn log(
    state: &mut State,
    client_id: &str,
    outcome: &Result<Accepted, Refusal>,
    ip: &str,
    resource: &str,
) {
    let now = state.now();
    let Some(id) = state.directory.client(client_id).1.map(str::to_owned) else { return };
    let found = state.directory.find(Kind::ServicePrincipal, &id, Node::Primary, now);
    let name = found.map_or("", |p| p.text("displayName")).to_owned();
    let (error, reason) = outcome.as_ref().err().map_or((0, String::new()), |r| (r.code, r.message.clone()));
    let accepted = outcome.as_ref().ok();
    let seen = now.after(state.options.lags.audit.draw(&state.random.stream("lab-lag-audit")));
    let row = SignIn {
        id: state.new_trace_id(),
        at: now,
        seen,
        app_id: client_id.to_owned(),
        app_name: name.clone(),
        principal: Principal::ServicePrincipal { id, name },
        key_id: accepted.map(|a| a.key_id.clone()),
        thumbprint: accepted.and_then(|a| a.thumbprint.clone()),
        error,
        reason,
        ip: ip.to_owned(),
        resource: resource.to_owned(),
        correlation: state.new_trace_id(),
    };
    state.audit.sign_in(row);
}
