//! Microsoft Graph: the directory's front door. One request is authenticated, charged against
//! the quotas, routed, and answered from one replica.

mod app_like;
mod batch;
mod bin;
mod caller;
mod change;
mod collection;
pub(super) mod error;
mod filter;
mod grants;
mod keys;
mod logs;
mod methods;
mod passwords;
mod permissions;
mod policies;
mod query;
mod relations;
mod reply;
mod risk;
mod role_assignments;
pub(super) mod roles;
mod users;

pub(super) use change::{application_fields, principal_fields};
pub(super) use grants::assignment;
pub(super) use passwords::{DEFAULT_LIFE, new_value};
pub(super) use permissions::{graph_principal, permission_id};
pub(super) use policies::{DEFAULT_ID, default_policy};
pub(super) use role_assignments::role_assignment;

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::audit::{self, Actor, Made};
use super::directory::{Kind, Node, Object};
use super::ledger::Write;
use super::quota;
use super::state::State;
use caller::{Caller, Need};
use std::sync::Arc;

/// One Graph request in the middle of being answered.
pub(super) struct Call<'a> {
    pub(super) state: &'a mut State,
    pub(super) ask: &'a Ask,
    pub(super) caller: Caller,
    /// The replica that answers.
    pub(super) node: Node,
    pub(super) beta: bool,
    /// A dependent step of a batch.
    pub(super) in_sequence: bool,
}

/// What a write is called in the ledger and in the audit log.
pub(super) struct Deed<'a> {
    pub(super) operation: &'a str,
    pub(super) activity: &'a str,
    pub(super) key_id: Option<String>,
    /// Changed properties: name, old value, new value.
    pub(super) properties: Vec<(String, Option<String>, Option<String>)>,
}

/// Answers one request to a Graph host.
pub(super) fn route(state: &mut State, ask: &Ask) -> Answer {
    answer(state, ask).unwrap_or_else(|refused| refused)
}

fn answer(state: &mut State, ask: &Ask) -> Outcome {
    let caller = caller::authenticate(state, ask)?;
    match ask.path_parts().as_slice() {
        ["v1.0" | "beta", "$batch"] if ask.method == http::Method::POST => batch::run(state, ask, &caller),
        _ => one(state, ask, &caller, false),
    }
}

/// One request that is not a batch. A step of a sequence does not collide with the step before.
fn one(state: &mut State, ask: &Ask, caller: &Caller, in_sequence: bool) -> Outcome {
    let parts = ask.path_parts();
    let beta = match parts.first().copied() {
        Some("v1.0") => false,
        Some("beta") => true,
        other => return Err(error::no_segment(other.unwrap_or(""))),
    };
    let used = charge(state, ask, &caller.app_id)?;
    let node = state.any_replica();
    let mut call = Call { state, ask, caller: caller.clone(), node, beta, in_sequence };
    let answer = call.dispatch(&parts[1..]).unwrap_or_else(|refused| refused);
    let units = quota::resource_units(ask);
    let answer = answer.with("x-ms-resource-unit", format!("{units:.0}"));
    Ok(if used >= 0.8 { answer.with("x-ms-throttle-limit-percentage", format!("{used:.2}")) } else { answer })
}

/// Draws on the quotas; 429 when one is spent.
fn charge(state: &mut State, ask: &Ask, app: &str) -> Result<f64, Answer> {
    if !state.options.quotas {
        return Ok(0.0);
    }
    let limits = quota::graph(ask, app, state.options.size);
    spend(state, &limits, app)
}

fn spend(state: &mut State, limits: &[quota::Limit], app: &str) -> Result<f64, Answer> {
    let lowered = state.options.faults.quota;
    let scale = if lowered == 0 { 1.0 } else { f64::from(lowered) / 1000.0 };
    let (now, tenant) = (state.now(), state.options.tenant.clone());
    let charged = state.quotas.charge(limits, scale, now);
    charged.map_err(|refused| {
        state.ledger.count_fault("quota_429");
        let scope = format!("{}/{app}/{tenant}", refused.scope);
        let answer = error::throttled()
            .with("x-ms-throttle-scope", scope)
            .with("x-ms-throttle-information", refused.information.into())
            .with("x-ms-throttle-limit-percentage", "1.00".into());
        match refused.retry_after_s {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        }
    })
}

