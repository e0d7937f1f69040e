//! What stands in the parentheses of an attribute: `workers = 4, clock = auto`.

use crate::token::{Error, Kind, Token};

/// Which of the two attributes is being expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::Main => "#[raddle::main]",
            Attribute::Test => "#[raddle::test]",
        }
    }

    fn known(self) -> &'static str {
        match self {
            Attribute::Main => "`workers = N`",
            Attribute::Test => "`workers = N` and `clock = auto`",
        }
    }
}

/// The parsed options, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// `None` leaves the choice to the runtime: the number of available cores.
    pub(crate) workers: Option<usize>,
    /// Whether time jumps to the next deadline when everything waits.
    pub(crate) auto_clock: bool,
}

impl Options {
    /// What the attribute means without parentheses.
    pub(crate) fn default_for(attribute: Attribute) -> Options {
        Options { workers: (attribute == Attribute::Test).then_some(2), auto_clock: false }
    }

    pub(crate) fn parse<S: Copy>(attribute: Attribute, tokens: &[Token<S>]) -> Result<Options, Error<S>> {
        let mut workers: Option<(usize, S)> = None;
        let mut clock: Option<S> = None;
        for option in tokens.split(|token| token.is_punct(',')) {
            let Some((name, rest)) = option.split_first() else { continue };
            let value = value_of(attribute, name, rest)?;
            if name.is_ident("workers") {
                refuse_twice(name, workers.is_some())?;
                workers = Some((worker_count(value)?, value.span));
            } else {
                refuse_twice(name, clock.is_some())?;
                clock = Some(auto(value)?);
            }
        }
        if let (Some(_), Some((count, span))) = (clock, workers)
            && count != 1
        {
            return Err(Error::new(span, "clock = auto needs workers = 1"));
        }
        let given = workers.map(|(count, _)| count).or(clock.map(|_| 1));
        Ok(Options { workers: given.or(Options::default_for(attribute).workers), auto_clock: clock.is_some() })
    }
}

/// The one token after `name =`.
fn value_of<'a, S: Copy>(
    attribute: Attribute,
    name: &Token<S>,
    rest: &'a [Token<S>],
) -> Result<&'a Token<S>, Error<S>> {
    let is_known = name.is_ident("workers") || (name.is_ident("clock") && attribute == Attribute::Test);
    if !is_known {
        let (option, attribute, known) = (name.text(), attribute.name(), attribute.known());
        return Err(Error::new(name.span, format!("unknown option `{option}`: {attribute} knows {known}")));
    }
    let example = if name.is_ident("workers") { "workers = 4" } else { "clock = auto" };
    match rest {
        [equals, value] if equals.is_punct('=') => Ok(value),
        [equals, _, extra, ..] if equals.is_punct('=') => {
            Err(Error::new(extra.span, format!("expected a comma or the end after the value, as in `{example}`")))
        }
        [other, ..] if !other.is_punct('=') => Err(Error::new(other.span, format!("expected `=`, as in `{example}`"))),
        _ => Err(Error::new(name.span, format!("`{}` needs a value, as in `{example}`", name.text()))),
    }
}

fn refuse_twice<S: Copy>(name: &Token<S>, seen: bool) -> Result<(), Error<S>> {
    if seen { Err(Error::new(name.span, format!("`{}` is given twice", name.text()))) } else { Ok(()) }
}

fn worker_count<S: Copy>(value: &Token<S>) -> Result<usize, Error<S>> {
    let text = value.text().replace('_', "");
    let digits = text.strip_suffix("usize").unwrap_or(&text);
    match (&value.kind, digits.parse()) {
        (Kind::Literal(_), Ok(0)) => Err(Error::new(value.span, "workers = 0: a runtime needs at least one worker")),
        (Kind::Literal(_), Ok(count)) => Ok(count),
        _ => Err(Error::new(value.span, format!("expected a whole number of workers, found `{}`", value.text()))),
    }
}

fn auto<S: Copy>(value: &Token<S>) -> Result<S, Error<S>> {
    if value.is_ident("auto") {
        return Ok(value.span);
    }
    Err(Error::new(value.span, format!("unknown clock `{}`: `clock = auto` is the only choice", value.text())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::lex;

    fn parse(attribute: Attribute, text: &str) -> Result<(Option<usize>, bool), (usize, String)> {
        Options::parse(attribute, &lex(text))
            .map(|options| (options.workers, options.auto_clock))
            .map_err(|error| (error.span, error.message))
    }

    #[test]
    fn defaults() {
        assert_eq!(parse(Attribute::Main, ""), Ok((None, false)));
        assert_eq!(parse(Attribute::Test, ""), Ok((Some(2), false)));
    }

    #[test]
    fn what_is_accepted() {
        assert_eq!(parse(Attribute::Main, "workers = 4"), Ok((Some(4), false)));
        assert_eq!(parse(Attribute::Main, "workers = 1_0usize ,"), Ok((Some(10), false)));
        assert_eq!(parse(Attribute::Test, "workers = 1 , clock = auto"), Ok((Some(1), true)));
        assert_eq!(parse(Attribute::Test, "clock = auto , workers = 1"), Ok((Some(1), true)));
        assert_eq!(parse(Attribute::Test, "clock = auto"), Ok((Some(1), true)));
    }

    #[test]
    fn every_refusal_names_its_token() {
        let cases = [
            (Attribute::Main, "workers = 0", 2, "workers = 0: a runtime needs at least one worker"),
            (Attribute::Main, "workers = - 1", 3, "expected a comma or the end after the value, as in `workers = 4`"),
            (Attribute::Main, "workers = \"2\"", 2, "expected a whole number of workers, found `\"2\"`"),
            (Attribute::Main, "workers = many", 2, "expected a whole number of workers, found `many`"),
            (Attribute::Main, "workers", 0, "`workers` needs a value, as in `workers = 4`"),
            (Attribute::Main, "workers =", 0, "`workers` needs a value, as in `workers = 4`"),
            (Attribute::Main, "workers (4)", 1, "expected `=`, as in `workers = 4`"),
            (Attribute::Main, "workers = 1 , workers = 2", 4, "`workers` is given twice"),
            (Attribute::Main, "threads = 2", 0, "unknown option `threads`: #[raddle::main] knows `workers = N`"),
            (Attribute::Main, "clock = auto", 0, "unknown option `clock`: #[raddle::main] knows `workers = N`"),
            (Attribute::Test, "clock = fast", 2, "unknown clock `fast`: `clock = auto` is the only choice"),
            (Attribute::Test, "workers = 2 , clock = auto", 2, "clock = auto needs workers = 1"),
            (Attribute::Test, "clock = auto , workers = 3", 6, "clock = auto needs workers = 1"),
            (
                Attribute::Test,
                "flavor = x",
                0,
                "unknown option `flavor`: #[raddle::test] knows `workers = N` and `clock = auto`",
            ),
        ];
        for (attribute, text, span, message) in cases {
            assert_eq!(parse(attribute, text), Err((span, message.to_string())), "{text}");
        }
    }
}
