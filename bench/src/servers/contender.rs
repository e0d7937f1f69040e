//! The servers: which programs they are, how they are built and started.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Kv,
    Http,
    Axum,
    Echo,
}

/// One server program and how it is started.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    program: PathBuf,
    args: &'static [&'static str],
}

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) addr: String,
}

impl Kind {
    /// The example of raddle; its twin adds `_tokio`, and the epoll loop `_epoll`.
    fn example(self) -> &'static str {
        match self {
            Kind::Kv => "kv_server",
            Kind::Http => "http_hello",
            Kind::Axum => "http_server",
            Kind::Echo => "echo_server",
        }
    }

    /// What the example needs of raddle, and its twin of raddle-bench.
    fn features(self) -> [&'static [&'static str]; 2] {
        match self {
            Kind::Axum => [&["--features", "tower"], &["--features", "axum"]],
            Kind::Kv | Kind::Http | Kind::Echo => [&[], &[]],
        }
    }

    fn twin(self) -> String {
        format!("{}_tokio", self.example())
    }

    /// The same without a runtime, as far as somebody wrote it by hand: HTTP behind axum nobody did.
    fn raw(self) -> Option<String> {
        match self {
            Kind::Axum => None,
            Kind::Kv | Kind::Http | Kind::Echo => Some(format!("{}_epoll", self.example())),
        }
    }
}

/// raddle with two workers and with one, tokio with either scheduler, and an epoll loop of either kind where there is one,
/// built like this program itself, which lies in `directory`. The loop is alone in its process, or has a thread beside it
/// that sleeps: what a system call costs in a program of several threads is more, whatever they do.
pub(crate) fn all(kind: Kind, directory: &Path) -> Result<Vec<Contender>, String> {
    let contender = |name, program: PathBuf, args| match program.exists() {
        true => Ok(Contender { name, program, args }),
        false => Err(format!("{} is missing: leave out --no-build", program.display())),
    };
    let (raddle, tokio) = (directory.join("examples").join(kind.example()), directory.join(kind.twin()));
    let mut all = vec![
        contender("raddle", raddle.clone(), &["--workers", "2"])?,
        contender("raddle, one worker", raddle, &["--workers", "1"])?,
        contender("tokio mt", tokio.clone(), &["--workers", "2", "--flavor", "mt"])?,
        contender("tokio ct", tokio, &["--flavor", "ct"])?,
    ];
    if let Some(raw) = kind.raw() {
        let raw = directory.join(raw);
        all.push(contender("epoll, two threads", raw.clone(), &["--workers", "2"])?);
        all.push(contender("epoll", raw, &["--workers", "1"])?);
    }
    Ok(all)
}

/// Into the directory of this program, so that all of them are of one profile.
pub(crate) fn build(kind: Kind, directory: &Path) -> Result<(), String> {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => return Err(format!("{} is no target directory of cargo", directory.display())),
    };
    let target = directory.parent().ok_or("a target directory has a parent")?;
    let (twin, raw, [example_features, twin_features]) = (kind.twin(), kind.raw(), kind.features());
    let mut programs = vec![
        (["-p", "raddle", "--example", kind.example()], example_features),
        (["-p", "raddle-bench", "--bin", &twin], twin_features),
    ];
    programs.extend(raw.as_ref().map(|raw| (["-p", "raddle-bench", "--bin", raw], twin_features)));
    for (what, features) in programs {
        let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--profile", profile, "--target-dir"])
            .arg(target)
            .args(what)
            .args(features)
            .status()
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        if !status.success() {
            return Err(format!("cargo build {} failed", what.join(" ")));
        }
    }
    Ok(())
}

impl Server {
    /// On a free port, which its first line tells.
    pub(crate) fn start(contender: &Contender) -> Result<Server, String> {
        let mut process = Command::new(&contender.program)
            .args(["--addr", "127.0.0.1:0"])
            .args(contender.args)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", contender.program.display()))?;
        let stdout = process.stdout.take().ok_or("a piped stdout")?;
        let mut server = Server { process, addr: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("{}: {error}", contender.name))?;
        let addr = line.trim_end().strip_prefix("listening on ");
        server.addr = addr.ok_or_else(|| format!("{} does not listen: {line:?}", contender.name))?.into();
        Ok(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has died already was noticed by whoever talked to it.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
