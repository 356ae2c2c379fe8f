//! Any bytes as a statement and the signature over it, by an SSH key or a card.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reissue_fuzz::judges::signature(bytes));
