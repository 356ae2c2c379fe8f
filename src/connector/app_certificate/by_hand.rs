//! A certificate rotation that a person finishes or takes back, and the PATCH that puts a vanished
//! entry back: the plan holds the public keys.

use crate::connector::by_hand::{Sheet, quote};
use crate::domain::credential::{CredentialRef, Form};
use crate::domain::plan::PlanHeader;
use crate::domain::target::TargetState;
use serde_json::{Value, json};

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    sheet.show_application();
    sheet.tell_published();
    sheet.lift_block();
    restore(&mut sheet);
    let (old, ours) = (sheet.still_to_go(), sheet.ours());
    if !old.is_empty() {
        sheet.note("To finish, once every consumer uses the new certificate, take the leaked ones off:");
        replace(&mut sheet, &old);
    }
    if !ours.is_empty() {
        find_key(&mut sheet);
        attach(&mut sheet, &ours);
        sheet.note("To give up instead, once no consumer uses the new certificate, take it off:");
        replace(&mut sheet, &ours);
        sheet.note("and then its key:");
        if let Some(vault) = vault(&sheet) {
            sheet.line(format!("az keyvault certificate delete --vault-name {vault} --name \"$NAME\""));
        }
    }
    sheet.done()
}

/// The list as it is, and what the plan saw beside it that is gone from it and should not be.
fn restore(sheet: &mut Sheet<'_>) {
    let gone: Vec<CredentialRef> = sheet.plan().retire.clone();
    let kept = sheet.plan().observation.credentials.iter().filter(|c| {
        c.credential.form == Form::Certificate && !gone.contains(&c.credential) && c.public_key.is_some()
    });
    let entries: Vec<Value> = kept
        .map(|c| {
            json!({
                "displayName": c.name.as_deref(),
                "endDateTime": c.ends.map(|t| t.to_string()),
                "key": c.public_key.as_deref(),
                "keyId": c.credential.id.as_str(),
                "startDateTime": c.starts.map(|t| t.to_string()),
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            })
        })
        .collect();
    let Some(object) = home(sheet).filter(|_| !entries.is_empty()) else { return };
    sheet.note("To put back entries that the plan saw and the list has lost (others stay as they are):");
    let planned = Value::Array(entries);
    let change = "map(.key = null) as $now | {keyCredentials: ($now + [$planned[] | select(.keyId as $k | $now | all(.keyId != $k))])}";
    patch(sheet, &object, &format!("--argjson planned {}", quote(&planned.to_string())), change);
}

/// The list without these.
fn replace(sheet: &mut Sheet<'_>, without: &[CredentialRef]) {
    let Some(object) = without.first().map(|c| c.object.to_string()) else { return };
    let ids: Value = without.iter().map(|c| c.id.as_str()).collect();
    let change = "{keyCredentials: map(.key = null | select(.keyId as $k | $gone | index($k) | not))}";
    patch(sheet, &object, &format!("--argjson gone {}", quote(&ids.to_string())), change);
}

/// Reads the list, changes it, and sends it as a whole.
fn patch(sheet: &mut Sheet<'_>, object: &str, given: &str, change: &str) {
    let read = sheet.rest("get", &sheet.url(object, "?$select=keyCredentials"));
    let write = sheet.rest("patch", &sheet.url(object, ""));
    sheet.line(format!("{read} --query keyCredentials | jq {given} {} | {write} --body @-", quote(change)));
}

fn home(sheet: &Sheet<'_>) -> Option<String> {
    let first = sheet.plan().retire.first()?;
    Some(first.object.to_string())
}

fn vault(sheet: &Sheet<'_>) -> Option<String> {
    sheet.plan().steps.iter().find_map(|s| s.place.as_ref()).map(|place| sheet.vault(place))
}

/// The key in the vault has the published name, the run's mark, and the run's tag.
fn find_key(sheet: &mut Sheet<'_>) {
    let place = sheet.plan().steps.iter().find_map(|s| s.place.as_ref());
    let Some((place, vault)) = place.map(|place| (place, sheet.vault(place))) else { return };
    sheet.note("The new key is in the vault under a name of the run's own:");
    sheet.line(format!(
        "NAME=$(az keyvault certificate list --vault-name {vault} --query \"[?starts_with(name, '{}-') && tags.\\\"reissue-run\\\"] | [0].name\" --output tsv); echo \"$NAME\"",
        place.name
    ));
}

/// Ours, put on the list: the public part alone leaves the vault.
fn attach(sheet: &mut Sheet<'_>, ours: &[CredentialRef]) {
    let (Some(ours), Some(vault)) = (ours.first(), vault(sheet)) else { return };
    let read = sheet.rest("get", &sheet.url(&ours.object, "?$select=keyCredentials"));
    let write = sheet.rest("patch", &sheet.url(&ours.object, ""));
    let change = "{keyCredentials: (map(.key = null) + [{keyId: $id, key: $cer, type: \"AsymmetricX509Cert\", usage: \"Verify\"}])}";
    sheet.note("To put it on the application, if the list above lacks it:");
    sheet.line(format!(
        "CER=$(az keyvault certificate show --vault-name {vault} --name \"$NAME\" --query cer --output tsv)"
    ));
    sheet.line(format!(
        "{read} --query keyCredentials | jq --arg id {} --arg cer \"$CER\" {} | {write} --body @-",
        ours.id,
        quote(change)
    ));
}
