#![no_main]

#[path = "../../tests/support/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|text: &str| fuzzing::source(text));
