//! Any bytes as the reply of a time stamping authority.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::time_stamp(bytes));
