//! Any bytes as a line of the log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::log_line(bytes));
