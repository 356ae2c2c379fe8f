//! A user's password: we make the new one and deliver it to a store that a named person reads.
//!
//! (block) → deliver → reset → revoke → prove. A blocked user stays blocked.

mod by_hand;
mod effects;
mod password;
mod plan;
pub mod syntax;

pub use effects::UserPasswordEffects;
pub(super) use effects::seen_of;
pub use syntax::UserPassword;
