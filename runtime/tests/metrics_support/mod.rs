//! A strict reader of Prometheus's text format, version 0.0.4.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, HashSet};

/// What an exposition says: metrics by name.
pub(crate) type Exposition = BTreeMap<String, Metric>;

#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    /// The name of the line: the metric's own, or that with `_bucket`, `_sum` or `_count`.
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// Reads an exposition.
///
/// # Panics
/// At what the format does not allow, or a server should not send.
pub(crate) fn parse(text: &str) -> Exposition {
    assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'), "whole lines, none empty");
    let mut exposition = Exposition::new();
    let mut series = HashSet::new();
    let mut lines = text.lines().peekable();
    while let Some(help) = lines.next() {
        let help = help.strip_prefix("# HELP ").unwrap_or_else(|| panic!("HELP first: {help}"));
        let (name, help) = help.split_once(' ').expect("a help text");
        assert!(is_name(name) && !help.contains('\\') && !help.trim().is_empty(), "{name} {help}");
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect("TYPE second");
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "counters end so: {name}");
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let sample = sample(line);
            assert!(belongs(&sample.name, name, kind), "{line} under {name}");
            let mut labels = sample.labels.clone();
            labels.sort();
            assert!(series.insert((sample.name.clone(), labels)), "twice: {line}");
            samples.push(sample);
        }
        let metric = Metric { kind: kind.to_owned(), samples };
        assert!(exposition.insert(name.to_owned(), metric).is_none(), "{name} twice");
    }
    exposition.values().filter(|metric| metric.kind == "histogram").for_each(check_histograms);
    exposition
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

fn belongs(line: &str, metric: &str, kind: &str) -> bool {
    let suffix = line.strip_prefix(metric);
    if kind == "histogram" { matches!(suffix, Some("_bucket" | "_sum" | "_count")) } else { suffix == Some("") }
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels: Vec<(String, String)> = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            let (value, after) = unquoted(after);
            assert!(is_name(label) && labels.iter().all(|(other, _)| other != label), "{line}");
            labels.push((label.to_owned(), value));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => break rest = after.strip_prefix('}').expect("the end of the labels"),
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("one blank");
    Sample { name: name.to_owned(), labels, value: number(value) }
}

/// A label's value, and what follows its quotation mark.
fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, c @ ('\\' | '"'))) => c,
                other => panic!("an escape that there is not: {other:?} in {text}"),
            }),
            c => value.push(c),
        }
    }
    panic!("no end of {text}")
}

fn number(text: &str) -> f64 {
    if text == "+Inf" {
        return f64::INFINITY;
    }
    assert!(text.chars().all(|c| c.is_ascii_digit() || ".e-".contains(c)), "{text}");
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

/// Each histogram has buckets with growing bounds and counts up to +Inf, then a sum, and the count of the last bucket.
fn check_histograms(metric: &Metric) {
    let mut samples = metric.samples.iter().peekable();
    while let Some(first) = samples.peek() {
        let key: Vec<_> = first.labels.iter().filter(|(label, _)| label != "le").cloned().collect();
        let (mut bound, mut count) = (f64::NEG_INFINITY, 0.0);
        while let Some(bucket) = samples.next_if(|sample| sample.name.ends_with("_bucket")) {
            let le = number(bucket.label("le").expect("a bound"));
            assert!(bucket.labels.iter().filter(|(label, _)| label != "le").eq(&key), "one histogram at a time");
            assert!(le > bound && bucket.value >= count, "{bucket:?} after {bound} {count}");
            (bound, count) = (le, bucket.value);
        }
        assert_eq!(bound, f64::INFINITY, "the last bucket");
        for suffix in ["_sum", "_count"] {
            let sample = samples.next().expect("a sum and a count");
            assert!(sample.name.ends_with(suffix) && sample.labels == key, "{sample:?}");
            assert!(suffix == "_sum" || sample.value == count, "{sample:?} after {count}");
        }
    }
}

#[test]
#[should_panic(expected = "an escape that there is not")]
fn the_parser_takes_no_stray_backslash() {
    parse("# HELP a b\n# TYPE a gauge\na{b=\"\\t\"} 1\n");
}

#[test]
#[should_panic(expected = "twice")]
fn the_parser_takes_no_series_twice() {
    parse("# HELP a b\n# TYPE a gauge\na{b=\"1\"} 1\na{b=\"1\"} 2\n");
}
