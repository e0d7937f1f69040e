//! Tokens as plain data, generic over the span `S`, so that parsing can be tested outside the compiler.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

/// One token of the top level; a group is a single token whose inside nobody here needs to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident(String),
    Punct(char),
    Literal(String),
    Group { delimiter: Delimiter, is_empty: bool },
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Token<S> {
    pub(crate) kind: Kind,
    pub(crate) span: S,
}

impl<S> Token<S> {
    pub(crate) fn is_ident(&self, text: &str) -> bool {
        matches!(&self.kind, Kind::Ident(ident) if ident == text)
    }

    pub(crate) fn is_punct(&self, char: char) -> bool {
        self.kind == Kind::Punct(char)
    }

    /// What a message calls this token.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            Kind::Ident(text) | Kind::Literal(text) => text.clone(),
            Kind::Punct(char) => char.to_string(),
            Kind::Group { delimiter: Delimiter::Brace, .. } => "{…}".into(),
            Kind::Group { delimiter: Delimiter::Bracket, .. } => "[…]".into(),
            Kind::Group { .. } => "(…)".into(),
        }
    }
}

/// A message for the user and the token it is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error<S> {
    pub(crate) message: String,
    pub(crate) span: S,
}

impl<S> Error<S> {
    pub(crate) fn new(span: S, message: impl Into<String>) -> Self {
        Error { message: message.into(), span }
    }
}

/// The compiler's tokens as ours.
pub(crate) fn read(stream: TokenStream) -> Vec<Token<Span>> {
    stream.into_iter().map(|tree| Token { span: tree.span(), kind: kind(&tree) }).collect()
}

fn kind(tree: &TokenTree) -> Kind {
    match tree {
        TokenTree::Ident(ident) => Kind::Ident(ident.to_string()),
        TokenTree::Punct(punct) => Kind::Punct(punct.as_char()),
        TokenTree::Literal(literal) => Kind::Literal(literal.to_string()),
        TokenTree::Group(group) => {
            Kind::Group { delimiter: group.delimiter(), is_empty: group.stream().into_iter().next().is_none() }
        }
    }
}

/// Splits `text` at blanks; a token's span is its number. Groups are written without inner blanks: `(a,b)`.
#[cfg(test)]
pub(crate) fn lex(text: &str) -> Vec<Token<usize>> {
    let kind_of = |word: &str| match word.as_bytes()[0] {
        open @ (b'(' | b'[' | b'{') => Kind::Group {
            delimiter: match open {
                b'(' => Delimiter::Parenthesis,
                b'[' => Delimiter::Bracket,
                _ => Delimiter::Brace,
            },
            is_empty: word.len() == 2,
        },
        b'0'..=b'9' | b'"' => Kind::Literal(word.into()),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => Kind::Ident(word.into()),
        byte => Kind::Punct(byte as char),
    };
    text.split_whitespace().enumerate().map(|(span, word)| Token { kind: kind_of(word), span }).collect()
}
