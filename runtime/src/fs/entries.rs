//! What is known about a path, and where it leads.

use std::fs::{self, Metadata, Permissions};
use std::os::unix;
use std::path::{Path, PathBuf};

use super::call::Blocking;

/// What is known about the file that a path leads to: size, times, permissions.
///
/// # Errors
/// Those of `std::fs::metadata`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
///
/// # Examples
/// ```
/// let about = raddle::run(async { raddle::fs::metadata("Cargo.toml").await })?;
/// assert!(about.is_file() && about.len() > 0);
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> Blocking<Metadata> {
    Blocking::on_path("look at", path, |path| fs::metadata(path))
}

/// As [`metadata`], but of a symbolic link itself instead of what it leads to.
///
/// # Errors
/// Those of `std::fs::symlink_metadata`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> Blocking<Metadata> {
    Blocking::on_path("look at", path, |path| fs::symlink_metadata(path))
}

/// Whether something is there.
///
/// # Errors
/// Where that cannot be told: those of `std::fs::exists`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
///
/// # Examples
/// ```
/// assert!(!raddle::run(async { raddle::fs::try_exists("no such file").await })?);
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> Blocking<bool> {
    Blocking::on_path("look for", path, |path| fs::exists(path))
}

/// The path from the root, without symbolic links, `.` and `..`.
///
/// # Errors
/// Those of `std::fs::canonicalize`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> Blocking<PathBuf> {
    Blocking::on_path("resolve", path, |path| fs::canonicalize(path))
}

/// Where a symbolic link leads.
///
/// # Errors
/// Those of `std::fs::read_link`, with the path in their text.
///
/// # Cancel safety
/// Nothing is changed, so nothing is lost.
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> Blocking<PathBuf> {
    Blocking::on_path("read the link", path, |path| fs::read_link(path))
}

/// Changes who may do what with a file.
///
/// # Errors
/// Those of `std::fs::set_permissions`, with the path in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> Blocking<()> {
    Blocking::on_path("change the permissions of", path, move |path| fs::set_permissions(path, permissions))
}

/// Gives a file or directory another name, in the place of what had that name before.
///
/// # Errors
/// Those of `std::fs::rename`, with both paths in their text; the two have to be on one file system.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_both("rename", from, to, |from, to| fs::rename(from, to))
}

/// Removes a file's name. The file goes with its last name, once nobody has it open.
///
/// # Errors
/// Those of `std::fs::remove_file`, with the path in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_path("remove", path, |path| fs::remove_file(path))
}

/// Gives the file `original` a second name, `link`.
///
/// # Errors
/// Those of `std::fs::hard_link`, with both paths in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_both("link", original, link, |original, link| fs::hard_link(original, link))
}

/// Makes `link` a symbolic link that leads to `original`, whether or not that exists.
///
/// # Errors
/// Those of `std::os::unix::fs::symlink`, with both paths in their text.
///
/// # Cancel safety
/// Once begun it is finished.
#[track_caller]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Blocking<()> {
    Blocking::on_both("link", original, link, |original, link| unix::fs::symlink(original, link))
}
