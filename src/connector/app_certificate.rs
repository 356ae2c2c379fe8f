//! An application's certificate: the key is made in Key Vault, the public part joins a list that
//! is replaced as a whole.
//!
//! mint → attach → verify → publish → hold → recheck → detach → prove; with `contain`: block →
//! detach → prove → unblock → mint → attach → verify → publish.

mod by_hand;
mod effects;
mod entry;
mod list;
mod plan;
pub mod syntax;
mod vault;

pub use effects::AppCertificateEffects;
pub use syntax::AppCertificate;
