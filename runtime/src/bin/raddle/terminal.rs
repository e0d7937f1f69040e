//! The terminal, taken over and given back: at the end, when something panics, and when a signal ends the command.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use raddle::{Background, Runner, Signal, race, signal};
use ratatui::DefaultTerminal;

/// The terminal; dropping this gives it back.
pub(crate) struct Terminal {
    inner: DefaultTerminal,
    is_told: Arc<AtomicBool>,
    /// Listens to signals.
    _listens: Background,
}

impl Terminal {
    /// Takes the terminal over.
    pub(crate) fn open() -> io::Result<Terminal> {
        let is_told = Arc::new(AtomicBool::new(false));
        let _listens = listen(is_told.clone())?;
        // What is printed by a panic comes after the terminal has been given back: this sets a hook.
        Ok(Terminal { inner: ratatui::try_init()?, is_told, _listens })
    }

    /// Whether a signal has asked the command to end.
    pub(crate) fn is_told_to_end(&self) -> bool {
        // Acquire: pairs with the listener's.
        self.is_told.load(Ordering::Acquire)
    }
}

/// Notes in the background when the command is to end. Ctrl-C is a key in this terminal; it may come from elsewhere, too.
fn listen(is_told: Arc<AtomicBool>) -> io::Result<Background> {
    let background = Runner::new().workers(1).name("raddle-top").inspect(false).debug(false).in_background();
    let background = background.map_err(io::Error::other)?;
    let mut signals =
        [Signal::INT, Signal::TERM, Signal::HUP].map(signal).into_iter().collect::<io::Result<Vec<_>>>()?;
    let heard = background.create_task(async move {
        race(signals.iter_mut().map(raddle::Signals::recv)).await;
        is_told.store(true, Ordering::Release);
    });
    heard.detach();
    Ok(background)
}

impl Deref for Terminal {
    type Target = DefaultTerminal;

    fn deref(&self) -> &DefaultTerminal {
        &self.inner
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut DefaultTerminal {
        &mut self.inner
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
