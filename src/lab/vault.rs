//! Key Vault's data plane: the challenge for requests without a token, role checks, quotas and
//! the routes (Azure Key Vault REST, api-versions 7.4 to 2026-04-01).

mod certificates;
mod deleted;
pub(super) mod ec;
pub(super) mod error;
mod issue;
mod keys;
pub(super) mod model;
mod secrets;

use super::answer::{Answer, Outcome};
use super::ask::Ask;
use super::hosts;
use super::ledger::Write;
use super::quota::{self, VaultCall};
use super::state::State;
use super::token::Bad;
use http::Method;

const VERSIONS: [&str; 7] =
    ["7.4", "7.5", "7.6", "2025-06-01-preview", "2025-07-01", "2026-01-01-preview", "2026-04-01"];

/// One request to a vault in the middle of being answered.
pub(super) struct Call<'a> {
    pub(super) state: &'a mut State,
    pub(super) ask: &'a Ask,
    /// The vault's name.
    pub(super) vault: &'a str,
    caller: VaultCaller,
}

struct VaultCaller {
    oid: String,
    app_id: String,
}

/// Answers one request to a vault's host. The vault exists.
pub(super) fn route(state: &mut State, ask: &Ask, vault: &str) -> Answer {
    answer(state, ask, vault).unwrap_or_else(|refused| refused).with("x-ms-keyvault-region", "lab".into())
}

fn answer(state: &mut State, ask: &Ask, vault: &str) -> Outcome {
    let caller = authenticate(state, ask)?;
    match ask.option("api-version") {
        None => {
            return Err(error::bad_parameter(
                "The request URI does not contain an api-version query parameter.",
            ));
        }
        Some(version) if !VERSIONS.contains(&version) => {
            return Err(error::bad_parameter(&format!(
                "The specified version ({version}) is not recognized. Consider using the latest supported version (2026-04-01)."
            )));
        }
        Some(_) => {}
    }
    charge(state, ask, vault)?;
    let parts = ask.path_parts();
    let mut call = Call { state, ask, vault, caller };
    match parts.split_first() {
        Some((&"secrets", rest)) => secrets::route(&mut call, rest),
        Some((&"deletedsecrets", rest)) => deleted::route(&mut call, deleted::What::Secret, rest),
        Some((&"deletedcertificates", rest)) => deleted::route(&mut call, deleted::What::Certificate, rest),
        Some((&"certificates", rest)) => certificates::route(&mut call, rest),
        Some((&"keys", rest)) => match ec::route(&mut call, rest) {
            Some(answered) => answered,
            None => keys::route(&mut call, rest),
        },
        _ => Err(error::error(404, "NotFound", "The resource was not found.", None)),
    }
}

/// 401, and where a token is had.
fn challenge(ask: &Ask, tenant: &str, message: &str) -> Answer {
    let (login, resource) = (hosts::login_host(&ask.authority), hosts::vault_resource(&ask.authority));
    error::error(401, "Unauthorized", message, None).with(
        "www-authenticate",
        format!("Bearer authorization=\"https://{login}/{tenant}\", resource=\"{resource}\""),
    )
}

/// The answer to a token that is not taken any more.
pub(super) fn turned_away(ask: &Ask, tenant: &str) -> Answer {
    challenge(ask, tenant, "Error validating token: IDX10223: Lifetime validation failed.")
}

/// The token, or the challenge that asks for one.
fn authenticate(state: &mut State, ask: &Ask) -> Result<VaultCaller, Answer> {
    let resource = hosts::vault_resource(&ask.authority);
    let tenant = state.options.tenant.clone();
    let challenge = |message: &str| challenge(ask, tenant.as_str(), message);
    let Some(token) = ask.bearer() else {
        return Err(challenge("AKV10000: Request is missing a Bearer or PoP token."));
    };
    let now = state.clock.now();
    let claims = state.tokens.read(token).and_then(|claims| {
        claims.check(
            state.options.tenant.as_str(),
            &[&resource, "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"],
            now,
        )?;
        Ok(claims)
    });
    match claims {
        Ok(claims) => Ok(VaultCaller { oid: claims.oid.clone(), app_id: claims.app_id.clone() }),
        Err(Bad::Audience) => Err(challenge(&format!("AKV10022: Invalid audience. Expected {resource}."))),
        Err(Bad::Tenant) => Err(challenge("AKV10032: Invalid issuer.")),
        Err(_) => Err(challenge(
            "Error validating token: IDX10223: Lifetime validation failed or the token is not valid.",
        )),
    }
}

