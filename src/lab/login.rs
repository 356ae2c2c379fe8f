//! The login service: token endpoint, discovery documents and signing keys, behind several
//! nodes that learn of changes at different times.

mod assertion;
pub(super) mod check;
mod check_user;
mod discovery;
pub(super) mod error;
mod grant;

pub(super) use assertion::{seconds, verify};

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::state::State;
use error::Refusal;
use http::Method;

/// Answers one request to a login host.
pub(super) fn route(state: &mut State, ask: &Ask) -> Answer {
    let outcome: Outcome = match (&ask.method, ask.path_parts().as_slice()) {
        (&Method::POST, [tenant, "oauth2", "v2.0", "token"]) => {
            tenant_of(state, ask, tenant).and_then(|()| grant::token(state, ask, tenant))
        }
        (&Method::GET, [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            discovery_tenant(state, ask, tenant).map(|()| discovery::openid(state, ask, tenant))
        }
        (&Method::GET, [tenant, ".well-known", "openid-configuration"]) => {
            discovery_tenant(state, ask, tenant).map(|()| discovery::openid(state, ask, tenant))
        }
        (&Method::GET, [_, "discovery", "instance"]) => Ok(discovery::instance(ask)),
        (&Method::GET, [tenant, "discovery", "v2.0", "keys"]) => {
            discovery_tenant(state, ask, tenant).map(|()| discovery::keys(state, ask))
        }
        (&Method::GET, ["common", "userrealm", name]) => Ok(discovery::user_realm(name)),
        _ => Err(Answer::empty(404)),
    };
    outcome.unwrap_or_else(|refused| refused)
}

/// Whether a path names this tenant, by id or by domain.
fn is_tenant(state: &State, ask: &Ask, name: &str) -> bool {
    if state.options.cloud.is_some_and(|cloud| !cloud.has(&ask.authority)) {
        return false;
    }
    name.eq_ignore_ascii_case(state.options.tenant.as_str())
        || state.options.domains.iter().any(|d| d.eq_ignore_ascii_case(name))
}

fn tenant_of(state: &State, ask: &Ask, name: &str) -> Result<(), Answer> {
    if is_tenant(state, ask, name) { Ok(()) } else { Err(Refusal::no_tenant(name).answer()) }
}

/// Discovery also serves the tenant-independent names.
fn discovery_tenant(state: &State, ask: &Ask, name: &str) -> Result<(), Answer> {
    if matches!(name, "organizations" | "common" | "consumers") {
        Ok(())
    } else {
        tenant_of(state, ask, name)
    }
}

/// Whether a user's password is accepted by some login node; the error is the `AADSTS` number.
pub(super) fn user_sign_in(state: &State, name: &str, password: &str) -> Result<(), u32> {
    check_user::sign_in(state, name, password).1.map_err(|refusal| refusal.code)
}
