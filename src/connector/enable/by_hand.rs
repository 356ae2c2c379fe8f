//! What a person does who finishes it, or thinks better of it.

use crate::connector::by_hand::Sheet;
use crate::domain::observation::ObjectRole;
use crate::domain::plan::PlanHeader;
use crate::domain::step::Verb;
use crate::domain::target::TargetState;
use serde_json::json;

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    let seen = &state.plan.observation.objects;
    let role = |id: &str| seen.iter().find(|o| o.id.as_str() == id).map(|o| o.role);
    let switch = |role, on: bool| match role {
        Some(ObjectRole::Application) => json!({ "isDisabled": !on }),
        _ => json!({ "accountEnabled": on }),
    };
    for (done, on, note) in [
        (false, true, "Still off; to switch it on:"),
        (true, false, "Switched on by this run; to switch it off again:"),
    ] {
        let steps = state.plan.steps.iter().filter(|s| s.verb == Verb::Unblock);
        for step in steps.filter(|s| state.is_done(s.no) == done) {
            sheet.note(note);
            let url = sheet.url(&step.object, "");
            sheet.send("patch", &url, &switch(role(&step.object), on));
        }
    }
    sheet.done()
}
