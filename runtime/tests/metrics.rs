//! What `Handle::metrics` tells of timed polls.

mod common;
mod metrics_support;

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::{eventually, runner, watch};
use metrics_support::parse;
use raddle::{
    Clock, Event, Handle, Instant, Metrics, NameMetrics, Runner, TaskBuilder, create_local_task, create_task, gather,
    sleep, task_group, to_thread, yield_now,
};

fn named<'m>(metrics: &'m Metrics, name: &str) -> &'m NameMetrics {
    metrics.by_name.iter().find(|named| &*named.name == name).unwrap_or_else(|| panic!("no {name} in {metrics}"))
}

/// Tasks that are created, woken and queued in every way.
async fn all_ways() {
    let gone = Arc::new(Event::new());
    let local = {
        let gone = gone.clone();
        create_local_task(async move { gone.wait().await })
    };
    let yielding = (0..50).map(|_| {
        create_task(async {
            for _ in 0..50 {
                yield_now().await;
            }
        })
    });
    let yielding: Vec<_> = yielding.collect();
    gather(yielding).await.into_iter().for_each(|ended| ended.unwrap());
    let (handle, woken) = (Handle::current(), gone.clone());
    let outside = move || {
        let tasks: Vec<_> = (0..100).map(|_| handle.create_task(yield_now())).collect();
        tasks.into_iter().for_each(|task| task.join_blocking().unwrap());
        woken.set();
    };
    to_thread(outside).await.unwrap();
    local.await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let group = task_group(async |group: raddle::TaskGroup| {
        (0..100).for_each(|_| group.create_task(yield_now()).detach());
        Ok(())
    });
    group.await.unwrap();
    // Cancelled before they ran, and while they wait.
    let tasks: Vec<_> = (0..100).map(|_| create_task(sleep(Duration::from_secs(1)))).collect();
    yield_now().await;
    tasks.iter().for_each(|task| _ = task.cancel());
}

#[test]
fn where_all_polls_are_timed_none_is_missing() {
    let _watch = watch();
    for workers in [1, 2, 4] {
        let mut runner = runner(workers).sample_polls(1);
        runner.run(all_ways());
        runner.run(all_ways());
        let handle = runner.handle();
        // The others may be in their last poll, still.
        eventually("as many samples as polls", || handle.metrics().polls() == handle.metrics().poll_time().count());
        drop(runner);
        let metrics = handle.metrics();
        assert!(metrics.polls() > 5000, "{metrics}");
        assert_eq!(metrics.poll_time().count(), metrics.polls(), "{metrics}");
        assert_eq!(metrics.schedule_latency().count(), metrics.polls(), "{metrics}");
        assert_eq!(metrics.by_name.iter().map(|name| name.poll_time.count()).sum::<u64>(), metrics.polls());
        assert_eq!(metrics.by_name.iter().map(|name| name.estimated_polls).sum::<u64>(), metrics.polls());
        assert_eq!(metrics.estimated_busy(), metrics.poll_time().sum());
        assert_eq!(metrics.tasks_alive, 0);
    }
}

/// Both workers block until what they created has run, which nobody else can do.
#[test]
fn what_spare_workers_do_is_counted() {
    let _watch = watch();
    let mut runner = runner(2).sample_polls(1);
    runner.run(async {
        let met = Arc::new(Barrier::new(2));
        let blocking = (0..2).map(|_| {
            let met = met.clone();
            create_task(async move {
                met.wait();
                let (said, heard) = mpsc::channel();
                let child = async move {
                    yield_now().await;
                    said.send(()).unwrap();
                };
                TaskBuilder::new().name("child").create(child).detach();
                heard.recv().unwrap();
            })
        });
        gather(blocking.collect::<Vec<_>>()).await;
    });
    let handle = runner.handle();
    drop(runner);
    let metrics = handle.metrics();
    assert_eq!(named(&metrics, "child").poll_time.count(), 4);
    assert!(metrics.spares > 0 && metrics.spare_work.polls > 0, "{metrics}");
    assert_eq!(metrics.by_name.iter().map(|name| name.poll_time.count()).sum::<u64>(), metrics.polls(), "{metrics}");
    assert_eq!((metrics.poll_time().count(), metrics.schedule_latency().count()), (metrics.polls(), metrics.polls()));
    let exposition = parse(&metrics.to_prometheus());
    let polls = exposition["raddle_worker_polls_total"].samples.iter();
    assert_eq!(polls.map(|sample| sample.value).sum::<f64>(), metrics.polls() as f64);
}

