//! From the compiler's tokens to the compiler's tokens.
//!
//! ```text
//! #[raddle::main(workers = 4)]            fn main() -> Ret {
//! async fn main() -> Ret { body }   =>        async fn main() -> Ret { body }
//!                                             ::raddle::Runner::new().workers(4).handle_ctrl_c(true).run(main())
//!                                         }
//! ```
//!
//! The body stays the body of an `async fn`, not of an `async move` block: a block's output type is only inferred, and
//! `Ok(Box::new(error))` would no longer become a `Box<dyn Error>` by itself.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::function::Function;
use crate::options::{Attribute, Options, VirtualClock};
use crate::token::{Error, read};

/// The item rewritten, or `compile_error!` at the token that is wrong.
pub(crate) fn attribute(attribute: Attribute, options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = Options::parse(attribute, &read(options));
    let function = match Function::find(attribute, &read(item.clone()), Span::call_site()) {
        Ok(function) => function,
        // A plain fn is kept, so that callers of it see no second error.
        Err(error) => return with(compile_error(error), item),
    };
    match parsed {
        Ok(options) => rewrite(attribute, &options, function, item),
        Err(error) => {
            let expansion = rewrite(attribute, &Options::default_for(attribute), function, item);
            with(compile_error(error), expansion)
        }
    }
}

fn rewrite(attribute: Attribute, options: &Options, function: Function, item: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let (kept, inner) = tokens.split_at(function.asyncness);
    let outer_signature = &tokens[function.asyncness + 1..function.body];
    let call = [tokens[function.name].clone(), tokens[function.arguments].clone()];

    let mut block: TokenStream = inner.iter().cloned().collect();
    block.extend(runner(options));
    if attribute == Attribute::Main {
        block.extend(method("handle_ctrl_c", source("true")));
    }
    block.extend(method("run", TokenStream::from_iter(call)));

    let mut expansion = TokenStream::new();
    if attribute == Attribute::Test {
        expansion.extend(source("#[::core::prelude::v1::test]"));
    }
    expansion.extend(kept.iter().cloned());
    expansion.extend(outer_signature.iter().cloned());
    expansion.extend([group(Delimiter::Brace, block)]);
    expansion
}

/// `::raddle::Runner::new().workers(N)…`
fn runner(options: &Options) -> TokenStream {
    let mut chain = source("::raddle::Runner::new()");
    if let Some(workers) = options.workers {
        chain.extend(method("workers", TokenTree::from(Literal::usize_suffixed(workers)).into()));
    }
    match options.clock {
        Some(VirtualClock::Auto) => chain.extend(method("clock", source("::raddle::Clock::auto()"))),
        Some(VirtualClock::Manual) => chain.extend(method("clock", source("::raddle::Clock::manual()"))),
        None => {}
    }
    chain
}

/// `.name(argument)`
fn method(name: &str, argument: TokenStream) -> TokenStream {
    TokenStream::from_iter([
        TokenTree::from(Punct::new('.', Spacing::Alone)),
        Ident::new(name, Span::call_site()).into(),
        group(Delimiter::Parenthesis, argument),
    ])
}

/// `::core::compile_error! { "message" }`, each token of it at the span of the error.
fn compile_error(error: Error<Span>) -> TokenStream {
    let mut message = Literal::string(&error.message);
    message.set_span(error.span);
    let call =
        source("::core::compile_error!").into_iter().chain([group(Delimiter::Brace, TokenTree::from(message).into())]);
    call.map(|mut token| {
        token.set_span(error.span);
        token
    })
    .collect()
}

fn source(text: &str) -> TokenStream {
    text.parse().expect("a constant of this file that lexes")
}

fn group(delimiter: Delimiter, inside: TokenStream) -> TokenTree {
    Group::new(delimiter, inside).into()
}

fn with(mut first: TokenStream, second: TokenStream) -> TokenStream {
    first.extend(second);
    first
}
