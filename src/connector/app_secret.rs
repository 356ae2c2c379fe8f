//! An application's client secret: Entra makes the value and tells it once.
//!
//! mint → verify → publish → hold → recheck → retire → prove; with `contain`: block → retire →
//! prove → unblock → mint → verify → publish.

mod by_hand;
mod effects;
mod plan;
pub mod syntax;

pub use effects::AppSecretEffects;
pub use syntax::AppSecret;
