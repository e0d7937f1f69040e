//! The `#[raddle::main]` and `#[raddle::test]` attributes.
//!
//! An attribute is parsed in two pure steps over plain `token`s, `options` for what stands in its parentheses and
//! `function` for the item below it. Only `expand` touches the compiler's own tokens, since those exist inside
//! the compiler alone and cannot be unit-tested.

mod expand;
mod function;
mod options;
mod token;

use proc_macro::TokenStream;

use crate::options::Attribute;

/// Runs an `async fn main` under a runtime of its own.
///
/// The worker count is the number of available cores unless `workers = N` says otherwise. The return type may be
/// anything that a plain `main` may return.
///
/// # Examples
/// ```ignore
/// #[raddle::main(workers = 4)]
/// async fn main() -> std::io::Result<()> {
///     raddle::sleep(std::time::Duration::from_millis(10)).await;
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Attribute::Main, options, item)
}

/// Runs an `async fn` as a test, under a runtime of its own.
///
/// Two workers run it unless `workers = N` says otherwise. `clock = auto` gives the test a clock that jumps to the
/// next deadline whenever nothing can run, so that an hour of sleeping takes no time; `clock = manual` one that only
/// `Clock::current().advance(…)` moves. With either, there is one worker unless `workers = N` says otherwise.
/// Other attributes, such as `#[ignore]` and `#[should_panic]`, are kept.
///
/// # Examples
/// ```ignore
/// #[raddle::test(workers = 4, clock = auto)]
/// async fn an_hour_passes_at_once() {
///     raddle::sleep(std::time::Duration::from_secs(3600)).await;
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(Attribute::Test, options, item)
}
