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
            Attribute::Test => "`workers = N` and `clock = auto` or `manual`",
        }
    }
}

/// The parsed options, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// `None` leaves the choice to the runtime: the number of available cores.
    pub(crate) workers: Option<usize>,
    /// `None` is the real one.
    pub(crate) clock: Option<VirtualClock>,
}

/// A clock of the test's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VirtualClock {
    /// Time jumps to the next deadline when nothing can run.
    Auto,
    /// Time is moved by hand.
    Manual,
}

impl Options {
    /// What the attribute means without parentheses.
    pub(crate) fn default_for(attribute: Attribute) -> Options {
        Options { workers: (attribute == Attribute::Test).then_some(2), clock: None }
    }

    pub(crate) fn parse<S: Copy>(attribute: Attribute, tokens: &[Token<S>]) -> Result<Options, Error<S>> {
        let mut workers: Option<usize> = None;
        let mut clock: Option<VirtualClock> = None;
        for option in tokens.split(|token| token.is_punct(',')) {
            let Some((name, rest)) = option.split_first() else { continue };
            let value = value_of(attribute, name, rest)?;
            if name.is_ident("workers") {
                refuse_twice(name, workers.is_some())?;
                workers = Some(worker_count(value)?);
            } else {
                refuse_twice(name, clock.is_some())?;
                clock = Some(virtual_clock(value)?);
            }
        }
        // Where it is not said otherwise, the order is asyncio's.
        let given = workers.or(clock.map(|_| 1));
        Ok(Options { workers: given.or(Options::default_for(attribute).workers), clock })
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

fn virtual_clock<S: Copy>(value: &Token<S>) -> Result<VirtualClock, Error<S>> {
    match value {
        auto if auto.is_ident("auto") => Ok(VirtualClock::Auto),
        manual if manual.is_ident("manual") => Ok(VirtualClock::Manual),
        other => {
            let text = other.text();
            Err(Error::new(
                other.span,
                format!("unknown clock `{text}`: there are `clock = auto` and `clock = manual`"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::lex;

    fn parse(attribute: Attribute, text: &str) -> Result<(Option<usize>, Option<VirtualClock>), (usize, String)> {
        Options::parse(attribute, &lex(text))
            .map(|options| (options.workers, options.clock))
            .map_err(|error| (error.span, error.message))
    }

    #[test]
    fn defaults() {
        assert_eq!(parse(Attribute::Main, ""), Ok((None, None)));
        assert_eq!(parse(Attribute::Test, ""), Ok((Some(2), None)));
    }

    #[test]
    fn what_is_accepted() {
        let (auto, manual) = (Some(VirtualClock::Auto), Some(VirtualClock::Manual));
        assert_eq!(parse(Attribute::Main, "workers = 4"), Ok((Some(4), None)));
        assert_eq!(parse(Attribute::Main, "workers = 1_0usize ,"), Ok((Some(10), None)));
        assert_eq!(parse(Attribute::Test, "workers = 1 , clock = auto"), Ok((Some(1), auto)));
        assert_eq!(parse(Attribute::Test, "clock = auto , workers = 1"), Ok((Some(1), auto)));
        assert_eq!(parse(Attribute::Test, "clock = auto"), Ok((Some(1), auto)));
        assert_eq!(parse(Attribute::Test, "clock = auto , workers = 3"), Ok((Some(3), auto)));
        assert_eq!(parse(Attribute::Test, "workers = 8 , clock = manual"), Ok((Some(8), manual)));
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
            (Attribute::Test, "clock = fast", 2, "unknown clock `fast`: there are `clock = auto` and `clock = manual`"),
            (Attribute::Test, "clock = auto , clock = manual", 4, "`clock` is given twice"),
            (
                Attribute::Test,
                "flavor = x",
                0,
                "unknown option `flavor`: #[raddle::test] knows `workers = N` and `clock = auto` or `manual`",
            ),
        ];
        for (attribute, text, span, message) in cases {
            assert_eq!(parse(attribute, text), Err((span, message.to_string())), "{text}");
        }
    }
}
