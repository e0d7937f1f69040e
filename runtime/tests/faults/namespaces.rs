//! Two network namespaces with a cable between them, for what no network should be asked to do to others.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::victim::{Victim, skip};

/// The server's address; the client's is the next one.
pub(crate) const SERVER: &str = "10.77.0.1";
const CLIENT: &str = "10.77.0.2";
const PREFIX: &str = "raddle-faults";

/// A side of the cable.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Server,
    Client,
}

/// Gone when it is dropped.
pub(crate) struct Network {
    name: String,
}

impl Network {
    /// None: it cannot be had here, which is said for the test of that name.
    pub(crate) fn lay(test: &str) -> Option<Network> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        remove_what_others_left();
        let name = format!("{PREFIX}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let network = Network { name };
        match network.make() {
            Ok(()) => Some(network),
            Err(why) => {
                skip(test, &format!("no network namespaces of its own (root, iproute2 and nftables it takes): {why}"));
                None
            }
        }
    }

    fn make(&self) -> Result<(), String> {
        let (server, client) = (self.namespace(Side::Server), self.namespace(Side::Client));
        for line in [
            format!("netns add {server}"),
            format!("netns add {client}"),
            format!("-n {server} link add cable type veth peer name cable netns {client}"),
            format!("-n {server} address add {SERVER}/24 dev cable"),
            format!("-n {client} address add {CLIENT}/24 dev cable"),
        ] {
            call("ip", &line.split(' ').collect::<Vec<_>>(), "")?;
        }
        self.set_link(Side::Server, true)?;
        self.set_link(Side::Client, true)?;
        // What gets lost is sent again after 20 ms at the soonest, not 200: time passes faster here.
        for (namespace, own) in [(server, SERVER), (client, CLIENT)] {
            let line = format!("-n {namespace} route change 10.77.0.0/24 dev cable src {own} rto_min 20ms");
            call("ip", &line.split(' ').collect::<Vec<_>>(), "")?;
        }
        self.nft("list ruleset").map(drop)
    }

    fn namespace(&self, side: Side) -> String {
        let side = match side {
            Side::Server => "server",
            Side::Client => "client",
        };
        format!("{}-{side}", self.name)
    }

    pub(crate) fn set_link(&self, side: Side, up: bool) -> Result<(), String> {
        let (namespace, state) = (self.namespace(side), if up { "up" } else { "down" });
        call("ip", &["-n", &namespace, "link", "set", "cable", state], "").map(drop)
    }

    fn nft(&self, commands: &str) -> Result<String, String> {
        call("ip", &["netns", "exec", &self.namespace(Side::Server), "nft", "-f", "-"], commands)
    }

    /// What becomes of packets that come in at the server: rules of nft, each with a counter. Takes the place of the
    /// rules before.
    pub(crate) fn rule(&self, rules: &str) {
        self.set_chains(&["input"], rules);
    }

    /// Nothing of TCP gets through, in either direction.
    pub(crate) fn silence(&self) {
        self.set_chains(&["input", "output"], "ip protocol tcp counter drop");
    }

    fn set_chains(&self, hooks: &[&str], rules: &str) {
        let chain = |hook| format!("chain {hook} {{\n type filter hook {hook} priority 0\n {rules}\n }}\n");
        let chains: String = hooks.iter().map(chain).collect();
        let table = "table inet faults";
        self.nft(&format!("{table}\ndelete {table}\n{table} {{\n {chains} }}\n")).unwrap();
    }

    /// How many packets the rules have met.
    pub(crate) fn met(&self) -> usize {
        let listed = self.nft("list ruleset\n").unwrap();
        let counts = listed.split("packets ").skip(1);
        counts.map(|rest| rest.split(' ').next().unwrap().parse::<usize>().unwrap()).sum()
    }

    /// A victim on one side: see [`Victim::start`].
    pub(crate) fn victim(&self, side: Side, module: &str, test: &str, part: &str) -> Victim {
        Victim::start(module, test, part, &["ip", "netns", "exec", &self.namespace(side)])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for side in [Side::Server, Side::Client] {
            // It may never have been made.
            let _ = call("ip", &["netns", "delete", &self.namespace(side)], "");
        }
    }
}

/// A test that was killed could not.
fn remove_what_others_left() {
    let listed = call("ip", &["netns", "list"], "").unwrap_or_default();
    for name in listed.lines().filter_map(|line| line.split(' ').next()) {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let process = rest.split('-').nth(1).unwrap_or_default();
        if !process.is_empty() && !Path::new("/proc").join(process).exists() {
            let _ = call("ip", &["netns", "delete", name], "");
        }
    }
}

/// Runs a command with that input. Gives what it says, or what it complains about.
fn call(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    // One that does not read has something to complain about.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| format!("{program}: {error}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(said(&output.stdout));
    }
    Err(format!("{program} {}: {}", args.join(" "), said(&output.stderr)))
}

/// Whether this process has a network of its own; victims see to it that they do no harm elsewhere.
pub(crate) fn is_apart() -> bool {
    let devices = fs::read_to_string("/proc/net/dev").unwrap();
    devices.contains("cable:") && !devices.contains("eth0:")
}