#[test]
fn where_none_is_to_be_timed_none_is() {
    let _watch = watch();
    let mut runner = runner(2).sample_polls(0);
    runner.run(all_ways());
    let metrics = runner.handle().metrics();
    assert!(metrics.poll_time().is_empty() && metrics.schedule_latency().is_empty() && metrics.by_name.is_empty());
    assert!(metrics.to_string().contains("no poll is timed"), "{metrics}");
    parse(&metrics.to_prometheus());
}

#[test]
fn one_poll_in_so_many_is_timed() {
    let _watch = watch();
    for (workers, every) in [(1, 10), (1, 100), (2, 100)] {
        let mut runner = runner(workers).sample_polls(every);
        runner.run(async {
            let tasks = (0..10).map(|_| {
                create_task(async {
                    for _ in 0..10_000 {
                        yield_now().await;
                    }
                })
            });
            gather(tasks.collect::<Vec<_>>()).await;
        });
        let metrics = runner.handle().metrics();
        let ratio = metrics.poll_time().count() as f64 * f64::from(every) / metrics.polls() as f64;
        assert!((0.9..1.1).contains(&ratio), "{ratio} with {workers} workers and one in {every}");
    }
}

/// A runtime that is told how long its polls take.
fn on_a_clock() -> (Runner, impl Fn(u64) + Clone + Send + 'static) {
    let clock = Clock::auto();
    let runner = Runner::new().workers(1).clock(clock.clone()).sample_polls(1);
    (runner, move |micros| clock.move_to(clock.now() + Duration::from_micros(micros)))
}

#[test]
fn histograms_say_what_was() {
    let _watch = watch();
    let (mut runner, pass) = on_a_clock();
    let metrics = runner.run(async move {
        let hog = TaskBuilder::new().name("hog").create(async move {
            for micros in [5000, 300, 7] {
                pass(micros);
                yield_now().await;
            }
        });
        let mouse = TaskBuilder::new().name("mouse").create(async {
            yield_now().await;
            yield_now().await;
        });
        hog.await.unwrap();
        mouse.await.unwrap();
        Handle::current().metrics()
    });
    let (hog, mouse) = (named(&metrics, "hog"), named(&metrics, "mouse"));
    let micros = Duration::from_micros;
    assert_eq!((hog.poll_time.count(), hog.poll_time.sum(), hog.poll_time.max()), (4, micros(5307), micros(5000)));
    assert_eq!((hog.schedule_latency.count(), hog.schedule_latency.sum()), (4, Duration::ZERO));
    assert_eq!((mouse.poll_time.count(), mouse.poll_time.sum()), (3, Duration::ZERO));
    assert_eq!((mouse.schedule_latency.sum(), mouse.schedule_latency.max()), (micros(5307), micros(5000)));
    for exact in [5000, 300, 7].map(micros) {
        for histogram in [&hog.poll_time, &mouse.schedule_latency, &metrics.poll_time(), &metrics.schedule_latency()] {
            let holds = |bucket: &raddle::Bucket| bucket.above < exact && bucket.up_to.is_some_and(|end| exact <= end);
            assert_eq!(histogram.buckets().filter(holds).map(|bucket| bucket.count).sum::<u64>(), 1, "{exact:?}");
        }
    }
    assert_eq!(metrics.by_name[0].name, hog.name, "the busiest first");
    assert_eq!((hog.estimated_polls, hog.estimated_busy), (4, micros(5307)));
}

#[test]
fn what_waits_for_a_sleeper_is_not_told_as_latency() {
    let _watch = watch();
    let (mut runner, _) = on_a_clock();
    let metrics = runner.run(async {
        let began = Instant::now();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(3600));
        Handle::current().metrics()
    });
    assert_eq!(metrics.schedule_latency().max(), Duration::ZERO);
    assert_eq!(metrics.poll_time().max(), Duration::ZERO);
}

