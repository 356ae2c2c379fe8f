//! A reset that a person finishes. The delivered password goes from the vault into the request
//! without being seen, and without standing in a command line.

use super::plan::{DISABLED, RESETS};
use crate::connector::by_hand::Sheet;
use crate::domain::observation::Fact;
use crate::domain::plan::PlanHeader;
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use serde_json::json;

/// For whoever works in the on-premises directory (Microsoft Learn, "Revoke user access in an
/// emergency in Microsoft Entra ID"). The new password is typed at the command's own prompt.
fn on_premises(sheet: &mut Sheet<'_>) {
    let seen = &sheet.plan().observation;
    let account = seen.fact(Fact::OnPremisesAccount).unwrap_or(&sheet.plan().subject);
    let account = powershell(account.rsplit('\\').next().unwrap_or(account));
    let waits_for = |state: &TargetState, what: &str| match state.hold() {
        Some(hold) => hold.missing.iter().any(|c| c.as_str() == what),
        None => state.plan.hold.confirmed_by.iter().any(|c| c.as_str() == what),
    };
    let state = sheet.state;
    if waits_for(state, DISABLED) {
        sheet.note(&format!("On a domain controller, then confirm `{DISABLED}`:"));
        sheet.line(format!("Disable-ADAccount -Identity {account}"));
    }
    for what in RESETS.into_iter().filter(|what| waits_for(state, what)) {
        sheet.note(&format!("Another password each time, then confirm `{what}`:"));
        sheet.line(format!("Set-ADAccountPassword -Identity {account} -Reset"));
    }
}

/// One argument of a PowerShell line.
fn powershell(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', "''"))
}

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    let Some(user) = state.plan.observation.objects.first().map(|o| o.id.to_string()) else {
        return sheet.done();
    };
    if state.plan.steps.iter().any(|s| s.verb == Verb::Gate && !state.is_done(s.no)) {
        on_premises(&mut sheet);
        return sheet.done();
    }
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
