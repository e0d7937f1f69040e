//! The room: who is in it, and what is said.
//!
//! What is said goes through a broadcast channel of `KEPT` messages. Nobody who speaks waits for those who read; who is
//! more than `KEPT` messages behind misses the oldest and is told how many.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raddle::{BroadcastReceiver, BroadcastSender, broadcast};

/// How far behind a reader may be.
const KEPT: usize = 128;
const LONGEST_NAME: usize = 20;

/// Something said in the room, or about it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Who needs not read it, having written it.
    pub(crate) from: u64,
    pub(crate) text: Arc<str>,
}

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    messages: BroadcastSender<Message>,
    guests: Mutex<Guests>,
}

#[derive(Debug, Default)]
struct Guests {
    names: BTreeSet<String>,
    /// How many have come so far.
    count: u64,
}

/// Being in the room. Whoever drops it has left, however that came about.
#[derive(Debug)]
pub(crate) struct Guest {
    room: Arc<Room>,
    pub(crate) number: u64,
    name: String,
}

impl Room {
    pub(crate) fn new() -> Arc<Room> {
        let (messages, _) = broadcast(KEPT);
        Arc::new(Room { messages, guests: Mutex::default() })
    }

    /// Lets somebody in, under a free name. They read what is said from now on.
    pub(crate) fn enter(self: &Arc<Room>) -> (Guest, BroadcastReceiver<Message>) {
        let (number, name) = {
            let mut guests = self.lock();
            guests.count += 1;
            let number = guests.count;
            let mut name = format!("guest-{number}");
            while !guests.names.insert(name.clone()) {
                name.push('\'');
            }
            (number, name)
        };
        let guest = Guest { room: self.clone(), number, name };
        guest.announce(&format!("* {} comes in", guest.name));
        (guest, self.messages.subscribe())
    }

    /// Who is there, in alphabetical order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().names.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the others read.
    pub(crate) fn say(&self, text: &str) {
        self.announce(&format!("{}: {text}", self.name));
    }

    /// Takes another name, or says why not.
    pub(crate) fn rename(&mut self, name: &str) -> Result<(), String> {
        let is_good = |letter: char| letter.is_alphanumeric() || "-_'".contains(letter);
        if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(is_good) {
            return Err(format!("a name has 1 to {LONGEST_NAME} letters, digits, - _ or ', and `{name}` does not"));
        }
        {
            let mut guests = self.room.lock();
            if !guests.names.insert(name.to_owned()) {
                return Err(format!("somebody is called {name} already"));
            }
            guests.names.remove(&self.name);
        }
        let before = std::mem::replace(&mut self.name, name.to_owned());
        self.announce(&format!("* {before} is called {name} now"));
        Ok(())
    }

    fn announce(&self, text: &str) {
        // It fails if nobody is there to read it.
        _ = self.room.messages.send(Message { from: self.number, text: text.into() });
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.room.lock().names.remove(&self.name);
        self.announce(&format!("* {} leaves", self.name));
    }
}
