//! What the tenant shows to the acting identity: who it is, what it may do, which vaults answer.

use super::{Check, Found, Place};
use crate::azure::Azure;
use crate::azure::claims::Claims;
use crate::azure::credential::AZURE_CLI_FAILED;
use crate::azure::permissions::{Action, Granted};
use crate::connector::registry::Registry;
use crate::domain::playbook::ValidPlaybook;
use crate::domain::playbook::model::Setting;
use crate::domain::time::show_span;
use std::collections::BTreeSet;
use std::time::Duration;

/// Assertions and tokens are refused when clocks are 5 minutes apart.
const CLOCK_MS_MAX: i64 = 240_000;
/// More than what the answer's date leaves open.
const CLOCK_MS_GOOD: i64 = 2_000;

pub(super) async fn look(azure: &Azure, place: &Place) -> Vec<Check> {
    let mut checks = Vec::new();
    let who = azure.who_am_i().await;
    checks.extend(clock(azure));
    match who {
        Err(e) => {
            let mut what = format!("{:?}: {e}", azure.identity());
            // What az says itself is the telling part, and for the terminal only.
            if let Some(said) = e.terminal_note().filter(|_| e.code.as_str() == AZURE_CLI_FAILED) {
                what.push_str(&format!(": {}", said.as_str().trim()));
            }
            checks.push(Check::missing("identity", what, refused(&e)));
        }
        Ok(None) => checks.push(Check::missing(
            "identity",
            "its token does not say who it is for",
            "report this: reissue cannot tell who acts, and will not act",
        )),
        Ok(Some(claims)) => {
            checks.push(identity(azure, &claims).await);
            checks.extend(actions(place.playbook.as_ref()).into_iter().map(|a| permission(a, &claims)));
            if let Some(playbook) = &place.playbook {
                checks.extend(stores(azure, playbook).await);
            }
        }
    }
    checks
}

fn refused(e: &crate::azure::fault::ApiError) -> &'static str {
    match e.code.as_str() {
        "wrong_tenant" => "this identity signs in to another tenant: use one of the playbook's tenant",
        "connect" | "timeout" | "cut" => "check the network, the proxy, and that this is the right cloud",
        AZURE_CLI_FAILED => "run `az login --tenant TENANT`, and `az cloud set` for another cloud",
        "AADSTS7000215" | "AADSTS700027" => {
            "the secret or certificate is not one of this application's: renew it"
        }
        "AADSTS7000222" => "the secret has expired: make a new one",
        "AADSTS700016" => "there is no such application in this tenant: check `--client-id` and the tenant",
        _ => "look the AADSTS number up at https://login.microsoftonline.com/error",
    }
}

fn clock(azure: &Azure) -> Option<Check> {
    let difference = azure.clock_difference_ms()?;
    let span = show_span(Duration::from_millis(difference.unsigned_abs()));
    let side = if difference > 0 { "ahead of" } else { "behind" };
    let what = format!("{span} {side} the service's");
    Some(match difference.abs() {
        ms if ms <= CLOCK_MS_GOOD => Check::good("clock", "agrees with the service's"),
        ms if ms <= CLOCK_MS_MAX => {
            Check::new("clock", Found::Note, what, "set it: times in the log are this machine's")
        }
        _ => Check::missing("clock", what, "set it: sign-ins are refused, and times in the log are wrong"),
    })
}

async fn identity(azure: &Azure, claims: &Claims) -> Check {
    let object = claims.oid.as_ref().map_or("no object", |o| o.as_str());
    let name = match (&claims.upn, &claims.oid) {
        (Some(upn), _) => upn.to_string(),
        (None, Some(oid)) => match azure.graph().service_principal(oid).await {
            Ok(Some(principal)) => principal.display_name().to_string(),
            _ => "(its name cannot be read)".to_owned(),
        },
        _ => String::new(),
    };
    let tenant = azure.tenant();
    Check::good("identity", format!("{name}, {:?}, object {object}, in tenant {tenant}", azure.identity()))
}

/// What a playbook's targets need; without a playbook, everything.
fn actions(playbook: Option<&ValidPlaybook>) -> BTreeSet<Action> {
    use Action as A;
    let mut all = BTreeSet::from([A::ReadApplications]);
    let Some(playbook) = playbook else {
        all.extend([A::ChangeApplications, A::ReadUsers, A::ResetPasswords, A::SwitchUsers]);
        all.extend([A::RevokeSessions, A::ReadPolicies, A::ReadRoles, A::ReadLogs]);
        return all;
    };
    for target in &playbook.targets {
        match target.kind {
            "app-secret" | "app-certificate" => all.extend([A::ChangeApplications, A::ReadPolicies]),
            "user-password" => {
                all.extend([A::ReadUsers, A::ResetPasswords, A::RevokeSessions, A::ReadRoles]);
                if target.settings.values().any(|s| matches!(s, Setting::Flag(true))) {
                    all.insert(A::SwitchUsers);
                }
            }
            _ => all.extend([A::ChangeApplications]),
        }
    }
    all
}

fn permission(action: Action, claims: &Claims) -> Check {
    let need = action.need();
    let least = need.any_of[0];
    match action.granted(claims) {
        Granted::By("Application.ReadWrite.OwnedBy") if action == Action::ChangeApplications => Check::new(
            "permission",
            Found::Unproved,
            format!(
                "{}: by Application.ReadWrite.OwnedBy, for applications that this identity owns",
                need.what
            ),
            "make its service principal an owner of each application in the playbook",
        ),
        Granted::By(permission) => Check::good("permission", format!("{}: by {permission}", need.what)),
        Granted::ByRole => Check::new(
            "permission",
            Found::Unproved,
            format!("{}: a person's role decides", need.what),
            format!("the person needs the role {}", need.role),
        ),
        Granted::No => {
            let todo =
                format!("grant the application permission {least} (Microsoft Graph), with admin consent");
            let found = if need.required { Found::Missing } else { Found::Note };
            Check::new("permission", found, format!("{}: not granted", need.what), todo)
        }
    }
}

async fn stores(azure: &Azure, playbook: &ValidPlaybook) -> Vec<Check> {
    let registry = Registry::new(azure.clone(), &playbook.stores);
    let stores = registry.stores();
    let mut checks = Vec::new();
    for (name, store) in &playbook.stores {
        let host = &store.key_vault;
        checks.push(match stores.reach(name).await {
            Ok(()) => Check::new(
                "store",
                Found::Unproved,
                format!("{name} ({host}) answers reads; whether it can be written, no read shows"),
                "the role Key Vault Secrets Officer allows both; the first approved step writes a probe",
            ),
            Err(fault) => Check::missing(
                "store",
                format!("{name} ({host}) does not answer this identity: {}", fault.code),
                "grant the role Key Vault Secrets Officer on it, and open its firewall to this machine",
            ),
        });
    }
    checks
}