#[test]
fn a_poll_that_blocks_is_found_with_what_waited_for_it() {
    let _watch = watch();
    const LONG: Duration = Duration::from_millis(20);
    for workers in [1, 2] {
        let mut runner = runner(workers).sample_polls(1);
        runner.run(async {
            let blocks = TaskBuilder::new().name("blocks").create_local(async { thread::sleep(LONG) });
            let waits = TaskBuilder::new().name("waits").create_local(async {});
            blocks.await.unwrap();
            waits.await.unwrap();
        });
        let metrics = runner.handle().metrics();
        assert!(named(&metrics, "blocks").poll_time.quantile(0.5).unwrap() >= LONG, "{metrics}");
        assert!(named(&metrics, "waits").schedule_latency.quantile(0.5).unwrap() >= LONG, "{metrics}");
        assert!(metrics.poll_time().max() >= LONG && metrics.schedule_latency().max() >= LONG);
    }
}

#[test]
fn a_task_without_a_name_goes_by_its_line() {
    let _watch = watch();
    let (mut runner, _) = on_a_clock();
    let (metrics, lines) = runner.run(async {
        let mut lines = Vec::new();
        for _ in 0..3 {
            lines.push(line!() + 1);
            create_task(async {}).await.unwrap();
        }
        (Handle::current().metrics(), lines)
    });
    let line = format!("{}:{}", file!(), lines[0]);
    assert_eq!(named(&metrics, &line).poll_time.count(), 3);
}

#[test]
fn a_name_for_each_connection_takes_bounded_memory() {
    let _watch = watch();
    let mut runner = runner(2).sample_polls(1);
    runner.run(async {
        for connection in 0..1000 {
            TaskBuilder::new().name(&format!("connection {connection}")).create(yield_now()).await.unwrap();
        }
    });
    let metrics = runner.handle().metrics();
    assert_eq!(metrics.by_name.len(), 128 + 1, "the first names, and one for the others");
    assert!(named(&metrics, "(others)").poll_time.count() >= 1700, "{metrics}");
    assert_eq!(named(&metrics, "connection 0").poll_time.count(), 2);
}

#[test]
fn prometheus_reads_every_number() {
    let _watch = watch();
    let names = ["plain", "a \"quoted\" one", "back\\slash\\", "two\nlines", "ünï{cödé=\"1\",}", "", "# HELP"];
    let (mut runner, pass) = on_a_clock();
    let metrics = runner.run(async move {
        for name in names {
            let pass = pass.clone();
            TaskBuilder::new().name(name).create(async move { pass(1000) }).await.unwrap();
        }
        Handle::current().metrics()
    });
    let exposition = parse(&metrics.to_prometheus());
    let value = |name: &str| match exposition[name].samples.as_slice() {
        [sample] => sample.value,
        samples => panic!("{samples:?}"),
    };
    assert_eq!(value("raddle_tasks_alive"), 1.0);
    assert_eq!(value("raddle_polls_per_sample"), 1.0);
    assert_eq!(value("raddle_worker_polls_total"), metrics.polls() as f64);
    for (name, histogram) in
        [("raddle_poll_seconds", metrics.poll_time()), ("raddle_schedule_latency_seconds", metrics.schedule_latency())]
    {
        let samples = &exposition[name].samples;
        assert!(samples.iter().all(|sample| sample.label("worker") == Some("0")));
        let of = |end: &str| samples.iter().find(|sample| sample.name.ends_with(end)).unwrap().value;
        assert_eq!(of("_count"), histogram.count() as f64);
        assert_eq!(of("_sum"), histogram.sum().as_secs_f64());
    }
    let tasks = &exposition["raddle_task_poll_seconds"].samples;
    for name in names {
        // A millisecond lies between 2^18 and 2^20 ns.
        let of_task = || tasks.iter().filter(|sample| sample.label("task") == Some(name));
        let counts: Vec<_> = of_task().filter(|sample| sample.name.ends_with("_bucket")).map(|s| s.value).collect();
        assert_eq!(counts, [0., 0., 0., 0., 0., 0., 1., 1., 1., 1., 1., 1., 1., 1., 1.], "{name:?}");
        assert_eq!(of_task().find(|sample| sample.name.ends_with("_sum")).unwrap().value, 0.001);
    }
    let bounds = tasks.iter().filter_map(|sample| sample.label("le")).take(3);
    assert_eq!(bounds.collect::<Vec<_>>(), ["0.000000256", "0.000001024", "0.000004096"]);
}
