//! An application's client secret.

pub mod syntax;
