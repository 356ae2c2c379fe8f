//! What the tenant shows to the acting identity: who it is, what it may do, which vaults answer.

use super::{Check, Found, Place, permissions};
use crate::azure::Azure;
use crate::azure::claims::Claims;
use crate::azure::credential::AZURE_CLI_FAILED;
use crate::cli::line::Line;
use crate::connector::registry::Registry;
use crate::domain::event::FaultClass;
use crate::domain::time::show_span;
use std::time::Duration;

/// Assertions and tokens are refused when clocks are 5 minutes apart.
const CLOCK_MS_MAX: i64 = 240_000;
/// More than what the answer's date leaves open.
const CLOCK_MS_GOOD: i64 = 2_000;

pub(super) async fn look(azure: &Azure, place: &Place, line: &Line) -> Vec<Check> {
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
            checks.push(match line.trouble() {
                Some((why, todo)) => Check::missing("identity", format!("{what}: {why}"), todo),
                None => Check::missing("identity", what, refused(&e)),
            });
        }
        Ok(None) => checks.push(Check::missing(
            "identity",
            "its token does not say who it is for",
            "report this: reissue cannot tell who acts, and will not act",
        )),
        Ok(Some(claims)) => {
            checks.push(identity(azure, &claims).await);
            checks.extend(stores(azure, place, line).await);
            checks.extend(permissions::of(place.playbook.as_ref(), &claims));
        }
    }
    checks
}

fn refused(e: &crate::azure::fault::ApiError) -> &'static str {
    match e.code.as_str() {
        "wrong_tenant" => "this identity signs in to another tenant: use one of the playbook's tenant",
        AZURE_CLI_FAILED => "run `az login --tenant TENANT`, and `az cloud set` for another cloud",
        "AADSTS7000215" | "AADSTS700027" => {
            "the secret or certificate is not one of this application's: renew it"
        }
        "AADSTS7000222" => "the secret has expired: make a new one",
        "AADSTS90002" => "there is no such tenant in this cloud: check its id, and the cloud",
        "AADSTS700016" => "there is no such application in this tenant: check `--client-id` and the tenant",
        _ if e.class == FaultClass::Busy => "the service takes nothing now: look again in some minutes",
        code if code.starts_with("AADSTS") => {
            "look the AADSTS number up at https://login.microsoftonline.com/error"
        }
        _ => "look again in some minutes; if it stays so, give this code to Microsoft's support",
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

async fn stores(azure: &Azure, place: &Place, line: &Line) -> Vec<Check> {
    let registry = Registry::new(azure.clone(), &place.stores);
    let stores = registry.stores();
    let certificates = place.playbook.iter().any(|p| p.targets.iter().any(|t| t.kind == "app-certificate"));
    let roles = match certificates {
        true => "Key Vault Secrets Officer, Key Vault Certificates Officer and Key Vault Crypto User",
        false => "Key Vault Secrets Officer",
    };
    let mut checks = Vec::new();
    for (name, store) in &place.stores {
        let host = &store.key_vault;
        let who = if name.contains(host.as_str()) { host.to_string() } else { format!("{name} ({host})") };
        checks.push(match stores.reach(name).await {
            Ok(()) => Check::new(
                "vault",
                Found::Unproved,
                format!("{who} answers reads; whether it can be written, no read shows"),
                format!("needed there: {roles}; the first approved step writes a probe"),
            ),
            Err(fault) if fault.code.starts_with("Forbidden") => Check::missing(
                "vault",
                format!("{who} refuses this identity: {}", fault.code),
                format!("grant {roles} on it, and open its firewall to this machine"),
            ),
            Err(fault) => {
                let (what, todo) = line.trouble_with(host).unwrap_or_else(|| {
                    (format!("{who} gives no usable answer: {}", fault.code), "check its name".into())
                });
                Check::missing("vault", what, todo)
            }
        });
    }
    checks
}
