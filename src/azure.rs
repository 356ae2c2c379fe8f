//! Microsoft's services as typed clients over [`crate::wire`]: sign-in, Graph, Key Vault.
//!
//! Sign-in and Key Vault go through Microsoft's own crates, on our transport, with their retries
//! and token caches out of the way; Graph has no official crate and is spoken directly. Every
//! call that changes something takes a permit, and every failure is an [`fault::ApiError`] that
//! says whether the effect may have happened.

pub mod assertion;
pub mod blob;
mod body;
pub mod bridge;
pub mod claims;
mod clock;
pub mod cloud;
pub mod credential;
pub mod fault;
pub mod graph;
pub mod key_vault;
pub mod permissions;
pub mod quota;
pub mod session;
pub mod sign_in;

pub use fault::ApiError;
pub use session::Azure;
