//! Any bytes as a playbook.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::playbook(bytes));
