//! A secret rotation that a person finishes, or takes back.

use crate::connector::by_hand::Sheet;
use crate::domain::plan::PlanHeader;
use crate::domain::target::TargetState;

pub(super) fn lines(state: &TargetState, header: &PlanHeader) -> Vec<String> {
    let mut sheet = Sheet::new(state, header);
    sheet.show_application();
    sheet.tell_published();
    sheet.lift_block();
    let (old, ours) = (sheet.still_to_go(), sheet.ours());
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
