"""As many connections to one server process as it may have files, and what they cost it.

The clients are other processes (`holder.py`), each with an address of its own.

A listener has a backlog: so many connections wait until they are accepted. Within it none may be lost. Beyond it the
kernel drops what comes: a client tries again a second later, and one that believes itself connected already may be
reset in the end. No program can prevent that; the server must serve all others, and whoever tries again.
"""

import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import load
import kv
from report import Wrong, expect
from server import eventually

HOLDERS = 4
MOST = 19_000
IDLE = 10_000
# A little less than the servers' 4096: those that have been closed may still be counted.
BACKLOG = 4000
# How much more than before a server may hold when all have left: room that its queues and tables keep.
KEPT = 4 << 20

# Files that a server has open besides its connections, and then some.
SPARE = 200

KINDS = {"echo_server": "echo", "kv_server": "kv", "http_hello": "http"}


def run(report, programs):
    most = min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE)
    if most < MOST:
        print(f"a process may have only {most + SPARE} files open here: {most} connections instead of {MOST}")
    with tempfile.TemporaryDirectory() as scratch:
        trim = trimming(Path(scratch))
        for name in ["echo_server"] if report.quick else KINDS:
            with programs.start(name, preload=trim) as server, Holders(server, report.seed) as holders:
                crowd(report, server, holders, most, trim is not None)
    with programs.start("http_hello") as server, Holders(server, report.seed) as holders:
        beside_idle(report, server, holders, min(IDLE, most), "wrk", wrk)
    if not report.quick:
        with programs.start("kv_server") as server, Holders(server, report.seed) as holders:
            beside_idle(report, server, holders, min(IDLE, most), "redis-benchmark", redis_benchmark)
        with programs.start("echo_server") as server, Holders(server, report.seed) as holders:
            beside_idle(report, server, holders, min(IDLE, most), "64 connections", talking)


def trimming(scratch):
    """The library by which a server is told to give freed memory back; None where it cannot be made."""
    if shutil.which("cc") is None:
        print("no cc here: what servers hold in the end is told and not judged")
        return None
    library = scratch / "trim.so"
    source = Path(__file__).resolve().parent / "trim.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-pthread"], check=True)
    return str(library)


class Holders:
    """Client processes, which do the same thing at the same time."""

    def __init__(self, server, seed):
        program = Path(__file__).resolve().parent / "holder.py"
        command = [sys.executable, "-B", program, KINDS[server.name], server.host, str(server.port)]
        self.processes = [
            subprocess.Popen(
                [*command, f"127.0.0.{2 + at}", str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for at in range(HOLDERS)
        ]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.stdin.close()
            process.wait()
            process.stdout.close()

    def do(self, command, count=None, width=None):
        """Shares both numbers among all of them. Returns how many seconds it took."""
        begun = time.monotonic()
        self.resets = 0
        for at, process in enumerate(self.processes):
            share = "" if count is None else f" {(count + at) // HOLDERS}"
            share += "" if width is None else f" {max(1, width // HOLDERS)}"
            process.stdin.write(f"{command}{share}\n")
            process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for process in self.processes]
        wrong = [answer["wrong"] for answer in answers if "wrong" in answer]
        if wrong:
            raise Wrong(f"{command} {count or ''}: {wrong[0]}" + f" (and {len(wrong) - 1} more)" * (len(wrong) > 1))
        self.resets = sum(answer["resets"] for answer in answers)
        return time.monotonic() - begun


class Empty:
    """What a server without connections has, once it has had some: workers begin, and their files stay."""

    def __init__(self, server, holders):
        holders.do("open", 1000, 1000)
        holders.do("close")
        files = None
        # Nothing tells how many that will be.
        while files != (files := server.descriptors()):
            time.sleep(0.5)
        self.files = files
        self.memory = server.memory()


def crowd(report, server, holders, most, trims):
    name, client = server.name, f"{HOLDERS} processes"
    before = Empty(server, holders)

    def check(what, function, *arguments):
        return report.check(name, client, what, function, *arguments)

    backlog = min(BACKLOG, int(Path("/proc/sys/net/core/somaxconn").read_text()))
    if not check(f"{most} connections, {backlog} at a time, and a message", opened, holders, most, backlog):
        return
    check("what they cost while nothing happens", idle, server, before, most)
    check("some at random say something", at_random, report, holders, most)
    check("all say something at the same time", said, holders, most, most)
    check("all close at the same time", left, server, holders, before, "close", trims)
    check(f"{most} connections at once", crowded, holders, most)
    check("all say something, 256 at a time", said, holders, most, 256)
    check("all are reset at the same time", left, server, holders, before, "reset", trims)


def opened(holders, count, width):
    seconds = holders.do("open", count, width)
    return f"{count / seconds:.0f}/s"


def crowded(holders, count):
    """Far more than the backlog."""
    before = overflows()
    seconds = holders.do("crowd", count)
    turned_away = overflows() - before
    if holders.resets and not turned_away:
        raise Wrong(f"{holders.resets} connections were reset, and the backlog was never full")
    again = f"; the backlog was full {turned_away} times, {holders.resets} tried again" if turned_away else ""
    return f"{count / seconds:.0f}/s{again}"


def overflows():
    """How often a connection found a backlog full, on the whole machine."""
    names, values = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines()[:2]]
    return int(values[names.index("ListenOverflows")])


