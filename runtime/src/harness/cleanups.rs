//! Cleanups being awaited: one after the other, within a grace period.
//!
//! Whoever collected them owns this list: a frame, a task's drain, or a task of their own. If the list is dropped
//! unfinished, the rest goes to the next party outside. What exceeds the grace is cut: dropped for good, with a
//! report that names the line it came from and the task. Three things bound it: a grace that the frame was given, the
//! grace of the runtime ([`Runner::grace`](crate::Runner::grace)) if one was asked for, and the end of the runtime.

use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use raddle_io::{Instant, Sleep, sleep_until};

use super::adopt::{hand_over, when_done};
use super::collector::{Cleanup, Item, collect};
use super::join::Counted;
use crate::scheduler::context;
use crate::scheduler::report::{ExceptionContext, catch, forget_payload, report};
use crate::scheduler::worker::Worker;
use crate::task::status::TaskInfo;

/// A list of cleanups; as a future, ready when all have ended or were cut.
///
/// The field is dropped by hand, which is cheaper where it is empty: the compiler's own way is a call, 4 of the 6 ns of
/// a timeout that is ready at once.
#[derive(Default)]
pub(crate) struct Cleanups(ManuallyDrop<Option<Box<Run>>>);

struct Run {
    items: VecDeque<Item>,
    /// The end of a task at the front: whom its completer will wake.
    watching: Option<Waker>,
    /// What the frame allows.
    grace: Option<Duration>,
    began: Option<Instant>,
    timer: Option<Sleep>,
}

impl Cleanups {
    pub(crate) fn of(items: Vec<Item>) -> Cleanups {
        let mut cleanups = Cleanups::default();
        cleanups.extend(items);
        cleanups
    }

    #[cold]
    fn hand_over_rest(&mut self) {
        self.take_items().into_iter().for_each(hand_over);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn extend(&mut self, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        let run = self.0.get_or_insert_with(|| {
            let items = VecDeque::new();
            Box::new(Run { items, watching: None, grace: None, began: None, timer: None })
        });
        run.items.extend(items);
    }

    /// Bounds the cleanups that are in the list now.
    pub(crate) fn set_grace(&mut self, grace: Duration) {
        if let Some(run) = &mut *self.0 {
            run.grace = Some(grace);
        }
    }

    pub(crate) fn take_items(&mut self) -> Vec<Item> {
        self.0.take().map(|run| run.items.into()).unwrap_or_default()
    }
}

impl Future for Cleanups {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(run) = &mut *self.0 else { return Poll::Ready(()) };
        let worker = context::current();
        let marked = worker.map(Worker::mark_cleanup);
        let polled = run.poll(cx, worker);
        drop(marked);
        if polled.is_ready() {
            *self.0 = None;
        }
        polled
    }
}

impl Drop for Cleanups {
    // In line: every timeout has an empty list to drop.
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            self.hand_over_rest();
        }
    }
}

impl Run {
    fn poll(&mut self, cx: &mut Context<'_>, worker: Option<&Worker>) -> Poll<()> {
        loop {
            let Some(front) = self.items.front_mut() else { return Poll::Ready(()) };
            let ended = match front {
                Item::Cleanup(cleanup) => poll_cleanup(cleanup, cx),
                Item::End(task) => poll_end(task, &mut self.watching, cx),
            };
            if ended {
                self.watching = None;
                drop_item(self.items.pop_front());
                continue;
            }
            if self.is_time_up(cx, worker) {
                self.cut();
                continue;
            }
            return Poll::Pending;
        }
    }

    /// Whether the grace has run out; if not, somebody will wake us when it has.
    fn is_time_up(&mut self, cx: &mut Context<'_>, worker: Option<&Worker>) -> bool {
        let Some(worker) = worker else { return false };
        let shared = &worker.shared;
        if shared.ending.is_grace_over() {
            return true;
        }
        // The end of another task is bounded where that task awaits its cleanup.
        let waits_for_task = matches!(self.items.front(), Some(Item::End(_)));
        let asked = self.grace.or(if waits_for_task { None } else { shared.config.grace });
        let closing = shared.ending.deadline();
        if asked.is_none() && closing.is_none() {
            return false;
        }
        let began = *self.began.get_or_insert_with(Instant::now);
        let by_grace = asked.map(|grace| began + grace);
        let Some(deadline) = by_grace.into_iter().chain(closing).min() else { return false };
        match &mut self.timer {
            Some(timer) if timer.deadline() == Some(deadline) => {}
            timer => *timer = Some(sleep_until(deadline)),
        }
        let timer = self.timer.as_mut().expect("set above");
        raddle_io::budget::with_unlimited(|| Pin::new(timer).poll(cx)).is_ready()
    }

    /// Drops what is left for good.
    fn cut(&mut self) {
        self.timer = None;
        let mut left: VecDeque<Item> = std::mem::take(&mut self.items);
        while let Some(item) = left.pop_front() {
            if let Item::Cleanup(cleanup) = &item {
                report_cut(cleanup, self.grace);
            }
            left.extend(collect(|| drop_item(Some(item))));
        }
    }
}

/// True: it has ended. A cleanup that panics has, too.
fn poll_cleanup(cleanup: &mut Cleanup, cx: &mut Context<'_>) -> bool {
    match catch(|| cleanup.future.as_mut().poll(cx)) {
        Ok(polled) => polled.is_ready(),
        Err(panic) => {
            tell(cleanup, ExceptionContext::new("async cleanup panicked").with_panic(panic.message()));
            forget_payload(panic.into_payload());
            true
        }
    }
}

fn poll_end(task: &Counted, watching: &mut Option<Waker>, cx: &mut Context<'_>) -> bool {
    let task = task.task();
    let watched = watching.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
    if !watched && !task.state().is_complete() {
        *watching = Some(cx.waker().clone());
        let waker = cx.waker().clone();
        when_done(task, Box::new(move |_| waker.wake()));
    }
    task.state().is_complete()
}

fn drop_item(item: Option<Item>) {
    if let Err(panic) = catch(|| drop(item)) {
        let text = ExceptionContext::new("async cleanup panicked while it was dropped").with_panic(panic.message());
        tell_anyone(text);
        forget_payload(panic.into_payload());
    }
}

fn report_cut(cleanup: &Cleanup, grace: Option<Duration>) {
    let shared = context::current().map(|worker| &worker.shared);
    let why = match grace.or(shared.and_then(|shared| shared.config.grace)) {
        _ if shared.is_some_and(|shared| shared.ending.is_cut_short()) => "was cut short by a signal".to_owned(),
        Some(grace) => format!("exceeded the grace period of {grace:?}"),
        None => "exceeded the grace period at the end of the runtime".to_owned(),
    };
    tell(cleanup, ExceptionContext::new(format!("async cleanup {why} and was dropped unfinished")));
}

fn tell(cleanup: &Cleanup, context: ExceptionContext) {
    tell_anyone(context.at(cleanup.at));
}

fn tell_anyone(mut text: ExceptionContext) {
    let worker = context::current();
    if let Some(task) = worker.and_then(Worker::current_task) {
        text = text.in_task(TaskInfo::of(task, Some(task)));
    }
    report(worker.and_then(|worker| worker.shared.config.on_exception.as_ref()), &text);
}
