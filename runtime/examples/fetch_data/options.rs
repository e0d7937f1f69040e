//! `--workers N`, `--net`, `--speed X` and `--only PART`, parsed by hand.

/// How to walk.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// `None`: as many as there are cores.
    pub(crate) workers: Option<usize>,
    pub(crate) net: bool,
    pub(crate) speed: f64,
    /// The index of the only part to show.
    pub(crate) only: Option<usize>,
}

/// The options, or what is wrong with them.
pub(crate) fn parse(args: impl IntoIterator<Item = String>, parts: &[&str]) -> Result<Options, String> {
    let mut options = Options { workers: None, net: false, speed: 1.0, only: None };
    let mut args = args.into_iter();
    while let Some(option) = args.next() {
        let mut value = |what| args.next().ok_or_else(|| format!("{option} needs {what}"));
        match option.as_str() {
            "--net" => options.net = true,
            "--workers" => options.workers = Some(workers(&value("a number")?)?),
            "--speed" => options.speed = speed(&value("a number")?)?,
            "--only" => options.only = Some(part(&value("a part")?, parts)?),
            other => {
                let known = "--workers N, --net, --speed X and --only PART are known";
                return Err(format!("unknown option `{other}`: {known}"));
            }
        }
    }
    Ok(options)
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("--workers needs a whole number above 0, not `{text}`")),
        Ok(workers) => Ok(workers),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.001..=1000.0).contains(&speed) => Ok(speed),
        _ => Err(format!("--speed needs a number between 0.001 and 1000, not `{text}`")),
    }
}

/// By name, or by number counted from 1.
fn part(text: &str, parts: &[&str]) -> Result<usize, String> {
    let by_number = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let found = parts.iter().position(|part| *part == text).or(by_number.filter(|&index| index < parts.len()));
    found.ok_or_else(|| format!("--only knows {} and 1 to {}, not `{text}`", parts.join(", "), parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(str::to_string), &["await", "two-tasks"])
    }

    #[test]
    fn what_is_accepted() {
        assert_eq!(of(""), Ok(Options { workers: None, net: false, speed: 1.0, only: None }));
        let all = of("--workers 1 --net --speed 2.5 --only two-tasks");
        assert_eq!(all, Ok(Options { workers: Some(1), net: true, speed: 2.5, only: Some(1) }));
        assert_eq!(of("--only 2").unwrap().only, Some(1));
    }

    #[test]
    fn every_refusal_names_what_is_wrong() {
        for (line, message) in [
            ("--workers", "--workers needs a number"),
            ("--workers 0", "--workers needs a whole number above 0, not `0`"),
            ("--speed nan", "--speed needs a number between 0.001 and 1000, not `nan`"),
            ("--speed 0", "--speed needs a number between 0.001 and 1000, not `0`"),
            ("--only 3", "--only knows await, two-tasks and 1 to 2, not `3`"),
            ("--only 0", "--only knows await, two-tasks and 1 to 2, not `0`"),
            ("--fast", "unknown option `--fast`: --workers N, --net, --speed X and --only PART are known"),
        ] {
            assert_eq!(of(line), Err(message.into()));
        }
    }
}
