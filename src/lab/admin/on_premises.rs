//! The directory that masters some of the users: what is done there arrives here by the next
//! synchronisation.

use super::impossible;
use crate::lab::Lab;
use crate::lab::directory::{Kind, Object};

impl Lab {
    /// Somebody resets a user's password in the on-premises directory; hashes are synchronised.
    pub fn reset_on_premises(&self, upn: &str, password: &str) {
        self.synchronise(upn, |user, now| {
            user.password = Some(password.into());
            user.set("lastPasswordChangeDateTime", now);
        });
    }

    /// Somebody disables the account in the on-premises directory.
    pub fn disable_on_premises(&self, upn: &str) {
        self.synchronise(upn, |user, _| user.set("accountEnabled", false));
    }

    fn synchronise(&self, upn: &str, change: impl FnOnce(&mut Object, &str)) {
        self.with(|state| {
            let id = state.directory.user_id(upn).map(str::to_owned);
            let user = id.and_then(|id| state.newest(Kind::User, &id));
            let Some(mut user) = user.filter(|u| u.flag("onPremisesSyncEnabled") == Some(true)) else {
                impossible(&format!("{upn} is not mastered on premises"))
            };
            let now = format!("{}Z", &state.now().to_string()[..19]);
            change(&mut user, &now);
            state.write_on_behalf(user);
        });
    }
}
