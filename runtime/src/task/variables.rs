//! Values of context variables: a small map, shared until one of its holders writes.
//!
//! A task inherits its creator's values by holding the same map, one reference count for all of them. Whoever writes
//! while others hold the map copies it first, so nobody sees another's later changes. Variables that are not
//! inherited lie in a map of their own: what a child gets is one pointer, whatever its creator has set.
//!
//! Nothing here runs foreign code but [`Variables::drop_each`] and the drop of the last holder: a map that is copied
//! and let go leaves each of its values in the copy, or in the caller's hand.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a variable is known by: the address of this, which is part of the variable's `static`.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Whether a new task gets its creator's value.
    pub(crate) inherited: bool,
}

pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// Sorted by the keys' addresses.
#[derive(Clone, Default)]
struct Map(Vec<(&'static Key, Value)>);

fn address(key: &'static Key) -> usize {
    std::ptr::from_ref(key).addr()
}

impl Map {
    fn find(&self, key: &'static Key) -> Result<usize, usize> {
        self.0.binary_search_by_key(&address(key), |(key, _)| address(key))
    }

    fn swap(&mut self, key: &'static Key, value: Option<Value>) -> Option<Value> {
        match (self.find(key), value) {
            (Ok(at), Some(value)) => Some(std::mem::replace(&mut self.0[at].1, value)),
            (Ok(at), None) => Some(self.0.remove(at).1),
            (Err(at), Some(value)) => {
                self.0.insert(at, (key, value));
                None
            }
            (Err(_), None) => None,
        }
    }
}

/// The values of one context.
#[derive(Clone, Default)]
pub(crate) struct Variables {
    inherited: Option<Arc<Map>>,
    /// Those that no child gets.
    own: Option<Arc<Map>>,
}

impl Variables {
    pub(crate) const fn new() -> Variables {
        Variables { inherited: None, own: None }
    }

    fn maps(&self) -> impl Iterator<Item = &Arc<Map>> {
        self.inherited.iter().chain(&self.own)
    }

    /// Every variable that has a value here.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.maps().flat_map(|map| map.0.iter().map(|(key, _)| *key))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.maps().all(|map| map.0.is_empty())
    }

    pub(crate) fn get(&self, key: &'static Key) -> Option<&Value> {
        let map = if key.inherited { self.inherited.as_ref() } else { self.own.as_ref() }?;
        map.find(key).ok().map(|at| &map.0[at].1)
    }

    /// Gives the variable that value, or none, and returns the one before.
    pub(crate) fn swap(&mut self, key: &'static Key, value: Option<Value>) -> Option<Value> {
        let map = if key.inherited { &mut self.inherited } else { &mut self.own };
        if map.is_none() && value.is_none() {
            return None;
        }
        Arc::make_mut(map.get_or_insert_default()).swap(key, value)
    }

    /// What a child begins with; none if that is nothing.
    pub(crate) fn for_child(&self) -> Option<Variables> {
        let inherited = self.inherited.as_ref().filter(|map| !map.0.is_empty())?;
        Some(Variables { inherited: Some(inherited.clone()), own: None })
    }

    /// Lets go of the values one by one, each by way of `drop`, as far as nobody else holds the map.
    pub(crate) fn drop_each(self, mut drop: impl FnMut(Value)) {
        for map in [self.inherited, self.own].into_iter().flatten() {
            if let Some(alone) = Arc::into_inner(map) {
                alone.0.into_iter().for_each(|(_, value)| drop(value));
            }
        }
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys().map(|key| key.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static A: Key = Key { name: "A", inherited: true };
    static B: Key = Key { name: "B", inherited: true };
    static OWN: Key = Key { name: "OWN", inherited: false };

    fn value(n: u32) -> Option<Value> {
        Some(Arc::new(n))
    }

    fn number(value: Option<&Value>) -> Option<u32> {
        value.map(|value| *value.downcast_ref().unwrap())
    }

    #[test]
    fn a_copy_and_its_original_do_not_see_each_others_changes() {
        let mut one = Variables::new();
        assert!(one.swap(&A, value(1)).is_none());
        let mut two = one.clone();
        assert_eq!(number(two.swap(&A, value(2)).as_ref()), Some(1));
        one.swap(&B, value(3));
        assert_eq!([number(one.get(&A)), number(one.get(&B))], [Some(1), Some(3)]);
        assert_eq!([number(two.get(&A)), number(two.get(&B))], [Some(2), None]);
    }

    #[test]
    fn a_child_gets_what_is_inherited_and_nothing_for_nothing() {
        let mut parent = Variables::new();
        assert!(parent.for_child().is_none());
        parent.swap(&OWN, value(1));
        assert!(parent.for_child().is_none());
        parent.swap(&A, value(2));
        let child = parent.for_child().unwrap();
        assert_eq!([number(child.get(&A)), number(child.get(&OWN))], [Some(2), None]);
        assert_eq!([number(parent.get(&A)), number(parent.get(&OWN))], [Some(2), Some(1)]);
        parent.swap(&A, None);
        assert!(parent.for_child().is_none());
        assert!(!parent.is_empty() && Variables::new().is_empty());
    }

    #[test]
    fn values_are_dropped_one_by_one_by_the_last_holder() {
        let mut one = Variables::new();
        for (n, key) in [&A, &B, &OWN].into_iter().enumerate() {
            one.swap(key, value(n as u32));
        }
        let two = one.clone();
        let mut dropped = 0;
        one.drop_each(|_| dropped += 1);
        assert_eq!(dropped, 0);
        two.drop_each(|_| dropped += 1);
        assert_eq!(dropped, 3);
    }
}