fn charge(state: &mut State, ask: &Ask, vault: &str) -> Result<(), Answer> {
    if !state.options.quotas {
        return Ok(());
    }
    let parts = ask.path_parts();
    let sets = ask.method == Method::PUT && matches!(parts.as_slice(), ["secrets" | "keys", _]);
    let imports = ask.method == Method::POST && matches!(parts.as_slice(), ["certificates", _, "import"]);
    let makes = ask.method == Method::POST && matches!(parts.as_slice(), ["certificates", _, "create"]);
    let counts_as = match (sets || imports, makes) {
        (true, _) => VaultCall::Creates,
        (false, true) => VaultCall::MakesKey,
        (false, false) => VaultCall::Other,
    };
    let limits = quota::vault(vault, counts_as);
    let lowered = state.options.faults.quota;
    let scale = if lowered == 0 { 1.0 } else { f64::from(lowered) / 1000.0 };
    let now = state.now();
    let charged = state.quotas.charge(&limits, scale, now);
    charged.map(|_| ()).map_err(|refused| {
        state.ledger.count_fault("quota_429");
        let answer = super::fault::throttle(&hosts::Surface::Vault(vault.to_owned()));
        match refused.retry_after_s {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        }
    })
}

impl Call<'_> {
    /// 403 unless a role of the caller allows the action.
    fn allowed(&self, action: &str, name: &str) -> Result<(), Answer> {
        let vault = self.model()?;
        let held = vault.roles.get(&self.caller.oid);
        if held.is_some_and(|roles| roles.iter().any(|r| r.allows(action))) {
            return Ok(());
        }
        let who = format!(
            "appid={};oid={};iss=https://sts.windows.net/{}/",
            self.caller.app_id, self.caller.oid, self.state.options.tenant
        );
        let kind = action.split('/').next().unwrap_or("");
        let full = format!("Microsoft.KeyVault/vaults/{action}");
        Err(error::forbidden_by_rbac(&who, &full, &format!("{}/{kind}/{name}", vault.resource_id)))
    }
    fn model(&self) -> Result<&model::Vault, Answer> {
        self.state.vaults.get(self.vault).ok_or_else(|| Answer::empty(404))
    }
    fn model_mut(&mut self) -> Result<&mut model::Vault, Answer> {
        self.state.vaults.get_mut(self.vault).ok_or_else(|| Answer::empty(404))
    }
    /// The URL of something in this vault.
    fn url(&self, path: &str) -> String {
        format!("https://{}/{path}", self.ask.authority)
    }
    fn body(&self) -> Result<serde_json::Map<String, serde_json::Value>, Answer> {
        self.ask.json().ok_or_else(|| error::bad_parameter("The request body is not valid JSON."))
    }
    fn settle(&self) -> crate::domain::time::Timestamp {
        let span = self.state.options.lags.vault_settle;
        self.state.now().after(span.draw(&self.state.random.stream("lab-lag-vault")))
    }
    fn record(&mut self, operation: &str, object: String, version: Option<String>) {
        let write = Write {
            at: self.state.now(),
            caller: self.caller.app_id.clone(),
            operation: operation.to_owned(),
            object: format!("{}/{object}", self.vault),
            key_id: version,
        };
        self.state.ledger.writes.push(write);
        if operation == "setSecret" {
            super::stranger::notice_secret(self.state, self.vault, &object);
        }
    }
    /// A page of items: `maxresults` (25 at most), then `nextLink` with an opaque token.
    fn page(&self, items: Vec<(String, serde_json::Value)>) -> Outcome {
        let most = match self.ask.option("maxresults").map(str::parse::<usize>) {
            None => 25,
            Some(Ok(n)) if (1..=25).contains(&n) => n,
            Some(_) => return Err(error::bad_parameter("The value of maxresults must be between 1 and 25.")),
        };
        let token = self.ask.option("$skiptoken").and_then(super::credential::base64_any);
        let after = token.and_then(|t| String::from_utf8(t).ok()).unwrap_or_default();
        let mut rest: Vec<_> = items.into_iter().filter(|(key, _)| *key > after).collect();
        let more = rest.len() > most;
        rest.truncate(most);
        let next = more.then(|| {
            let last = rest.last().map_or("", |(key, _)| key.as_str());
            let version = self.ask.option("api-version").unwrap_or("7.4");
            let token = super::credential::base64_url(last.as_bytes());
            format!(
                "https://{}{}?api-version={version}&$skiptoken={token}&maxresults={most}",
                self.ask.authority, self.ask.path
            )
        });
        let value: Vec<_> = rest.into_iter().map(|(_, item)| item).collect();
        Ok(Answer::json(200, serde_json::json!({"value": value, "nextLink": next})))
    }
}

/// Vault object names: letters, digits and dashes, 1 to 127.
pub(super) fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
