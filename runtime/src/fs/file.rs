//! An open file.

use std::fmt;
use std::fs::{Metadata, Permissions};
use std::io::SeekFrom;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use super::call::Blocking;
use super::cursor::Cursor;
use super::errand::Errand;
use super::file_futures::{
    FileFlush, FileRead, FileReadExact, FileReadToEnd, FileReadToString, FileSeek, FileSync, FileWrite, FileWriteAll,
    IntoStd,
};
use super::open_options::OpenOptions;
use crate::shim::{Arc, Mutex};

/// An open file.
///
/// Each operation is a trip to a thread for blocking calls; see [the module](crate::fs). So read and write in large
/// pieces. The traits of `futures_io` write behind: their `write` returns when the bytes are on their way, and an error
/// comes with the next operation that writes, with `flush` or with `close`. The functions of the same names here wait.
///
/// # Examples
/// ```
/// use std::io::SeekFrom;
/// use raddle::fs::{self, File};
///
/// raddle::run(async {
///     let path = std::env::temp_dir().join(format!("raddle-file-{}", std::process::id()));
///     let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
///     file.write_all(b"hello, world").await?;
///     file.seek(SeekFrom::Start(7)).await?;
///     let mut word = String::new();
///     file.read_to_string(&mut word).await?;
///     assert_eq!(word, "world");
///     fs::remove_file(path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct File {
    pub(super) file: Arc<std::fs::File>,
    /// Locked by the call that is under way; by polls only where none is.
    pub(super) cursor: Arc<Mutex<Cursor>>,
    pub(super) errand: Errand,
    /// What a `poll_seek` is after.
    pub(super) seeking: Option<SeekFrom>,
    pub(super) path: Option<PathBuf>,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of `std::fs::File::open`, with the path in their text.
    ///
    /// # Cancel safety
    /// A file that is opened after its future was dropped is closed again.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Blocking<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing: makes it, or empties it.
    ///
    /// # Errors
    /// Those of `std::fs::File::create`, with the path in their text.
    ///
    /// # Cancel safety
    /// A file that is opened after its future was dropped is closed again.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> Blocking<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Other ways of opening a file.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(super) fn named(file: std::fs::File, path: PathBuf) -> File {
        File { path: Some(path), ..File::from(file) }
    }

    /// Reads some bytes: at least one, unless the file is at its end (0) or the buffer is empty (0). At most 2 MiB.
    ///
    /// # Errors
    /// The system's, with the file's path in their text.
    ///
    /// # Cancel safety
    /// What a thread reads after the future was dropped stays in the file's own buffer, for the next read.
    #[track_caller]
    pub fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> FileRead<'a> {
        FileRead::new(self, buffer)
    }

    /// Fills the whole buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; else as [`File::read`]. What was there remains to be read.
    ///
    /// # Cancel safety
    /// Nothing is lost: the buffer is filled in one go, or not at all.
    #[track_caller]
    pub fn read_exact<'a>(&'a mut self, buffer: &'a mut [u8]) -> FileReadExact<'a> {
        FileReadExact::new(self, buffer)
    }

    /// Reads all that is left, and says how much that was.
    ///
    /// # Errors
    /// As [`File::read`]. What was read before remains to be read.
    ///
    /// # Cancel safety
    /// Nothing is lost: all is added to the vector in one go, or nothing.
    #[track_caller]
    pub fn read_to_end<'a>(&'a mut self, bytes: &'a mut Vec<u8>) -> FileReadToEnd<'a> {
        FileReadToEnd::new(self, bytes)
    }

    /// Reads all that is left as text, and says how many bytes that was.
    ///
    /// # Errors
    /// `InvalidData` for what is no UTF-8, which remains to be read; else as [`File::read_to_end`].
    ///
    /// # Cancel safety
    /// Nothing is lost: all is added to the string in one go, or nothing.
    #[track_caller]
    pub fn read_to_string<'a>(&'a mut self, text: &'a mut String) -> FileReadToString<'a> {
        FileReadToString::new(self, text)
    }

    /// Writes bytes and says how many: all of the buffer, or the first 2 MiB of it.
    ///
    /// # Errors
    /// The system's, with the file's path in their text; some of the bytes may have been written. Also the error of an
    /// earlier write whose future was dropped.
    ///
    /// # Cancel safety
    /// Bytes that were handed to a thread are written, all of them, even when the future is dropped.
    #[track_caller]
    pub fn write<'a>(&'a mut self, buffer: &'a [u8]) -> FileWrite<'a> {
        FileWrite::new(self, buffer)
    }

    /// Writes the whole buffer, 2 MiB at a time.
    ///
    /// # Errors
    /// As [`File::write`].
    ///
    /// # Cancel safety
    /// A buffer of up to 2 MiB is written as a whole even when the future is dropped, once it was polled and nothing
    /// earlier was under way. Of a larger one nobody says how much.
    #[track_caller]
    pub fn write_all<'a>(&'a mut self, buffer: &'a [u8]) -> FileWriteAll<'a> {
        FileWriteAll::new(self, buffer)
    }

    /// Waits for writes whose futures were dropped, and those of `futures_io`'s traits. Does not make the system write
    /// to the disk: [`File::sync_all`] does.
    ///
    /// # Errors
    /// Those of the writes.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    #[track_caller]
    pub fn flush(&mut self) -> FileFlush<'_> {
        FileFlush::new(self)
    }

    /// Goes to another place in the file, and says where that is, from the start.
    ///
    /// # Errors
    /// The system's, with the file's path in their text.
    ///
    /// # Cancel safety
    /// A future that is dropped half way leaves the file at the one place or at the other.
    #[track_caller]
    pub fn seek(&mut self, to: SeekFrom) -> FileSeek<'_> {
        FileSeek::new(self, "seek in", move |cursor| cursor.seek(to))
    }

    /// The present place in the file, from the start.
    ///
    /// # Errors
    /// As [`File::seek`].
    ///
    /// # Cancel safety
    /// Nothing is changed, so nothing is lost.
    #[track_caller]
    pub fn stream_position(&mut self) -> FileSeek<'_> {
        self.seek(SeekFrom::Current(0))
    }

    /// Waits until what was written is on the disk, with all that is known about the file.
    ///
    /// # Errors
    /// The system's, with the file's path in their text; also the error of an earlier write whose future was dropped.
    ///
    /// # Cancel safety
    /// Once begun it is finished.
    #[track_caller]
    pub fn sync_all(&mut self) -> FileSync<'_> {
        let file = self.file.clone();
        FileSync::new(self, "sync", move |_| file.sync_all().map(|()| 0))
    }

    /// As [`File::sync_all`], without what is not needed to read the file again, like its times.
    ///
    /// # Errors
    /// As [`File::sync_all`].
    ///
    /// # Cancel safety
    /// Once begun it is finished.
    #[track_caller]
    pub fn sync_data(&mut self) -> FileSync<'_> {
        let file = self.file.clone();
        FileSync::new(self, "sync", move |_| file.sync_data().map(|()| 0))
    }

    /// Cuts the file off at that length, or fills it up with zeros. The place in it stays.
    ///
    /// # Errors
    /// The system's, with the file's path in their text.
    ///
    /// # Cancel safety
    /// Once begun it is finished.
    #[track_caller]
    pub fn set_len(&mut self, length: u64) -> FileSync<'_> {
        FileSync::new(self, "change the length of", move |cursor| cursor.set_len(length))
    }

    /// What is known about the file at this moment; a write that is under way may be counted or not.
    ///
    /// # Errors
    /// The system's, with the file's path in their text.
    ///
    /// # Cancel safety
    /// Nothing is changed, so nothing is lost.
    #[track_caller]
    pub fn metadata(&self) -> Blocking<Metadata> {
        let file = self.file.clone();
        self.call("look at", move || file.metadata())
    }

    /// Changes who may do what with the file.
    ///
    /// # Errors
    /// The system's, with the file's path in their text.
    ///
    /// # Cancel safety
    /// Once begun it is finished.
    #[track_caller]
    pub fn set_permissions(&self, permissions: Permissions) -> Blocking<()> {
        let file = self.file.clone();
        self.call("change the permissions of", move || file.set_permissions(permissions))
    }

    /// The file of `std`, at the same place, when all that is under way has ended.
    ///
    /// # Errors
    /// That of a write whose future was dropped; the system's where it cannot go back to what was read ahead. The file is
    /// closed then.
    ///
    /// # Cancel safety
    /// The file is closed when the future is dropped.
    #[track_caller]
    pub fn into_std(self) -> IntoStd {
        IntoStd::new(self)
    }
}

/// The path is not known, so errors do not name it.
impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        let file = Arc::new(file);
        let cursor = Arc::new(Mutex::new(Cursor::new(file.clone())));
        File { file, cursor, errand: Errand::new(), seeking: None, path: None }
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("fd", &self.as_raw_fd()).field("path", &self.path).finish_non_exhaustive()
    }
}
