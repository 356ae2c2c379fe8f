//! Any bytes as a cosigned checkpoint, a record or a policy.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::anchor(bytes));
