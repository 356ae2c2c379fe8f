//! A secret rotation that a person finishes, or takes back.

use crate::connector::by_hand::{Sheet, quote};
use crate::domain::plan::PlanHeader;
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use serde_json::json;

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    sheet.show_application();
    sheet.tell_published();
    sheet.lift_block();
    let (old, ours) = (sheet.still_to_go(), sheet.ours());
    if ours.is_empty() && old.is_empty() {
        make(&mut sheet);
    }
    if !old.is_empty() {
        sheet.note("To finish, once every consumer uses the new secret, take the leaked ones away:");
        old.iter().for_each(|c| sheet.remove_secret(c));
    }
    if !ours.is_empty() {
        sheet.note("To give up instead, once no consumer uses the new secret, take it away:");
        ours.iter().for_each(|c| sheet.remove_secret(c));
    }
    sheet.done()
}

/// The old ones are gone and there is no new one: made, and put into the store unseen.
fn make(sheet: &mut Sheet<'_>) {
    let step = sheet.plan().steps.iter().find(|s| s.verb == Verb::Mint).map(|s| s.object.to_string());
    let place = sheet.plan().steps.iter().find_map(|s| s.place.as_ref());
    let (Some(object), Some(place)) = (step, place) else { return };
    let url = sheet.url(&object, "/addPassword");
    let add = sheet.rest("post", &url);
    let body = quote(&json!({ "passwordCredential": { "displayName": "made by hand" } }).to_string());
    let (vault, name) = (sheet.vault(place), &place.name);
    sheet.note("To finish, have a new secret made and put it where consumers read it; it is not shown:");
    sheet.line(format!(
        "{add} --body {body} --query secretText --output tsv | tr -d '\\n' | az keyvault secret set --vault-name {vault} --name {name} --file /dev/stdin --output none"
    ));
}
