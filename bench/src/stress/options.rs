//! What `stress` is told.

use std::time::Duration;

use super::parts;
use super::stress_support::seed_of_now;
use crate::args::{count, value};

/// What to put under stress, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stress {
    pub(crate) seconds: Option<u64>,
    /// Ends it when so many wake-ups were answered and a hundredth of them found every worker parked.
    pub(crate) wakes: Option<u64>,
    pub(crate) seed: u64,
    /// Workers of each runtime; `None`: it varies.
    pub(crate) workers: Option<usize>,
    /// Names of parts; empty: all of them.
    pub(crate) only: Vec<String>,
}

/// Without any limit.
const USUAL: Duration = Duration::from_secs(60);

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Stress, String> {
    let mut options = Stress { seconds: None, wakes: None, seed: 0, workers: None, only: Vec::new() };
    let mut seed = None;
    while let Some(option) = args.next() {
        match option.as_str() {
            "--seconds" => options.seconds = Some(count(&option, args)? as u64),
            "--minutes" => options.seconds = Some(count(&option, args)? as u64 * 60),
            "--wakes" => options.wakes = Some(big_number(&option, &value(&option, args)?)?),
            "--seed" => seed = Some(count(&option, args)? as u64),
            "--workers" => options.workers = Some(count(&option, args)?),
            "--only" => options.only.extend(value(&option, args)?.split(',').map(str::to_string)),
            other => return Err(format!("unknown option `{other}` of stress")),
        }
    }
    let names: Vec<_> = parts().iter().map(|part| part.name).collect();
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("--only takes some of {}, not `{unknown}`", names.join(",")));
    }
    if options.wakes.is_some() && !options.runs("wakes") {
        return Err("--wakes needs the part wakes, which --only leaves out".into());
    }
    if options.wakes.is_none() {
        options.seconds.get_or_insert(USUAL.as_secs());
    }
    options.seed = seed.unwrap_or_else(seed_of_now);
    Ok(options)
}

impl Stress {
    pub(crate) fn runs(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}

/// A whole number, perhaps as people write big ones: 1e9.
fn big_number(option: &str, text: &str) -> Result<u64, String> {
    let number = match text.split_once('e') {
        None => text.parse().ok(),
        Some((digits, zeros)) => digits
            .parse::<u64>()
            .ok()
            .zip(zeros.parse().ok())
            .and_then(|(digits, zeros)| 10_u64.checked_pow(zeros).and_then(|power| digits.checked_mul(power))),
    };
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{option} needs a whole number above 0, such as 250000000 or 1e9, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Stress, String> {
        parse(&mut line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn what_is_accepted() {
        let options = of("--minutes 2 --seed 7 --workers 3 --only net,wakes").unwrap();
        assert_eq!((options.seconds, options.wakes, options.seed, options.workers), (Some(120), None, 7, Some(3)));
        assert!(options.runs("net") && options.runs("wakes") && !options.runs("sync"));
        assert_eq!(of("").unwrap().seconds, Some(60));
        let wakes = of("--wakes 25e7 --only wakes").unwrap();
        assert_eq!((wakes.seconds, wakes.wakes), (None, Some(250_000_000)));
        assert_ne!(wakes.seed, 0);
    }

    #[test]
    fn every_refusal_names_what_is_wrong() {
        assert!(of("--only net,sinc").unwrap_err().contains("`sinc`"));
        assert!(of("--only net --wakes 5").unwrap_err().contains("the part wakes"));
        assert!(of("--wakes 1e99").unwrap_err().contains("`1e99`"));
        assert!(of("--wakes many").unwrap_err().contains("`many`"));
        assert!(of("--fast").unwrap_err().contains("`--fast`"));
    }
}
