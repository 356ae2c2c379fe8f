//! A switch that a person sets.

use crate::connector::by_hand::Sheet;
use crate::domain::observation::ObjectRole;
use crate::domain::plan::PlanHeader;
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use serde_json::{Value, json};

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    sheet.show_application();
    sheet.note("To finish, switch it off on every object:");
    set_all(&mut sheet, false);
    sheet.note("To give up instead, switch it on again as it was:");
    set_all(&mut sheet, true);
    sheet.done()
}

fn set_all(sheet: &mut Sheet<'_>, on: bool) {
    for step in sheet.plan().steps.iter().filter(|s| s.verb == Verb::Switch) {
        let url = sheet.url(&step.object, "");
        let role = sheet.plan().observation.objects.iter().find(|o| o.id == step.object).map(|o| o.role);
        let body: Value = match role {
            Some(ObjectRole::Application) => json!({ "isDisabled": !on }),
            _ => json!({ "accountEnabled": on }),
        };
        sheet.send("patch", &url, &body);
    }
}
