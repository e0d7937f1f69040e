//! `Metrics` as Prometheus reads them: the text format, version 0.0.4.
//!
//! Names and units follow Prometheus's conventions. The bounds of histograms are powers of four of nanoseconds, from
//! 256 ns to 17 s: those of the finer buckets that a `Histogram` has, so that the counts are exact, and few enough for
//! a series each.

use std::fmt::{self, Display, Write};

use super::histogram::Histogram;
use super::metrics::{Metrics, NameMetrics, WorkerMetrics};

/// The bounds of histograms, as powers of two of nanoseconds.
const BOUNDS: [u32; 14] = [8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34];

impl Metrics {
    /// These numbers in Prometheus's text format (0.0.4): the answer to a scrape, whose content type is
    /// `text/plain; version=0.0.4`.
    ///
    /// All names begin with `raddle_`; series are by `worker` or by `task`, which is the task's name. Spare workers, if
    /// there were any, are one `worker`, `spare`. Histograms are of samples, as those of [`Metrics`] are:
    /// `raddle_polls_per_sample` tells how many polls each stands for. Quantiles and means need no correction, rates of
    /// counts do. What the tasks of each name take, in cores:
    /// `rate(raddle_task_poll_seconds_sum[5m]) * on(instance, job) group_left raddle_polls_per_sample`.
    ///
    /// # Examples
    /// ```
    /// raddle::run(async {
    ///     let text = raddle::Handle::current().metrics().to_prometheus();
    ///     assert!(text.contains("# TYPE raddle_tasks_alive gauge\nraddle_tasks_alive 1\n"));
    /// });
    /// ```
    pub fn to_prometheus(&self) -> String {
        Text(self).to_string()
    }
}

struct Text<'a>(&'a Metrics);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, f)
    }
}

fn write(metrics: &Metrics, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    gauge(out, "tasks_alive", "Tasks that have not ended.", metrics.tasks_alive)?;
    gauge(out, "tasks_injected", "Tasks queued by other threads that no worker has taken yet.", metrics.injected)?;
    gauge(out, "workers", "Workers, whether they were needed so far or not.", metrics.workers.len())?;
    gauge(out, "workers_parked", "Workers that sleep, or were not needed so far.", metrics.workers_parked)?;
    gauge(out, "polls_per_sample", "One poll in so many is in the histograms; 0: none.", metrics.sample_polls)?;
    by_worker(metrics, out)?;
    let polls = workers(metrics).map(|(label, worker)| (label, &worker.poll_time));
    histograms(out, "poll_seconds", "How long sampled polls took.", "worker", polls)?;
    let latencies = workers(metrics).map(|(label, worker)| (label, &worker.schedule_latency));
    histograms(
        out,
        "schedule_latency_seconds",
        "How long the tasks of sampled polls were queued.",
        "worker",
        latencies,
    )?;
    let names = || metrics.by_name.iter();
    let polls = names().map(|name: &NameMetrics| (Escaped(&name.name), &name.poll_time));
    histograms(out, "task_poll_seconds", "How long sampled polls took, by task name.", "task", polls)?;
    let latencies = names().map(|name| (Escaped(&name.name), &name.schedule_latency));
    let help = "How long the tasks of sampled polls were queued, by task name.";
    histograms(out, "task_schedule_latency_seconds", help, "task", latencies)
}

/// A figure of each worker: its name, kind and help, and where it is found.
type Figure = (&'static str, &'static str, &'static str, fn(&WorkerMetrics) -> u64);

const FIGURES: [Figure; 6] = [
    ("polls_total", "counter", "Polls of tasks.", |worker| worker.polls),
    ("steals_total", "counter", "Times that the worker took tasks from another one.", |worker| worker.steals),
    ("parks_total", "counter", "Times that the worker went to sleep.", |worker| worker.parks),
    ("queue_depth", "gauge", "Tasks that wait in the worker's deque.", |worker| worker.queue_depth as u64),
    ("timers", "gauge", "Timers that are set at the worker's reactor.", |worker| worker.timers as u64),
    ("sockets", "gauge", "Sockets that are registered with the worker's reactor.", |worker| worker.sockets as u64),
];

/// The workers by number, and the spare ones if there were any.
fn workers(metrics: &Metrics) -> impl Iterator<Item = (String, &WorkerMetrics)> {
    let spare = (metrics.spares > 0).then(|| ("spare".to_owned(), &metrics.spare_work));
    metrics.workers.iter().enumerate().map(|(number, worker)| (number.to_string(), worker)).chain(spare)
}

fn by_worker(metrics: &Metrics, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (name, kind, help, value) in FIGURES {
        let name = format!("worker_{name}");
        head(out, &name, kind, help)?;
        for (label, worker) in workers(metrics) {
            writeln!(out, "raddle_{name}{{worker=\"{label}\"}} {}", value(worker))?;
        }
    }
    Ok(())
}

fn head(out: &mut fmt::Formatter<'_>, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP raddle_{name} {help}\n# TYPE raddle_{name} {kind}")
}

fn gauge(out: &mut fmt::Formatter<'_>, name: &str, help: &str, value: impl Display) -> fmt::Result {
    head(out, name, "gauge", help)?;
    writeln!(out, "raddle_{name} {value}")
}

fn histograms<'h>(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    help: &str,
    key: &str,
    series: impl Iterator<Item = (impl Display, &'h Histogram)>,
) -> fmt::Result {
    head(out, name, "histogram", help)?;
    for (value, histogram) in series {
        let label = format!("{key}=\"{value}\"");
        for power in BOUNDS {
            let (bound_ns, seconds) = (1 << power, (1_u64 << power) as f64 / 1e9);
            let count = histogram.count_within(bound_ns);
            writeln!(out, "raddle_{name}_bucket{{{label},le=\"{seconds}\"}} {count}")?;
        }
        let (count, sum) = (histogram.count(), histogram.sum().as_secs_f64());
        writeln!(out, "raddle_{name}_bucket{{{label},le=\"+Inf\"}} {count}")?;
        writeln!(out, "raddle_{name}_sum{{{label}}} {sum}")?;
        writeln!(out, "raddle_{name}_count{{{label}}} {count}")?;
    }
    Ok(())
}

/// A label's value as the format wants it.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str(r"\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str(r"\n"),
            other => f.write_char(other),
        })
    }
}
