//! An application, switched off.

pub mod syntax;
