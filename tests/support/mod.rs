//! What the test programs share: people at their desks, rehearsals in virtual time, logs, judges, disks
//! that fail, and the scan for secrets. Each program uses a part of it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

pub mod approvals;
pub mod cards;
pub mod desk;
pub mod forge;
pub mod frail;
pub mod judges;
pub mod log;
pub mod refused;
pub mod rehearsal;
pub mod scan;
pub mod shift;
pub mod slate;
pub mod sshsig;
pub mod team;
pub mod tsa;
