//! An application that nobody needs: switched off, reversibly.
//!
//! snapshot → switch (service principal, then application) → watch → prove.

mod plan;
pub mod syntax;

pub use syntax::AppDisable;
