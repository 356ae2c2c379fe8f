//! Any bytes as a signed checkpoint.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::checkpoint_note(bytes));
