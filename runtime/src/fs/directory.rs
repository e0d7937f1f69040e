//! Directories: made, removed, and looked through.
//!
//! Entries come in batches, since a trip to a thread for each would cost more than finding it. A batch that comes when
//! nobody waits for it any more stays where it is for the next who asks.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::call::Blocking;
use super::errand::Errand;
use super::error::about;
use crate::shim::{Arc, Mutex};
use crate::waiting;

/// Entries per trip: picked from thin air.
const BATCH: usize = 64;

/// Makes a directory.
///
/// # Errors
/// Those of `std::fs::create_dir`, with the path in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_path("create the directory", path, |path| fs::create_dir(path))
}

/// Makes a directory, and those that it lies in where they are missing.
///
/// # Errors
/// Those of `std::fs::create_dir_all`, with the path in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_path("create the directory", path, |path| fs::create_dir_all(path))
}

/// Removes an empty directory.
///
/// # Errors
/// Those of `std::fs::remove_dir`, with the path in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_path("remove the directory", path, |path| fs::remove_dir(path))
}

/// Removes a directory with all that is in it. Symbolic links are removed and not followed.
///
/// # Errors
/// Those of `std::fs::remove_dir_all`, with the path in their text; a part may have been removed by then.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_path("remove the directory", path, |path| fs::remove_dir_all(path))
}

/// Opens a directory, to look at what is in it.
///
/// # Errors
/// Those of `std::fs::read_dir`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
///
/// # Examples
/// ```
/// raddle::run(async {
///     let (mut entries, mut names) = (raddle::fs::read_dir("src").await?, Vec::new());
///     while let Some(entry) = entries.next_entry().await? {
///         names.push(entry.file_name());
///     }
///     assert!(names.contains(&"lib.rs".into()));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> Blocking<ReadDir> {
    let place = path.as_ref().to_owned();
    Blocking::on_path("list", path, move |path| {
        let listing = Listing { entries: fs::read_dir(path)?, batch: VecDeque::new(), ended: false };
        Ok(ReadDir { listing: Arc::new(Mutex::new(listing)), errand: Errand::new(), path: place })
    })
}

/// What is in a directory, one entry after the other, in no particular order. Made by [`read_dir`].
pub struct ReadDir {
    listing: Arc<Mutex<Listing>>,
    errand: Errand,
    path: PathBuf,
}

struct Listing {
    entries: fs::ReadDir,
    batch: VecDeque<io::Result<fs::DirEntry>>,
    ended: bool,
}

impl Listing {
    /// On a thread for blocking calls.
    fn find_more(&mut self) {
        while self.batch.len() < BATCH && !self.ended {
            match self.entries.next() {
                // What comes after an error is the system's affair; most likely the same one again.
                Some(entry) => self.batch.push_back(entry),
                None => self.ended = true,
            }
        }
    }
}

impl ReadDir {
    /// The next entry, or `None` after the last one.
    ///
    /// # Errors
    /// The system's, with the directory's path in their text.
    ///
    /// # Cancel safety
    /// A future that is dropped has taken no entry.
    #[track_caller]
    pub fn next_entry(&mut self) -> NextEntry<'_> {
        NextEntry { directory: self }
    }

    /// As [`ReadDir::next_entry`], for those who write futures by hand.
    ///
    /// # Errors
    /// As those of [`ReadDir::next_entry`].
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            ready!(self.errand.poll_idle(cx));
            let mut listing = self.listing.lock();
            if let Some(found) = listing.batch.pop_front() {
                let found = found.map_err(|error| about("list", &self.path, error));
                return Poll::Ready(found.map(|entry| Some(DirEntry { entry: Arc::new(entry) })));
            }
            if listing.ended {
                return Poll::Ready(Ok(None));
            }
            drop(listing);
            let listing = self.listing.clone();
            self.errand.start(move || {
                listing.lock().find_more();
                Ok(0)
            })?;
        }
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.path).finish()
    }
}

#[cfg(feature = "stream")]
impl futures_core::Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<DirEntry>>> {
        self.poll_next_entry(cx).map(Result::transpose)
    }
}

/// The future of [`ReadDir::next_entry`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct NextEntry<'a> {
    directory: &'a mut ReadDir,
}

impl Future for NextEntry<'_> {
    type Output = io::Result<Option<DirEntry>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let caller = Location::caller();
        let polled = self.directory.poll_next_entry(cx);
        if polled.is_pending() {
            waiting::note_at(caller);
        }
        polled
    }
}

/// Something in a directory. Given by [`ReadDir::next_entry`].
pub struct DirEntry {
    entry: Arc<fs::DirEntry>,
}

impl DirEntry {
    /// The directory's path, as it was given, and the name.
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name alone.
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// What is known about the entry; of a symbolic link, about the link.
    ///
    /// # Errors
    /// Those of [`symlink_metadata`](crate::fs::symlink_metadata).
    ///
    /// # Cancel safety
    /// Nothing is changed, so nothing is lost.
    #[track_caller]
    pub fn metadata(&self) -> Blocking<Metadata> {
        let entry = self.entry.clone();
        Blocking::on_path("look at", self.path(), move |_| entry.metadata())
    }

    /// Whether the entry is a file, a directory or something else. Most file systems have it at hand; still this is a
    /// call of its own, since others have to look.
    ///
    /// # Errors
    /// As [`DirEntry::metadata`].
    ///
    /// # Cancel safety
    /// Nothing is changed, so nothing is lost.
    #[track_caller]
    pub fn file_type(&self) -> Blocking<FileType> {
        let entry = self.entry.clone();
        Blocking::on_path("look at", self.path(), move |_| entry.file_type())
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
