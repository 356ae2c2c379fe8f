//! Lines for a shell, for a person who takes over: `az rest` and `az keyvault`, with what the plan
//! and the log know and never a value. Lines that begin with `#` say when the next one is right.
//!
//! Source: Microsoft Learn, "az rest" (`--body @-` reads standard input).

use crate::azure::cloud::Endpoints;
use crate::domain::credential::{CredentialRef, Form, Place};
use crate::domain::observation::ObjectRole;
use crate::domain::plan::{PlanHeader, PlannedTarget};
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use serde_json::{Value, json};

/// Writes the lines of one target.
pub(super) struct Sheet<'a> {
    pub(super) state: &'a TargetState,
    header: &'a PlanHeader,
    lines: Vec<String>,
}

/// The collection that an object is addressed in.
fn collection(role: ObjectRole) -> &'static str {
    match role {
        ObjectRole::Application => "applications",
        ObjectRole::ServicePrincipal => "servicePrincipals",
        ObjectRole::User => "users",
    }
}

/// One argument of a shell line. Names come from the directory, and whoever attacks it chooses
/// them: a quote in one must not end the argument.
pub(super) fn quote(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', "'\\''"))
}

impl<'a> Sheet<'a> {
    pub(super) fn new(state: &'a TargetState, header: &'a PlanHeader) -> Self {
        Self { state, header, lines: Vec::new() }
    }
    pub(super) fn plan(&self) -> &'a PlannedTarget {
        &self.state.plan
    }
    pub(super) fn note(&mut self, text: &str) {
        self.lines.push(format!("# {text}"));
    }
    pub(super) fn line(&mut self, line: String) {
        self.lines.push(line);
    }
    /// The address of one of the target's objects.
    pub(super) fn url(&self, object: &str, rest: &str) -> String {
        let role = self.plan().observation.objects.iter().find(|o| o.id.as_str() == object).map(|o| o.role);
        let host = Endpoints::of(self.header.cloud).graph;
        let collection = collection(role.unwrap_or(ObjectRole::Application));
        format!("https://{host}/v1.0/{collection}/{object}{rest}")
    }
    /// `az rest` with the cloud's own audience.
    pub(super) fn rest(&self, method: &str, url: &str) -> String {
        let host = Endpoints::of(self.header.cloud).graph;
        format!("az rest --method {method} --resource https://{host} --url {}", quote(url))
    }
    pub(super) fn send(&mut self, method: &str, url: &str, body: &Value) {
        let line = format!("{} --body {}", self.rest(method, url), quote(&body.to_string()));
        self.lines.push(line);
    }
    pub(super) fn done(self) -> Vec<String> {
        self.lines
    }

    /// What is on each object of an application now.
    pub(super) fn show_application(&mut self) {
        self.note("What is there now:");
        for object in &self.plan().observation.objects {
            let switch = if object.role == ObjectRole::Application { "isDisabled" } else { "accountEnabled" };
            let select = format!("?$select=id,{switch},passwordCredentials,keyCredentials");
            let line = self.rest("get", &self.url(&object.id, &select));
            self.lines.push(line);
        }
    }

    /// Which versions stand under the published name.
    pub(super) fn show_store(&mut self, place: &Place) {
        let vault = self.vault(place);
        let name = &place.name;
        self.lines.push(format!(
            "az keyvault secret list-versions --vault-name {vault} --name {name} --query \"[].{{id:id, created:attributes.created, tags:tags}}\""
        ));
    }
    pub(super) fn vault(&self, place: &Place) -> String {
        let host = self.header.stores.get(&place.store).map(|s| s.key_vault.to_string()).unwrap_or_default();
        host.split('.').next().unwrap_or_default().to_owned()
    }

    /// A block of ours that nobody has lifted.
    pub(super) fn lift_block(&mut self) {
        let step = |verb| self.plan().steps.iter().find(|s| s.verb == verb && self.state.is_done(s.no));
        let Some(block) = step(Verb::Block).filter(|_| step(Verb::Unblock).is_none()) else { return };
        let object = block.object.clone();
        self.note("Sign-in is blocked by this run. To allow it again, when everything else is done:");
        let url = self.url(&object, "");
        self.send("patch", &url, &json!({ "accountEnabled": true }));
    }

    /// Old credentials that are still there, as far as this run knows.
    pub(super) fn still_to_go(&self) -> Vec<CredentialRef> {
        let steps = self.plan().steps.iter().filter(|s| s.verb.retires() && !self.state.is_done(s.no));
        steps.filter_map(|s| s.credential.clone()).collect()
    }

    /// Credentials of this run that nobody needs if the target is given up.
    pub(super) fn ours(&self) -> Vec<CredentialRef> {
        let minted = self.state.minted().map(|m| m.credential.clone());
        self.state.to_discard().cloned().chain(minted).collect()
    }

    pub(super) fn remove_secret(&mut self, credential: &CredentialRef) {
        debug_assert!(credential.form == Form::Secret);
        let url = self.url(&credential.object, "/removePassword");
        self.send("post", &url, &json!({ "keyId": credential.id.as_str() }));
    }

    /// What consumers read because of this run, and what they read before.
    pub(super) fn tell_published(&mut self) {
        let Some(published) = self.state.published() else { return };
        let (place, version) = (&published.place, &published.version);
        let before = published.previous.as_deref().unwrap_or("none");
        self.note(&format!("Consumers read {place}, version {version}; before this run: {before}."));
        self.show_store(place);
    }
}
