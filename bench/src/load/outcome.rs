//! The figures of a run, as a table for people or as one JSON object for programs.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::options::Load;
use super::tally::{Sum, Tally};

/// The shares of messages whose latency is told.
const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

/// What a run found.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: u64,
    /// Due before the end and not back by then; only with a rate.
    pub(crate) unfinished: u64,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    /// Bytes of a message that was echoed.
    size: Option<usize>,
    rate: Option<usize>,
    elapsed: Duration,
    latency: Histogram<u64>,
    lateness: Histogram<u64>,
}

impl Outcome {
    pub(crate) fn new(options: &Load, elapsed: Duration, tally: &Tally) -> Outcome {
        let Sum { latency, lateness, messages, unfinished, errors, first_error } = tally.sum();
        let (size, rate) = (options.http.is_none().then_some(options.size), options.rate);
        Outcome { messages, unfinished, errors, first_error, size, rate, elapsed, latency, lateness }
    }

    fn per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let (per_second, seconds) = (self.per_second(), self.elapsed.as_secs_f64());
        let (bytes, megabytes) = match self.size {
            Some(size) => {
                let megabytes = per_second * size as f64 / 1e6;
                (format!(" of {size} B and back"), format!(" {megabytes:.2} MB/s each way,"))
            }
            None => Default::default(),
        };
        _ = writeln!(text, "{} messages{bytes} in {seconds:.2} s", self.messages);
        _ = writeln!(text, "{per_second:.0} messages/s,{megabytes} {} errors", self.errors);
        if let Some(rate) = self.rate {
            _ = writeln!(text, "{rate} messages/s were wanted, {} were due and are not back", self.unfinished);
        }
        let from = if self.rate.is_some() { "from when the message should have left" } else { "from when it left" };
        _ = writeln!(text, "\nlatency, {from}");
        for (name, quantile) in PERCENTILES {
            _ = writeln!(text, "{name:>8} {:>10}", time(self.latency.value_at_quantile(quantile)));
        }
        if !self.lateness.is_empty() {
            let [half, most] = [0.5, 0.99].map(|quantile| time(self.lateness.value_at_quantile(quantile)));
            _ = writeln!(text, "\nof it, this program's own lateness: p50 {half}, p99 {most}");
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let latency: Vec<_> = PERCENTILES
            .iter()
            .map(|(name, quantile)| format!("\"{name}\": {}", micros(self.latency.value_at_quantile(*quantile))))
            .collect();
        format!(
            "{{{MESSAGES}{}, \"unfinished\": {}, \"errors\": {}, \"seconds\": {:.4}, \"per_second\": {:.1}, \
             \"size\": {}, \"rate\": {}, \"latency_us\": {{{}}}, \"own_lateness_p99_us\": {}}}",
            self.messages,
            self.unfinished,
            self.errors,
            self.elapsed.as_secs_f64(),
            self.per_second(),
            number(self.size),
            number(self.rate),
            latency.join(", "),
            micros(self.lateness.value_at_quantile(0.99)),
        )
    }
}

fn number(number: Option<usize>) -> String {
    number.map_or("null".into(), |number| number.to_string())
}

const MESSAGES: &str = "\"messages\": ";

/// The number of messages in what `json` wrote.
pub(crate) fn messages_in_json(text: &str) -> Option<u64> {
    let (_, after) = text.split_once(MESSAGES)?;
    after.split(',').next()?.parse().ok()
}

/// The latency of all but one message in a thousand, in microseconds, in what `json` wrote.
pub(crate) fn p999_in_json(text: &str) -> Option<f64> {
    let (_, after) = text.split_once("\"p99.9\": ")?;
    after.split([',', '}']).next()?.parse().ok()
}

fn time(nanos: u64) -> String {
    match nanos {
        0..10_000 => format!("{nanos} ns"),
        10_000..10_000_000 => format!("{:.1} µs", nanos as f64 / 1e3),
        _ => format!("{:.1} ms", nanos as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let tally = Tally::new();
        (1..=1000).for_each(|n| tally.message(n, Duration::from_micros(n as u64)));
        tally.unfinished(0, Duration::from_secs(1));
        tally.error("one".into());
        tally.error("two".into());
        Outcome::new(&Load { rate: Some(10), ..Load::default() }, Duration::from_secs(2), &tally)
    }

    #[test]
    fn json_tells_the_messages_again() {
        let json = outcome().json();
        assert_eq!(messages_in_json(&json), Some(1000));
        assert!(json.contains("\"unfinished\": 1, \"errors\": 2"), "{json}");
        assert!((998.0..1002.0).contains(&p999_in_json(&json).unwrap()), "{json}");
        assert_eq!((messages_in_json("{}"), p999_in_json("{}")), (None, None));
    }

    #[test]
    fn what_never_came_back_is_in_the_percentiles() {
        let outcome = outcome();
        assert!(outcome.latency.max() >= 999_000_000);
        assert_eq!(outcome.first_error.as_deref(), Some("one"));
        let table = outcome.table();
        assert!(table.contains("500 messages/s") && table.contains("1 were due and are not back"), "{table}");
    }
}
