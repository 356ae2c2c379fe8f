//! A reset that a person finishes. The delivered password goes from the vault into the request
//! without being seen, and without standing in a command line.

use crate::connector::by_hand::Sheet;
use crate::domain::plan::PlanHeader;
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use serde_json::json;

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    let Some(user) = state.plan.observation.objects.first().map(|o| o.id.to_string()) else {
        return sheet.done();
    };
    sheet.note("What is there now:");
    let select = "?$select=userPrincipalName,accountEnabled,lastPasswordChangeDateTime,signInSessionsValidFromDateTime";
    let show = sheet.rest("get", &sheet.url(&user, select));
    sheet.line(show);
    let is_open = |verb| state.plan.steps.iter().find(|s| s.verb == verb && !state.is_done(s.no));
    if let Some(step) = is_open(Verb::Reset)
        && let Some(place) = &step.place
    {
        sheet.show_store(place);
        let delivered = is_open(Verb::Deliver).is_none();
        if delivered {
            sheet
                .note("To set the password that this run delivered (its version bears the tag reissue-run):");
            let read = format!(
                "az keyvault secret show --vault-name {} --name {} --query value --output tsv",
                sheet.vault(place),
                place.name
            );
            let change = "{passwordProfile: {password: ., forceChangePasswordNextSignIn: true}}";
            let write = sheet.rest("patch", &sheet.url(&user, ""));
            sheet.line(format!("{read} | jq --raw-input '{change}' | {write} --body @-"));
        } else {
            sheet.note("No password was delivered: reset it in the admin center.");
        }
    }
    if is_open(Verb::Revoke).is_some() {
        sheet.note("After the reset, to end sessions:");
        let revoke = sheet.rest("post", &sheet.url(&user, "/revokeSignInSessions"));
        sheet.line(revoke);
    }
    let blocked = state.plan.steps.iter().any(|s| s.verb == Verb::Block && state.is_done(s.no));
    if !blocked {
        sheet.note("To keep the user out until then:");
        let url = sheet.url(&user, "");
        sheet.send("patch", &url, &json!({ "accountEnabled": false }));
    }
    sheet.lift_block();
    sheet.done()
}
