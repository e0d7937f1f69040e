//! A future in place, with a value of its own for one context variable.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::harness::ambient::Scope;
use crate::task::variables::{Key, Value};

pin_project! {
    /// A future that sees a value of its own. Made by [`ContextVar::scope`](crate::ContextVar::scope).
    #[must_use = "futures do nothing unless awaited"]
    pub struct Scoped<F> {
        key: &'static Key,
        // Here between two polls.
        value: Option<Value>,
        // None once it has ended.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _scope = Scope::enter(this.key, this.value);
                this.future.set(None);
            }
        }
    }
}

impl<F> Scoped<F> {
    pub(super) fn new(key: &'static Key, value: Value, future: F) -> Scoped<F> {
        Scoped { key, value: Some(value), future: Some(future) }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a scope of {} was polled again after it had ended", this.key.name)
        };
        let scope = Scope::enter(this.key, this.value);
        let polled = future.poll(cx);
        if polled.is_ready() {
            // What it still holds is dropped where it ran.
            this.future.set(None);
        }
        drop(scope);
        polled
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Scoped {}>", self.key.name)
    }
}
