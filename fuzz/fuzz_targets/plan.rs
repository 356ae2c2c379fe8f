//! Any bytes as `plan.jsonl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::plan(bytes));
