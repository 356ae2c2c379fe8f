//! Switching on again what this installation switched off: an application, or a blocked user. A
//! plan of its own, from the snapshot that the log recorded.

mod by_hand;
mod effects;
mod plan;
mod syntax;

pub use effects::EnableEffects;
pub use syntax::{AppEnable, UserEnable};
