//! An application that nobody needs: switched off, reversibly.
//!
//! snapshot → switch (service principal, then application) → watch → prove.

mod by_hand;
mod effects;
mod plan;
pub mod syntax;

pub use effects::AppDisableEffects;
pub use syntax::AppDisable;