def said(holders, count, width):
    return f"{count / holders.do('talk', count, width):.0f}/s"


def at_random(report, holders, most):
    rng, total = report.random("scale"), 0
    for _ in range(10 if report.quick else 50):
        count = rng.randrange(HOLDERS, most // 4)
        holders.do("talk", count, rng.choice([16, 256, most]))
        total += count
    return f"{total} messages"


def idle(server, before, connections):
    # The watchdog keeps a file open as long as it wonders what a worker does.
    eventually("each costs one file", lambda: difference(server.descriptors() - before.files, connections))
    # What has just been said may still be tidied up.
    time.sleep(1)
    seconds = 4
    used = server.processor_seconds()
    time.sleep(seconds)
    used = server.processor_seconds() - used
    # kv_server looks for old keys ten times a second, and a clock tick is a quarter of a per cent.
    if used > seconds * 0.03:
        raise Wrong(f"an idle server has used {used:.2f} s of processor time in {seconds} s")
    each = (server.memory() - before.memory) / connections
    return f"{each:.0f} B of memory each; {used / seconds:.1%} of a core"


def left(server, holders, before, how, trims):
    holders.do(how)
    begun = time.monotonic()
    eventually("the server's files are as before", lambda: difference(server.descriptors(), before.files))
    seconds = time.monotonic() - begun
    # The runtime gives pages back a moment after the last task has ended.
    time.sleep(1)
    kept = server.memory()
    if trims:
        server.process.send_signal(signal.SIGUSR2)
        eventually("the server's memory is as before", lambda: too_much(server.memory(), before.memory + KEPT))
    first, kept, last = (f"{size / 1e6:.0f} MB" for size in (before.memory, kept, server.memory()))
    return f"files as before after {seconds:.1f} s; memory {first} before, {kept} now, {last} trimmed"


def too_much(found, most):
    return None if found <= most else f"{found} bytes and not at most {most}"


def difference(found, expected):
    return None if found == expected else f"{found} and not {expected}"


def beside_idle(report, server, holders, idle_count, client, drive):
    """A load finds the server as good as before, and those who are idle are not forgotten."""
    name, many = server.name, f"{HOLDERS} processes"
    with tempfile.TemporaryDirectory() as scratch:
        arguments = (server, Path(scratch), report)
        report.check(name, client, "alone", drive, *arguments)
        if report.check(name, many, f"{idle_count} connections", opened, holders, idle_count, 1024):
            report.check(name, client, f"beside {idle_count} idle connections", drive, *arguments)
            report.check(name, many, "those who were idle say something", said, holders, idle_count, 1024)


def wrk(server, scratch, report):
    return load.wrk(scratch, f"http://{server.addr}/", 64, 2 if report.quick else 10, load.HELLO)


def redis_benchmark(server, scratch, report):
    return kv.counted(server, 16, report)


def talking(server, scratch, report):
    with Holders(server, report.seed + 1) as holders:
        holders.do("open", 64, 64)
        seconds = sum(holders.do("talk", 64, 64) for _ in range(500))
        return f"{64 * 500} messages, {64 * 500 / seconds:.0f}/s"

