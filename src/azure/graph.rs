//! Microsoft Graph, version 1.0 (and beta for the two logs that exist only there).
//!
//! Sources: Microsoft Learn, "Microsoft Graph REST API v1.0 endpoint reference"; the official
//! v1.0 schema (CSDL) of August 2026. Object ids and client ids are different types here, as in
//! [`crate::domain::id`]: Graph accepts both, in different places.

pub mod applications;
mod batch;
pub mod credentials;
pub mod directory;
mod http;
mod json;
pub mod logs;
pub mod pages;
pub mod policies;
pub mod service_principals;
pub mod users;
pub mod ways;

pub use http::Graph;

/// What Graph calls fail with.
pub type GraphError = super::fault::ApiError;
