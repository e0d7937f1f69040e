//! How a file is opened.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::call::Blocking;
use super::file::File;

/// What to open a file for, and what to do where it is there or is not: the builder of `std`.
///
/// # Examples
/// ```
/// use raddle::fs::{self, OpenOptions};
///
/// raddle::run(async {
///     let path = std::env::temp_dir().join(format!("raddle-log-{}", std::process::id()));
///     let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///     log.write_all(b"one more line\n").await?;
///     fs::remove_file(path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    options: std::fs::OpenOptions,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl OpenOptions {
    /// Nothing is chosen yet, so [`OpenOptions::open`] fails until something is.
    pub fn new() -> OpenOptions {
        OpenOptions { options: std::fs::OpenOptions::new() }
    }

    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.options.read(read);
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.options.write(write);
        self
    }

    /// For writing, always behind what is there.
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.options.append(append);
        self
    }

    /// Empties a file that is there.
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.options.truncate(truncate);
        self
    }

    /// Makes the file where it is not there.
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.options.create(create);
        self
    }

    /// Makes the file, and fails with `AlreadyExists` where it is there.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.options.create_new(create_new);
        self
    }

    /// The permissions of a file that is made, less those that the process's umask takes away.
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.options.mode(mode);
        self
    }

    /// Further flags for the system's `open`.
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.options.custom_flags(flags);
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    /// Those of `std::fs::OpenOptions::open`, with the path in their text.
    ///
    /// # Cancel safety
    /// A file that is opened after its future was dropped is closed again; it may have been made or emptied.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> Blocking<File> {
        let (options, name) = (self.options.clone(), path.as_ref().to_owned());
        Blocking::on_path("open", path, move |path| Ok(File::named(options.open(path)?, name)))
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions { options }
    }
}
