//! Whole files: read, written and copied in one call.

use std::fs;
use std::path::Path;

use super::call::Blocking;

/// Reads a whole file.
///
/// # Errors
/// Those of `std::fs::read`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
///
/// # Examples
/// ```
/// let manifest = raddle::run(async { raddle::fs::read("Cargo.toml").await })?;
/// assert!(manifest.starts_with(b"[package]"));
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Blocking<Vec<u8>> {
    Blocking::on_path("read", path, |path| fs::read(path))
}

/// Reads a whole file of text.
///
/// # Errors
/// Those of `std::fs::read_to_string`, with the path in their text; `InvalidData` for what is no UTF-8.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
///
/// # Examples
/// ```
/// let missing = raddle::run(async { raddle::fs::read_to_string("no such file").await }).unwrap_err();
/// assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
/// assert_eq!(missing.to_string(), r#"cannot read "no such file": No such file or directory (os error 2)"#);
/// ```
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> Blocking<String> {
    Blocking::on_path("read", path, |path| fs::read_to_string(path))
}

/// Writes a whole file: makes it, or replaces what was in it. The contents are copied for the thread that writes.
///
/// # Errors
/// Those of `std::fs::write`, with the path in their text. The file may be there by then, with a part of the contents.
///
/// # Cancel safety
/// Once begun it is finished.
///
/// # Examples
/// See [the module](crate::fs).
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Blocking<()> {
    let contents = contents.as_ref().to_vec();
    Blocking::on_path("write", path, move |path| fs::write(path, contents))
}

/// Copies a file's contents and permissions, and says how many bytes that were.
///
/// # Errors
/// Those of `std::fs::copy`, with both paths in their text.
///
/// # Cancel safety
/// Once begun it is finished.
///
/// # Examples
/// ```
/// use raddle::fs;
///
/// let copy = std::env::temp_dir().join(format!("raddle-copy-{}", std::process::id()));
/// raddle::run(async {
///     assert!(fs::copy("Cargo.toml", &copy).await? > 100);
///     fs::remove_file(&copy).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Blocking<u64> {
    Blocking::on_both("copy", from, to, |from, to| fs::copy(from, to))
}
