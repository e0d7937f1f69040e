//! What a subscriber of `tracing` is told, with the feature `tracing`.

mod common;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::{Reports, eventually, runner, watch};
use raddle::{TaskBuilder, create_task, sleep, yield_now};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What a subscriber was told.
#[derive(Clone, Debug, Default)]
struct Told {
    name: String,
    fields: HashMap<&'static str, String>,
    /// Of a span: the one that it was born in. Of an event: the one that it happened in.
    parent: Option<u64>,
    entered: usize,
    is_entered: bool,
    is_closed: bool,
}

impl Told {
    fn is_of(&self, task: &str) -> bool {
        self.fields.get("task").is_some_and(|is| is == task)
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

#[derive(Default)]
struct State {
    spans: HashMap<u64, Told>,
    events: Vec<Told>,
    within: HashMap<ThreadId, Vec<u64>>,
    references: HashMap<u64, usize>,
}

impl State {
    fn current(&self) -> Option<u64> {
        self.within.get(&thread::current().id())?.last().copied()
    }
}

/// Keeps everything, and insists on order.
#[derive(Clone)]
struct Listener {
    state: Arc<Mutex<State>>,
    next: Arc<AtomicU64>,
    most: Level,
}

impl Listener {
    fn up_to(most: Level) -> Listener {
        Listener { state: Arc::default(), next: Arc::new(AtomicU64::new(1)), most }
    }

    /// Runs that with this listener, on this thread.
    fn hear<T>(&self, f: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.clone(), f)
    }

    /// The span whose field `name` is that.
    fn span(&self, name: &str) -> (u64, Told) {
        let state = self.state.lock().unwrap();
        let is_it = |told: &Told| told.fields.get("name").is_some_and(|is| is == name);
        let mut found = state.spans.iter().filter(|(_, told)| is_it(told));
        let (id, told) = found.next().unwrap_or_else(|| panic!("no span of {name}: {:?}", state.spans));
        assert!(found.next().is_none(), "two spans of {name}");
        (*id, told.clone())
    }

    fn events(&self) -> Vec<Told> {
        self.state.lock().unwrap().events.clone()
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.most
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = Told { name: span.metadata().name().to_owned(), ..Told::default() };
        span.record(&mut told);
        let mut state = self.state.lock().unwrap();
        told.parent = if span.is_contextual() { state.current() } else { span.parent().map(Id::into_u64) };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        state.spans.insert(id, told);
        state.references.insert(id, 1);
        Id::from_u64(id)
    }
    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(self.state.lock().unwrap().spans.get_mut(&span.into_u64()).unwrap());
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut told = Told { name: event.metadata().level().to_string(), ..Told::default() };
        event.record(&mut told);
        let mut state = self.state.lock().unwrap();
        told.parent = state.current();
        state.events.push(told);
    }
    fn enter(&self, span: &Id) {
        let mut state = self.state.lock().unwrap();
        state.within.entry(thread::current().id()).or_default().push(span.into_u64());
        let told = state.spans.get_mut(&span.into_u64()).unwrap();
        assert!(!told.is_closed && !told.is_entered, "{told:?}");
        (told.is_entered, told.entered) = (true, told.entered + 1);
    }
    fn exit(&self, span: &Id) {
        let mut state = self.state.lock().unwrap();
        let left = state.within.get_mut(&thread::current().id()).unwrap().pop();
        assert_eq!(left, Some(span.into_u64()), "left in order");
        state.spans.get_mut(&span.into_u64()).unwrap().is_entered = false;
    }
    fn clone_span(&self, span: &Id) -> Id {
        *self.state.lock().unwrap().references.get_mut(&span.into_u64()).unwrap() += 1;
        span.clone()
    }
    fn try_close(&self, span: Id) -> bool {
        let mut state = self.state.lock().unwrap();
        let references = state.references.get_mut(&span.into_u64()).unwrap();
        *references -= 1;
        let is_last = *references == 0;
        state.spans.get_mut(&span.into_u64()).unwrap().is_closed |= is_last;
        is_last
    }
}

#[test]
fn a_task_has_a_span_that_is_entered_for_each_poll_and_closed_at_its_end() {
    let _watch = watch();
    let listener = Listener::up_to(Level::DEBUG);
    let line = line!() + 3;
    let (id, text) = listener.hear(|| {
        runner(1).run(async {
            let task = TaskBuilder::new().name("fetch 1").create(async {
                yield_now().await;
                yield_now().await;
                tracing::info!("fetched");
            });
            let found = (task.id(), format!("{task:?}"));
            assert!(!listener.span("fetch 1").1.is_closed);
            task.await.unwrap();
            assert!(listener.span("fetch 1").1.is_closed, "closed with the task");
            found
        })
    });
    let (number, span) = listener.span("fetch 1");
    // Once for each poll, and once while the future is dropped.
    assert_eq!((span.name.as_str(), span.entered), ("task", 4));
    assert_eq!(span.fields["id"], id.to_string());
    assert!(span.fields["at"].starts_with(&format!("{}:{line}:", file!())), "{span:?}");
    assert_eq!(span.parent, Some(listener.span("Task-1").0), "main made it");
    let events = listener.events();
    assert_eq!(events[0].fields["message"], "fetched");
    assert_eq!(events[0].parent, Some(number), "what a task says is said in its span");
    assert!(text.contains("fut=a_task_has_a_span"), "nothing of the span: {text}");
    assert!(listener.span("Task-1").1.is_closed && listener.span("Task-1").1.parent.is_none());
}

