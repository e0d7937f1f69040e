//! The checks of `runtime/tests/properties.rs`, with bytes that a fuzzer chooses.
//!
//! ```text
//! cargo install cargo-fuzz
//! cd loom-tests
//! cargo +nightly fuzz run stream_reader -- -max_total_time=300
//! cargo +nightly fuzz run http -- -max_total_time=300 -dict=fuzz/dictionaries/http.dict -max_len=1000
//! ```
//!
//! The targets are `stream_reader`, `resp`, `http`, `wheel` and `pages`. What a fuzzer finds belongs into the plain tests
//! of the crate where the fault was; the corpora stay on the machine that made them.

#[path = "../../../runtime/tests/property_support/mod.rs"]
mod property_support;

// The files of the task pages name it so.
pub(crate) use raddle_io::shim;

/// What bytes make a `StreamReader` read, against a model.
pub fn stream_reader(input: &[u8]) {
    (property_support::STREAM_READER.run)(input);
}

/// What bytes mean to the RESP parser of `kv_server`, in pieces and whole.
pub fn resp(input: &[u8]) {
    (property_support::RESP.run)(input);
}

/// What bytes the HTTP server `http_hello` answers with, in pieces and whole.
pub fn http(input: &[u8]) {
    (property_support::HTTP.run)(input);
}

/// What bytes do with the timer wheel, against a sorted map.
pub fn wheel(input: &[u8]) {
    (property_support::WHEEL.run)(input);
}

/// What bytes do with the task pages, against a map of what is out.
pub fn pages(input: &[u8]) {
    (property_support::PAGES.run)(input);
}