/// `applications(appId='x')` as its name and key; a plain segment has no key.
fn keyed(segment: &str) -> (&str, Option<(&str, &str)>) {
    let Some((name, rest)) = segment.split_once('(') else { return (segment, None) };
    let key = rest.strip_suffix(')').and_then(|k| k.split_once('='));
    (name, key.map(|(k, v)| (k, v.trim_matches('\''))))
}

impl Call<'_> {
    fn dispatch(&mut self, parts: &[&str]) -> Outcome {
        let Some((first, rest)) = parts.split_first() else { return Err(error::no_segment("")) };
        let (name, key) = keyed(first);
        match name {
            "applications" => app_like::route(self, Kind::Application, key, rest),
            "servicePrincipals" => app_like::route(self, Kind::ServicePrincipal, key, rest),
            "users" => users::route(self, rest),
            "me" => users::me(self, rest),
            "oauth2PermissionGrants" => grants::route(self, rest),
            "policies" => policies::route(self, rest),
            "roleManagement" => role_assignments::route(self, rest),
            "directory" => bin::route(self, rest),
            "auditLogs" => logs::route(self, rest),
            "reports" => logs::reports(self, rest),
            "identityProtection" => risk::route(self, rest),
            "organization" => users::organization(self),
            other => Err(error::no_segment(other)),
        }
    }

    fn require(&self, need: Need<'_>) -> Result<(), Answer> {
        caller::require(self.state, &self.caller, need)
    }
    /// An object as this call's replica sees it; 404 if it does not (yet).
    fn read(&self, kind: Kind, id: &str) -> Result<Arc<Object>, Answer> {
        let found = self.state.directory.get(kind, id, self.node, self.state.now());
        found.cloned().ok_or_else(|| error::not_found(id))
    }

    /// An object to be changed: its newest version, unless another write is too close.
    fn change(&mut self, kind: Kind, id: &str) -> Result<Object, Answer> {
        let stale = u64::from(self.state.options.faults.stale_write);
        if stale > 0
            && self.state.random.stream("lab-fault-stale_write").chance(stale)
            && self.read(kind, id).is_err()
        {
            self.state.ledger.count_fault("stale_write");
            return Err(error::not_found(id));
        }
        let object = self.state.newest(kind, id).ok_or_else(|| error::not_found(id))?;
        self.settled(id)?;
        Ok(object)
    }
    fn settled(&mut self, id: &str) -> Result<(), Answer> {
        let now = self.state.now();
        let last = self.state.directory.last_write(id);
        let gap = self.state.options.lags.settle_gap;
        if !self.in_sequence && last.is_some_and(|at| now.since(at) < gap) {
            self.state.ledger.count_fault("concurrency_409");
            return Err(error::concurrency(409));
        }
        Ok(())
    }

    /// Commits a change and records it.
    fn commit(&mut self, object: Object, deed: Deed<'_>) {
        self.record(&object, deed);
        let (kind, id) = (object.kind, object.id.clone());
        self.state.write(object);
        crate::lab::stranger::notice(self.state, kind, &id);
    }
    fn record(&mut self, object: &Object, deed: Deed<'_>) {
        let at = self.state.now();
        self.state.ledger.writes.push(Write {
            at,
            caller: if self.caller.is_user { self.caller.oid.clone() } else { self.caller.app_id.clone() },
            operation: deed.operation.to_owned(),
            object: object.id.clone(),
            key_id: deed.key_id.clone(),
        });
        let seen = at.after(self.state.options.lags.audit.draw(&self.state.random.stream("lab-lag-audit")));
        let (oid, name) = (self.caller.oid.clone(), self.caller.name.clone());
        let actor = if self.caller.is_user {
            let user = self.state.newest(Kind::User, &oid);
            Actor::User { upn: user.map(|u| u.text("userPrincipalName").to_owned()), id: oid, name }
        } else {
            Actor::App { app_id: self.caller.app_id.clone(), principal: oid, name }
        };
        let ids = [self.state.new_trace_id(), self.state.new_trace_id()];
        let Deed { activity, properties, .. } = deed;
        audit::record(self.state, object, Made { activity, actor, properties, ids, seen });
    }
}
