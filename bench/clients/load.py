"""wrk, ab and h2load: many connections, many requests, and not one that fails or brings another body."""

import re
import tempfile
from pathlib import Path

import tools
from pages import lines
from report import Wrong, expect

HELLO = b"Hello, world!\n"
HERE = Path(__file__).resolve().parent


def run(report, programs):
    seconds, count = (1, 10_000) if report.quick else (5, 200_000)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        with programs.start("http_hello") as server:
            url = f"http://{server.addr}/"
            for connections in (1, 64, 512):
                what = f"{connections} connections"
                report.check("http_hello", "wrk", what, wrk, scratch, url, connections, seconds, HELLO)
            report.check("http_hello", "ab", "64 connections kept", ab, url, 64, count, HELLO, "-k")
            report.check("http_hello", "ab", "64 at once, one for each request", ab, url, 64, count // 4, HELLO)
            report.check("http_hello", "h2load --h1", "64 connections", h2load, url, 64, count, HELLO, "--h1")
        for secure in (False, True):
            with programs.start("http_server", *["--tls"] * secure) as server:
                served_by_axum(report, scratch, server, secure, seconds, count)


def served_by_axum(report, scratch, server, secure, seconds, count):
    url = f"http{'s' * secure}://{server.addr}"
    tls = ", TLS" * secure
    streamed, posted = lines(1000), report.random("posted").randbytes(20_000)

    def check(client, what, function, *arguments):
        report.check("http_server", client, what + tls, function, *arguments)

    check("wrk", "64 connections", wrk, scratch, url + "/", 64, seconds, HELLO)
    check("wrk", "512 connections", wrk, scratch, url + "/", 512, seconds, HELLO)
    check("wrk", "streamed bodies", wrk, scratch, url + "/lines/1000", 64, seconds, streamed)
    check("wrk", "20 kB there and back", wrk, scratch, url + "/echo", 64, seconds, posted, posted)
    check("ab", "64 connections kept", ab, url + "/", 64, count, HELLO, "-k")
    check("ab", "64 at once, one for each request", ab, url + "/", 64, count // (20 if secure else 4), HELLO)
    check("ab", "20 kB there and back", ab_post, scratch, url + "/echo", 64, count // 4, posted)
    check("h2load --h1", "64 connections", h2load, url + "/", 64, count, HELLO, "--h1")
    check("h2load", "10 connections of 100 streams", h2load, url + "/", 10, count, HELLO, "-m", 100)
    check("h2load", "1 connection of 100 streams", h2load, url + "/", 1, count, HELLO, "-m", 100)
    check("h2load", "streamed bodies, 100 streams", h2load, url + "/lines/1000", 10, count // 20, streamed, "-m", 100)
    body = scratch / "posted"
    body.write_bytes(posted)
    options = ("-m", 100, "-d", body)
    check("h2load", "20 kB there and back, 100 streams", h2load, url + "/echo", 10, count // 20, posted, *options)


def wrk(scratch, url, connections, seconds, expected, posted=None):
    """Looks into each body."""
    files = []
    for name, content in (("expected", expected), ("posted", posted)):
        if content is not None:
            (scratch / name).write_bytes(content)
            files.append(scratch / name)
    threads = 1 if connections == 1 else 2
    options = [f"-t{threads}", f"-c{connections}", f"-d{seconds}", "--timeout", "60s", "-s", HERE / "bodies.lua"]
    said = tools.text(tools.run("wrk", *options, url, "--", *files))
    if "Socket errors" in said or "Non-2xx" in said:
        raise Wrong(f"wrk complains about {url}:\n{said}")
    expect("wrong bodies", number(r"wrong: (\d+)", said), 0)
    compared = number(r"compared: (\d+)", said)
    if compared == 0 and seconds < 60:
        # Hundreds of handshakes may take longer than that.
        return wrk(scratch, url, connections, 4 * seconds, expected, posted)
    if compared == 0:
        raise Wrong(f"wrk has had no answer at all:\n{said}")
    return f"{compared} answers, {compared / seconds:.0f}/s"


def ab(url, connections, count, expected, *options):
    """Looks at lengths only."""
    said = tools.text(tools.run("ab", "-q", "-s", 60, "-n", count, "-c", connections, *options, url))
    expect("complete requests", number(r"Complete requests: +(\d+)", said), count)
    expect("failed requests", number(r"Failed requests: +(\d+)", said), 0)
    expect("bytes of bodies", number(r"HTML transferred: +(\d+)", said), count * len(expected))
    for complaint in ("Non-2xx responses", "Write errors"):
        if complaint in said:
            raise Wrong(f"ab complains about {url}:\n{said}")
    if "-k" in options:
        expect("requests on connections that were kept", number(r"Keep-Alive requests: +(\d+)", said), count)
    return rate(count, r"Requests per second: +(\d+)", said)


def ab_post(scratch, url, connections, count, posted):
    body = scratch / "posted"
    body.write_bytes(posted)
    return ab(url, connections, count, posted, "-p", body, "-T", "application/octet-stream", "-k")


def h2load(url, connections, count, expected, *options):
    """Looks at lengths only."""
    said = tools.text(tools.run("h2load", "-n", count, "-c", connections, *options, url))
    protocol = "http/1.1" if "--h1" in options else "h2" if url.startswith("https") else "h2c"
    expect("the protocol", re.findall(r"Application protocol: (\S+)", said), [protocol])
    states = re.findall(r"(\d+) (total|started|done|succeeded|failed|errored|timeout)", said)
    counts = {state: int(of) for of, state in states if state != "total" or int(of) == count}
    expected_counts = dict.fromkeys(["total", "started", "done", "succeeded"], count)
    expect("requests", counts, {**expected_counts, "failed": 0, "errored": 0, "timeout": 0})
    expect("answers of 2xx", number(r"status codes: (\d+) 2xx", said), count)
    expect("bytes of bodies", number(r"\((\d+)\) data", said), count * len(expected))
    return rate(count, r"(\d+)(?:\.\d+)? req/s", said)


def rate(count, pattern, said):
    return f"{count} answers, {number(pattern, said)}/s"


def number(pattern, said):
    found = re.search(pattern, said)
    if not found:
        raise Wrong(f"no {pattern!r} in\n{said}")
    return int(found[1])
