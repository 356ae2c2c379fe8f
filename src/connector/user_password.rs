//! A user's password.

pub mod syntax;
