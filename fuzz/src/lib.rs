//! What must hold whatever bytes arrive from outside. One function per kind of file; the fuzzer and
//! `tests/trail/foreign_bytes.rs` share them.

#[path = "../../tests/support/approvals.rs"]
mod approvals;
pub mod judges;
