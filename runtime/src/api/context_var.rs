//! Context variables: `context_var!`, and what can be done with one.

use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use super::scoped::Scoped;
use crate::harness::ambient::{self, Scope};
use crate::shim::OnceLock;
use crate::task::variables::{Key, Value};

/// Declares context variables: statics whose value depends on the task that looks.
///
/// Each has a value to begin with, which is made once, when first read. The declarations end in semicolons, the last
/// one perhaps not; attributes, documentation and visibility are as with `static`. The attribute `#[no_inherit]` says
/// that a new task does not get its creator's value: for a transaction, or a guard, that must not outlive its owner.
///
/// # Examples
/// ```
/// use raddle::{context_var, create_task};
///
/// context_var! {
///     /// Who asks.
///     pub static USER: Option<String> = None;
///     #[no_inherit]
///     static TRANSACTION: u64 = 0;
/// }
///
/// raddle::run(async {
///     USER.set(Some("ada".into()));
///     TRANSACTION.set(7);
///     let task = create_task(async { (USER.get(), TRANSACTION.get()) });
///     USER.set(None); // the task has got its copy
///     assert_eq!(task.await.unwrap(), (Some("ada".into()), 0));
/// });
/// ```
#[macro_export]
macro_rules! context_var {
    () => {};
    ($(#[$($attribute:tt)*])* $visibility:vis static $name:ident: $type:ty = $first:expr $(; $($more:tt)*)?) => {
        $crate::__context_var! { true [] [$([$($attribute)*])*] $visibility $name [$type] [$first] }
        $crate::context_var! { $($($more)*)? }
    };
}

/// One declaration: sorts `no_inherit` out of the attributes.
#[doc(hidden)]
#[macro_export]
macro_rules! __context_var {
    ($inherited:tt [$($kept:tt)*] [[no_inherit] $($more:tt)*] $($rest:tt)*) => {
        $crate::__context_var! { false [$($kept)*] [$($more)*] $($rest)* }
    };
    ($inherited:tt [$($kept:tt)*] [[$($attribute:tt)*] $($more:tt)*] $($rest:tt)*) => {
        $crate::__context_var! { $inherited [$($kept)* #[$($attribute)*]] [$($more)*] $($rest)* }
    };
    ($inherited:tt [$($kept:tt)*] [] $visibility:vis $name:ident [$type:ty] [$first:expr]) => {
        $($kept)*
        $visibility static $name: $crate::ContextVar<$type> =
            $crate::ContextVar::__new(::core::stringify!($name), $inherited, || $first);
    };
}

/// A variable whose value depends on the task that looks: asyncio's `ContextVar`. Made by
/// [`context_var!`](crate::context_var).
///
/// A task gets its creator's values when it is created; later changes of either do not reach the other. The same goes
/// for callbacks ([`call_soon`](crate::call_soon) and its like, [`Task::on_done`](crate::Task::on_done)) and for
/// [`to_thread`](crate::to_thread). What is awaited in place, without a task of its own, shares its awaiter's values.
/// The mains of one [`Runner`](crate::Runner) share theirs. A plain thread has values of its own, and what it starts
/// through a [`Handle`](crate::Handle) gets a copy.
///
/// A task's values are dropped when it ends. While no variable is set, nothing is paid for any of this.
///
/// # Examples
/// ```
/// raddle::context_var! { static DEPTH: u32 = 0 }
///
/// raddle::run(async {
///     DEPTH.set(DEPTH.get() + 1);
///     let inner = DEPTH.scope(10, async { DEPTH.get() }).await;
///     assert_eq!((inner, DEPTH.get()), (10, 1));
/// });
/// ```
pub struct ContextVar<T: 'static> {
    key: Key,
    first: OnceLock<T>,
    make_first: fn() -> T,
}

impl<T: Send + Sync + 'static> ContextVar<T> {
    #[doc(hidden)]
    pub const fn __new(name: &'static str, inherited: bool, make_first: fn() -> T) -> ContextVar<T> {
        ContextVar { key: Key { name, inherited }, first: OnceLock::new(), make_first }
    }

    /// The variable's name, as declared.
    pub fn name(&self) -> &'static str {
        self.key.name
    }

    /// A copy of the present value.
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Calls `f` with the present value.
    ///
    /// # Examples
    /// ```
    /// raddle::context_var! { static TRACE: Vec<u64> = Vec::new() }
    /// TRACE.set(vec![1, 2]);
    /// assert_eq!(TRACE.with(|trace| trace.len()), 2);
    /// ```
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match ambient::get(&self.key) {
            Some(value) => f(of_type(&*value)),
            None => f(self.first()),
        }
    }

    /// Gives the variable a value in the present context: the running task's, or this thread's.
    ///
    /// It stays until it is set again or the task ends. Inside [`scope`](ContextVar::scope), until that ends.
    pub fn set(&'static self, value: T) {
        ambient::set(&self.key, Arc::new(value));
    }

    /// Runs a future in place, with a value of its own for this variable.
    ///
    /// The value is there during each poll of the future, and while the future is dropped; in between, and
    /// afterwards, the variable has the value that it has outside. What [`set`](ContextVar::set) changes inside stays
    /// for the length of the scope. The future may borrow.
    ///
    /// # Cancel safety
    /// As the future's own; the value is dropped with it.
    ///
    /// # Examples
    /// ```
    /// raddle::context_var! { static USER: &'static str = "nobody" }
    ///
    /// raddle::run(async {
    ///     let greeting = String::from("hello");
    ///     let said = USER.scope("ada", async { format!("{greeting}, {}", USER.get()) }).await;
    ///     assert_eq!(said, "hello, ada");
    ///     assert_eq!(USER.get(), "nobody");
    /// });
    /// ```
    pub fn scope<F: IntoFuture>(&'static self, value: T, future: F) -> Scoped<F::IntoFuture> {
        Scoped::new(&self.key, Arc::new(value), future.into_future())
    }

    /// Calls `f` with a value of its own for this variable, and puts the present one back, also when `f` panics.
    ///
    /// # Examples
    /// ```
    /// raddle::context_var! { static DEPTH: u32 = 0 }
    /// assert_eq!(DEPTH.sync_scope(3, || DEPTH.get()), 3);
    /// assert_eq!(DEPTH.get(), 0);
    /// ```
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value: Option<Value> = Some(Arc::new(value));
        let scope = Scope::enter(&self.key, &mut value);
        let output = f();
        drop(scope);
        output
    }

    /// The value of a variable that was not set, made on first use. Where two threads make it at once, one of the
    /// values stays.
    fn first(&'static self) -> &'static T {
        if let Some(first) = self.first.get() {
            return first;
        }
        let made = (self.make_first)();
        self.first.get_or_init(|| made)
    }
}

fn of_type<T: 'static>(value: &(dyn Any + Send + Sync)) -> &T {
    value.downcast_ref().expect("a variable's values have the variable's type")
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ContextVar {}>", self.key.name)
    }
}
