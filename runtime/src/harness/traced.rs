//! A task's span, for those who listen with `tracing`.
//!
//! The span is made where the task is created, if a subscriber wants it: it is a child of the span that its creator is
//! in. It lies beside the future, so that neither a task without one nor the header has room for it, is entered for each
//! poll and for the drop of the future, and is closed with it. A task that no subscriber wanted to know of has an empty
//! pointer beside its future and looks at it in each poll; without the feature it has neither.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::Span;

use crate::task::id::TaskId;

pin_project! {
    /// A future and its task's span.
    pub(crate) struct Traced<F> {
        #[pin]
        future: ManuallyDrop<F>,
        // Boxed: a span is large, and most tasks have none.
        span: Option<Box<Span>>,
    }

    impl<F> PinnedDrop for Traced<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let _entered = this.span.as_ref().map(|span| span.enter());
            // SAFETY: it is dropped here alone, and where it lies.
            unsafe { ManuallyDrop::drop(this.future.get_unchecked_mut()) };
        }
    }
}

/// A task's name, or the one made from its number.
struct Name<'a>(Option<&'a str>, TaskId);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name(Some(name), _) => f.write_str(name),
            Name(None, id) => write!(f, "Task-{id}"),
        }
    }
}

/// Gives a new task its span. Calls the subscriber, so no lock is held.
#[inline]
pub(super) fn trace<F>(future: F, id: TaskId, name: Option<&str>, at: &Location<'_>) -> Traced<F> {
    let span = tracing::debug_span!(target: "raddle::task", "task", name = %Name(name, id), id = id.0, at = %at);
    let span = (!span.is_none()).then(|| Box::new(span));
    Traced { future: ManuallyDrop::new(future), span }
}

impl<F: Future> Future for Traced<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.span.as_ref().map(|span| span.enter());
        // SAFETY: a plain pin projection; the future is dropped with this alone.
        unsafe { this.future.map_unchecked_mut(|future| &mut **future) }.poll(cx)
    }
}
