#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| raddle_fuzz::resp(input));
