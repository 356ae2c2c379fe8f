//! Any bytes as a statement and the SSH signature over it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::signature(bytes));
