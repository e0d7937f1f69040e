//! The context that a task, or a thread, has at present.
//!
//! Its own context lies in the holder itself. A context that was given by hand lies elsewhere, and others may use it
//! at the same time, on other workers, too: what a scope sets for the length of a poll is laid over it, where nobody
//! but this holder sees it, while `set` reaches all.
//!
//! Everything here is called under the holder's lock, so no value is dropped here: each goes back to the caller.

use std::sync::Arc;

use super::variables::{Key, Value, Variables};
use crate::shim::Mutex;

/// A context that lies apart, for whoever has it to use.
#[derive(Default)]
pub(crate) struct SharedContext(pub(crate) Mutex<Variables>);

/// The context of a task or of a thread.
pub(crate) enum HeldContext {
    Own(Variables),
    Shared { context: Arc<SharedContext>, scoped: Vec<(&'static Key, Value)> },
}

/// What a scope has to put back.
#[must_use]
pub(crate) enum Before {
    /// The value lies over a shared context.
    LaidOver,
    /// The value is in place of this one.
    Replaced(Option<Value>),
}

impl Default for HeldContext {
    fn default() -> HeldContext {
        HeldContext::new()
    }
}

impl HeldContext {
    pub(crate) const fn new() -> HeldContext {
        HeldContext::Own(Variables::new())
    }

    pub(crate) fn shared(context: Arc<SharedContext>) -> HeldContext {
        HeldContext::Shared { context, scoped: Vec::new() }
    }

    pub(crate) fn get(&self, key: &'static Key) -> Option<Value> {
        match self {
            HeldContext::Own(variables) => variables.get(key).cloned(),
            HeldContext::Shared { context, scoped } => match innermost(scoped, key) {
                Some(at) => Some(scoped[at].1.clone()),
                None => context.0.lock().get(key).cloned(),
            },
        }
    }

    /// Gives the variable a value. The one before is returned, for the caller to drop outside the lock.
    pub(crate) fn set(&mut self, key: &'static Key, value: Value) -> Option<Value> {
        match self {
            HeldContext::Own(variables) => variables.swap(key, Some(value)),
            HeldContext::Shared { context, scoped } => match innermost(scoped, key) {
                Some(at) => Some(std::mem::replace(&mut scoped[at].1, value)),
                None => context.0.lock().swap(key, Some(value)),
            },
        }
    }

    /// Gives the variable a value until [`end_scope`](HeldContext::end_scope).
    pub(crate) fn begin_scope(&mut self, key: &'static Key, value: Value) -> Before {
        match self {
            HeldContext::Own(variables) => Before::Replaced(variables.swap(key, Some(value))),
            HeldContext::Shared { scoped, .. } => {
                scoped.push((key, value));
                Before::LaidOver
            }
        }
    }

    /// Puts back what was there before, and returns the value that the variable had at the end.
    pub(crate) fn end_scope(&mut self, key: &'static Key, before: Before) -> Option<Value> {
        match (self, before) {
            (HeldContext::Own(variables), Before::Replaced(before)) => variables.swap(key, before),
            (HeldContext::Shared { scoped, .. }, Before::LaidOver) => {
                innermost(scoped, key).map(|at| scoped.remove(at).1)
            }
            // Handed out by `share` in between: what was its own lies apart now.
            (HeldContext::Shared { context, .. }, Before::Replaced(before)) => context.0.lock().swap(key, before),
            (HeldContext::Own(_), Before::LaidOver) => None,
        }
    }

    /// All values.
    pub(crate) fn copy(&self) -> Variables {
        match self {
            HeldContext::Own(variables) => variables.clone(),
            HeldContext::Shared { context, scoped } => {
                let under = context.0.lock();
                lay_over(under.clone(), scoped.iter())
            }
        }
    }

    /// What a child begins with; none if that is nothing.
    pub(crate) fn for_child(&self) -> Option<Variables> {
        match self {
            HeldContext::Own(variables) => variables.for_child(),
            HeldContext::Shared { context, scoped } => {
                let under = context.0.lock();
                let variables = under.for_child().unwrap_or_default();
                let variables = lay_over(variables, scoped.iter().filter(|(key, _)| key.inherited));
                (!variables.is_empty()).then_some(variables)
            }
        }
    }

    /// The context as one that others may use, too.
    pub(crate) fn share(&mut self) -> Arc<SharedContext> {
        if let HeldContext::Own(variables) = self {
            let context = Arc::new(SharedContext(Mutex::new(std::mem::take(variables))));
            *self = HeldContext::shared(context);
        }
        match self {
            HeldContext::Shared { context, .. } => context.clone(),
            HeldContext::Own(_) => unreachable!("made shared above"),
        }
    }

    pub(crate) fn is_own_and_empty(&self) -> bool {
        matches!(self, HeldContext::Own(variables) if variables.is_empty())
    }

    /// Lets go of the values one by one, each by way of `drop`, as far as nobody else holds them. Under no lock.
    pub(crate) fn drop_each(self, mut drop: impl FnMut(Value)) {
        let variables = match self {
            HeldContext::Own(variables) => variables,
            HeldContext::Shared { context, scoped } => {
                scoped.into_iter().for_each(|(_, value)| drop(value));
                let Some(context) = Arc::into_inner(context) else { return };
                std::mem::take(&mut *context.0.lock())
            }
        };
        variables.drop_each(drop);
    }
}

/// The caller holds the lock of the shared context whose copy `under` is: what is replaced has that as a holder, too,
/// or `scoped` itself.
fn lay_over<'a>(mut under: Variables, scoped: impl Iterator<Item = &'a (&'static Key, Value)>) -> Variables {
    for (key, value) in scoped {
        under.swap(key, Some(value.clone()));
    }
    under
}

fn innermost(scoped: &[(&'static Key, Value)], key: &'static Key) -> Option<usize> {
    scoped.iter().rposition(|(other, _)| std::ptr::eq(*other, key))
}
