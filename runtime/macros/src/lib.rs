//! The `#[raddle::main]` and `#[raddle::test]` attributes.
