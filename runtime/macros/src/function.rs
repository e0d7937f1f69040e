//! The item below an attribute: which of its tokens is what.

use proc_macro::Delimiter;

use crate::options::Attribute;
use crate::token::{Error, Kind, Token};

/// Positions in the token list of an `async fn` without arguments.
///
/// ```text
/// #[ignore] pub(crate) async fn name() -> Return where … { body }
///                      │        │   │                    └ body
///                      │        │   └ arguments
///                      │        └ name
///                      └ asyncness; what stands before it is kept
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) asyncness: usize,
    pub(crate) name: usize,
    pub(crate) arguments: usize,
    pub(crate) body: usize,
}

impl Function {
    /// `whole` is where the error of an item without a single token goes.
    pub(crate) fn find<S: Copy>(attribute: Attribute, tokens: &[Token<S>], whole: S) -> Result<Function, Error<S>> {
        let attribute = attribute.name();
        let Some(keyword) = tokens.iter().position(|token| token.is_ident("fn")) else {
            let span = tokens.first().map_or(whole, |token| token.span);
            return Err(Error::new(span, format!("{attribute} goes on an `async fn`")));
        };
        let Some(asyncness) = tokens[..keyword].iter().position(|token| token.is_ident("async")) else {
            let message = format!("{attribute} needs an `async fn`: the keyword `async` is missing here");
            return Err(Error::new(tokens[keyword].span, message));
        };
        if asyncness + 1 != keyword {
            let qualifier = &tokens[asyncness + 1];
            let message = format!("{attribute} needs a plain `async fn`, without `{}`", qualifier.text());
            return Err(Error::new(qualifier.span, message));
        }
        let [name, arguments, ..] = &tokens[keyword + 1..] else {
            return Err(Error::new(tokens[keyword].span, format!("{attribute} goes on an `async fn`")));
        };
        match arguments.kind {
            Kind::Group { delimiter: Delimiter::Parenthesis, is_empty: true } => {}
            Kind::Group { delimiter: Delimiter::Parenthesis, is_empty: false } => {
                let message = format!("{attribute}: `{}` cannot take arguments, nobody would pass them", name.text());
                return Err(Error::new(arguments.span, message));
            }
            _ => {
                return Err(Error::new(arguments.span, format!("{attribute}: `{}` cannot be generic", name.text())));
            }
        }
        let body = tokens.len() - 1;
        match tokens[body].kind {
            // A body that a macro_rules macro passed on as `$body:block` comes in a group without delimiters.
            Kind::Group { delimiter: Delimiter::Brace | Delimiter::None, .. } => {
                Ok(Function { asyncness, name: keyword + 1, arguments: keyword + 2, body })
            }
            _ => Err(Error::new(tokens[body].span, format!("{attribute}: `{}` needs a body", name.text()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::lex;

    fn find(text: &str) -> Result<[usize; 4], (usize, String)> {
        Function::find(Attribute::Main, &lex(text), 99)
            .map(|function| [function.asyncness, function.name, function.arguments, function.body])
            .map_err(|error| (error.span, error.message))
    }

    #[test]
    fn the_parts_of_a_function() {
        assert_eq!(find("async fn main () {}"), Ok([0, 2, 3, 4]));
        assert_eq!(find("# [ignore] pub (crate) async fn f () - > Result < () > {x}"), Ok([4, 6, 7, 14]));
        assert_eq!(find("async fn f () where T : Copy {}"), Ok([0, 2, 3, 8]));
    }

    #[test]
    fn every_refusal_names_its_token() {
        let cases = [
            ("", 99, "#[raddle::main] goes on an `async fn`"),
            ("pub struct S ;", 0, "#[raddle::main] goes on an `async fn`"),
            ("pub fn main () {}", 1, "#[raddle::main] needs an `async fn`: the keyword `async` is missing here"),
            ("async unsafe fn main () {}", 1, "#[raddle::main] needs a plain `async fn`, without `unsafe`"),
            ("async fn", 1, "#[raddle::main] goes on an `async fn`"),
            ("async fn f (a:u8) {}", 3, "#[raddle::main]: `f` cannot take arguments, nobody would pass them"),
            ("async fn f < T > () {}", 3, "#[raddle::main]: `f` cannot be generic"),
            ("async fn f () ;", 4, "#[raddle::main]: `f` needs a body"),
        ];
        for (text, span, message) in cases {
            assert_eq!(find(text), Err((span, message.to_string())), "{text}");
        }
    }
}
