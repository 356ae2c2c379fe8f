//! People's decisions about a plan, signed with the keys they have.
//!
//! A [`Roster`] says who may decide and with which keys. A [`Statement`] says what was decided,
//! about which plan, in which tenant, until when; its bytes are what a person reads ([`show`]) and
//! what the person's SSH key signs (OpenSSH PROTOCOL.sshsig), or the certificate of a card ([`card`]). A [`SignedApproval`] becomes an
//! [`Approval`] only when everything about it is right, and [`Quorum::check`] counts people.
//!
//! An approval is judged as of the moment the log recorded it, never as of a time it claims.

pub mod card;
pub mod facts;
pub mod handover;
pub mod keys;
pub mod quorum;
pub mod refusal;
pub mod release;
pub mod roster;
pub mod roster_change;
pub mod rosters;
pub mod seats;
pub mod show;
pub mod signed;
pub mod signer;
pub mod statement;

pub use facts::PlanFacts;
pub use handover::Handover;
pub use quorum::{Quorum, QuorumMet, QuorumShort, Recorded};
pub use refusal::ApprovalRefusal;
pub use release::{Release, releases};
pub use roster::{Person, Roster, RosterError, same_person};
pub use roster_change::RosterChange;
pub use rosters::{ChangeRefusal, Ground, Rosters};
pub use seats::Seats;
pub use signed::{Approval, SignedApproval};
pub use signer::Signer;
pub use statement::{LogHead, Statement, StatementError, Summary};
