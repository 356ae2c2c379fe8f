//! What a target can be: one folder per kind.

pub mod app_certificate;
pub mod app_disable;
pub mod app_secret;
pub mod user_password;

use crate::domain::playbook::KindSyntax;

/// How each kind is written in a playbook.
pub fn syntaxes() -> [&'static dyn KindSyntax; 4] {
    [
        &app_secret::syntax::AppSecret,
        &app_certificate::syntax::AppCertificate,
        &user_password::syntax::UserPassword,
        &app_disable::syntax::AppDisable,
    ]
}
