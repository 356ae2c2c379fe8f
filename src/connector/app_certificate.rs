//! An application's certificate.

pub mod syntax;
