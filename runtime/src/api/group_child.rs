//! A task of a group: its future, and what its end means for the group.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::finally::poll_caught;
use super::group::TaskGroup;
use super::group_error::Failure;
use crate::harness::adopt::hand_over;
use crate::harness::collector::{Cleanup, Item, collect};
use crate::scheduler::context;
use crate::task::error::Panic;
use crate::task::status::TaskInfo;

/// What a task of a group may give: `()`, or a `Result` whose error goes to the group.
pub trait GroupOutput<E> {
    /// What the task's handle gives.
    type Value;
    /// The value, or the group's error.
    ///
    /// # Errors
    /// What goes to the group.
    fn into_result(self) -> Result<Self::Value, E>;
}

impl<E> GroupOutput<E> for () {
    type Value = ();
    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<T, E> GroupOutput<E> for Result<T, E> {
    type Value = T;
    fn into_result(self) -> Result<T, E> {
        self
    }
}

pin_project! {
    /// The future of a group's task. It is polled by the task's harness alone, to which it says that it failed.
    pub(super) struct GroupChild<F, E>
    where
        E: Send,
        E: 'static,
    {
        // There until this is dropped.
        #[pin]
        future: Option<F>,
        group: TaskGroup<E>,
        // False: the group took no more when this was made.
        accepted: bool,
    }

    impl<F, E> PinnedDrop for GroupChild<F, E>
    where
        E: Send,
        E: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let handed_over = collect(|| this.future.set(None));
            handed_over.into_iter().for_each(|item| hand_over(watched(item, this.group)));
        }
    }
}

impl<F, E: Send + 'static> GroupChild<F, E> {
    pub(super) fn new(future: F, group: TaskGroup<E>, accepted: bool) -> GroupChild<F, E> {
        GroupChild { future: Some(future), group, accepted }
    }
}

impl<F, E> Future for GroupChild<F, E>
where
    F: Future,
    F::Output: GroupOutput<E>,
    E: Send + 'static,
{
    type Output = <F::Output as GroupOutput<E>>::Value;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !*this.accepted {
            // Whoever created it cancels it; until that is seen, it does nothing.
            return Poll::Pending;
        }
        let future = this.future.as_pin_mut().expect("only the drop takes it out");
        let failure = match poll_caught(future, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(output)) => match output.into_result() {
                Ok(value) => return Poll::Ready(value),
                Err(error) => Failure::Error { error, task: own_task() },
            },
            Poll::Ready(Err(crash)) => {
                crash.left.into_iter().for_each(|item| hand_over(watched(item, this.group)));
                Failure::Panicked { panic: Panic::new(crash.payload), task: own_task() }
            }
        };
        this.group.fail(failure);
        if let Some(worker) = context::current() {
            worker.set_failed();
        }
        Poll::Pending
    }
}

/// Async cleanup of a group's body or task: if it panics, the group has failed, as it has when they do.
pub(super) fn watched<E: Send + 'static>(item: Item, group: &TaskGroup<E>) -> Item {
    match item {
        Item::Cleanup(Cleanup { future, at }) => {
            let group = group.clone();
            Item::Cleanup(Cleanup { future: Box::pin(MemberCleanup { future, group }), at })
        }
        Item::End(_) => item,
    }
}

struct MemberCleanup<E> {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    group: TaskGroup<E>,
}

impl<E: Send + 'static> Future for MemberCleanup<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_caught(Pin::new(&mut self.future), cx).map(|ended| {
            if let Err(crash) = ended {
                crash.left.into_iter().for_each(|item| hand_over(watched(item, &self.group)));
                self.group.fail(Failure::Panicked { panic: Panic::new(crash.payload), task: own_task() });
            }
        })
    }
}

fn own_task() -> TaskInfo {
    let task = context::current().and_then(|worker| worker.current_task());
    task.map_or_else(TaskInfo::of_no_task, |task| TaskInfo::of(task, Some(task)))
}
