//! Contexts as values.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::harness::ambient;
use crate::shim::Mutex;
use crate::task::held_context::{HeldContext, SharedContext};
use crate::task::variables::Variables;

/// The values of all context variables, as something to keep, to pass on and to run in: asyncio's `Context`.
///
/// A clone is the same context; [`copy`](TaskContext::copy) makes another. Who is given one, by
/// [`TaskBuilder::context`](crate::TaskBuilder::context) or [`run`](TaskContext::run), uses it as it is: what is set
/// there is seen by all who have it. Several tasks may have it at once, on several workers; what a
/// [`scope`](crate::ContextVar::scope) sets is seen by its own task alone even then.
///
/// # Examples
/// ```
/// use raddle::{TaskBuilder, context_var, copy_context};
/// context_var! { static USER: &'static str = "nobody" }
///
/// raddle::run(async {
///     let context = copy_context();
///     context.run(|| USER.set("ada"));
///     let task = TaskBuilder::new().context(context.clone()).create(async {
///         assert_eq!(USER.get(), "ada");
///         USER.set("eve");
///     });
///     task.await.unwrap();
///     assert_eq!(context.run(|| USER.get()), "eve");
///     assert_eq!(USER.get(), "nobody");
/// });
/// ```
#[derive(Clone, Default)]
pub struct TaskContext(pub(super) Arc<SharedContext>);

impl TaskContext {
    /// A context in which nothing is set.
    pub fn new() -> TaskContext {
        TaskContext::default()
    }

    /// Another context with the values that this one has now.
    pub fn copy(&self) -> TaskContext {
        let variables = self.0.0.lock().clone();
        TaskContext::of(variables)
    }

    /// Calls `f` in this context; what it sets stays here. The present context is back afterwards, also when `f`
    /// panics.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        ambient::run_in(HeldContext::shared(self.0.clone()), f)
    }

    fn of(variables: Variables) -> TaskContext {
        TaskContext(Arc::new(SharedContext(Mutex::new(variables))))
    }
}

/// The present context, copied: the running task's, or this thread's. asyncio's `copy_context`.
///
/// All values are in it, those of `#[no_inherit]` variables, too: who carries a context by hand means it. Cheap: the
/// values themselves are shared.
pub fn copy_context() -> TaskContext {
    TaskContext::of(ambient::copy())
}

// What is shared lies under a lock, and no foreign code runs there.
impl UnwindSafe for TaskContext {}
impl RefUnwindSafe for TaskContext {}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.0.0.lock().clone();
        write!(f, "<TaskContext {variables:?}>")
    }
}
