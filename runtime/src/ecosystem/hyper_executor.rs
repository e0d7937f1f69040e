//! hyper's tasks as raddle's tasks.

use ::hyper::rt::Executor;

use crate::api::handle::Handle;
use crate::api::spawn::create_task;

/// Starts hyper's tasks with [`create_task`], for HTTP/2 and for pools of clients.
///
/// # Examples
/// ```
/// use hyper::rt::Executor;
/// use raddle::HyperExecutor;
///
/// raddle::run(async {
///     let (promise, pending) = raddle::promise();
///     HyperExecutor::new().execute(async move { promise.set(1) });
///     assert_eq!(pending.await.unwrap(), 1);
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct HyperExecutor {
    handle: Option<Handle>,
}

impl HyperExecutor {
    /// Starts tasks on the runtime of the worker that asks for them. Elsewhere that panics, as [`create_task`] does.
    #[must_use]
    pub fn new() -> HyperExecutor {
        HyperExecutor { handle: None }
    }

    /// Starts tasks on the runtime of `handle`, from whichever thread.
    #[must_use]
    pub fn on(handle: Handle) -> HyperExecutor {
        HyperExecutor { handle: Some(handle) }
    }
}

impl<F> Executor<F> for HyperExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        match &self.handle {
            Some(handle) => handle.create_task(future).detach(),
            None => create_task(future).detach(),
        }
    }
}
