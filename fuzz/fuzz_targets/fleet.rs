//! Any bytes as a fleet file.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::fleet(bytes));
