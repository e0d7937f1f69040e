//! `--pages N`, `--at-once N` and `--patience MS`, parsed by hand.

use std::time::Duration;

/// What to crawl, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How many pages the site has.
    pub(crate) pages: usize,
    /// How many are fetched at a time.
    pub(crate) at_once: usize,
    /// How long a page may take.
    pub(crate) patience: Duration,
}

/// The options, or what is wrong with them.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { pages: 200, at_once: 10, patience: Duration::from_millis(400) };
    let mut args = args.into_iter();
    while let Some(option) = args.next() {
        let mut value = || {
            let text = args.next().ok_or_else(|| format!("{option} needs a number"))?;
            match text.parse::<u32>() {
                Ok(0) | Err(_) => Err(format!("{option} needs a whole number above 0, not `{text}`")),
                Ok(number) => Ok(number),
            }
        };
        match option.as_str() {
            "--pages" => options.pages = value()? as usize,
            "--at-once" => options.at_once = value()? as usize,
            "--patience" => options.patience = Duration::from_millis(value()?.into()),
            other => return Err(format!("unknown option `{other}`: --pages, --at-once and --patience are known")),
        }
    }
    Ok(options)
}