#[test]
fn a_task_is_a_child_of_the_span_that_it_is_created_in() {
    let _watch = watch();
    let listener = Listener::up_to(Level::DEBUG);
    listener.hear(|| {
        runner(1).run(async {
            let request = tracing::info_span!("request", name = "GET /");
            let (outer, inner) = request.in_scope(|| {
                let outer = TaskBuilder::new()
                    .name("outer")
                    .create(async { TaskBuilder::new().name("inner").create(async {}).await.unwrap() });
                (outer, create_task(async {}))
            });
            outer.await.unwrap();
            inner.await.unwrap();
        });
    });
    let parent = |name: &str| listener.span(name).1.parent;
    let (request, outer) = (listener.span("GET /").0, listener.span("outer").0);
    assert_eq!((parent("outer"), parent("inner"), parent("Task-3")), (Some(request), Some(outer), Some(request)));
}

#[test]
fn a_cancelled_task_is_dropped_in_its_span_which_ends() {
    struct Says;
    impl Drop for Says {
        fn drop(&mut self) {
            tracing::info!("dropped");
        }
    }
    let _watch = watch();
    let listener = Listener::up_to(Level::DEBUG);
    listener.hear(|| {
        runner(1).run(async {
            for name in ["never polled", "waiting"] {
                let says = Says;
                let task = TaskBuilder::new().name(name).create(async move {
                    let _says = says;
                    sleep(Duration::from_secs(3600)).await;
                });
                if name == "waiting" {
                    yield_now().await;
                }
                task.cancel();
                assert!(task.await.is_err());
            }
        });
    });
    let spans = ["never polled", "waiting"].map(|name| listener.span(name));
    let dropped_in: Vec<_> = listener.events().iter().map(|event| event.parent.unwrap()).collect();
    assert_eq!(dropped_in, spans.each_ref().map(|(number, _)| *number));
    assert!(spans.iter().all(|(_, span)| span.is_closed));
}

#[test]
fn who_does_not_ask_for_spans_gets_none() {
    let _watch = watch();
    let listener = Listener::up_to(Level::INFO);
    listener.hear(|| runner(1).run(async { create_task(async { tracing::info!("here") }).await.unwrap() }));
    assert!(listener.state.lock().unwrap().spans.is_empty());
    assert_eq!(listener.events()[0].parent, None);
}

/// The only test with a listener on all threads.
#[test]
fn what_is_reported_is_an_event() {
    let _watch = watch();
    let listener = Listener::up_to(Level::DEBUG);
    tracing::subscriber::set_global_default(listener.clone()).unwrap();
    let reports = Reports::default();
    let limit = Duration::from_millis(2);
    reports.of(runner(2).slow_poll(limit)).run(async {
        let panics = TaskBuilder::new().name("panics").create(async { panic!("oh dear") });
        panics.detach();
        let told = || listener.events();
        let slow = TaskBuilder::new().name("slow").create(async move { thread::sleep(50 * limit) });
        slow.await.unwrap();
        let spawned: Vec<_> = (0..100).map(|_| create_task(yield_now())).collect();
        for task in spawned {
            task.await.unwrap();
        }
        let heard = |task: &str, field: &str| told().iter().any(|e| e.is_of(task) && e.fields.contains_key(field));
        eventually("both reports", || heard("panics", "panic") && heard("slow", "message"));
    });
    eventually("the handler is told of the panic as well", || reports.len() == 1);
    // A machine that is slow may report more polls as slow.
    let events = listener.events();
    let panic = events.iter().find(|event| event.is_of("panics") && event.fields.contains_key("panic")).unwrap();
    assert_eq!((panic.name.as_str(), panic.fields["panic"].as_str()), ("ERROR", "oh dear"));
    assert_eq!(panic.fields["message"], "a task panicked, and nobody awaits it");
    let slow = events.iter().find(|event| event.is_of("slow")).unwrap();
    assert!(slow.name == "WARN" && slow.fields["message"].contains("lasts"), "{slow:?}");
    let state = listener.state.lock().unwrap();
    let open: Vec<_> = state.spans.values().filter(|span| !span.is_closed).collect();
    assert!(open.is_empty() && state.spans.len() >= 103, "{open:?}");
}
