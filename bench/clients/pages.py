"""curl: every route of http_server, in the clear and over TLS, with HTTP/1.1 and HTTP/2."""

import json
import tempfile
from pathlib import Path

import tools
from report import expect

MIB = 1 << 20

# How the connection is made: options of the server, options of curl, and the version that must have been spoken. Two
# things that curl 7.88 cannot do are not asked of it. In the clear, with HTTP/2, it fails at the second request on a
# connection, before it sends anything. And it takes an answer for broken that comes, with an orderly reset of the
# stream (RFC 9113, 8.1), before the request's body has left.
CLEAR_HTTP2 = "HTTP/2"
WAYS = {
    "HTTP/1.1": ([], ["--http1.1"], "1.1"),
    "HTTP/2": ([], ["--http2-prior-knowledge"], "2"),
    "HTTP/1.1, TLS 1.2": (["--tls"], ["--http1.1", "--tls-max", "1.2"], "1.1"),
    "HTTP/1.1, TLS 1.3": (["--tls"], ["--http1.1", "--tlsv1.3"], "1.1"),
    "HTTP/2, TLS 1.2": (["--tls"], ["--http2", "--tls-max", "1.2"], "2"),
    "HTTP/2, TLS 1.3": (["--tls"], ["--http2", "--tlsv1.3"], "2"),
}


def run(report, programs):
    for way, (server_options, curl_options, version) in WAYS.items():
        with programs.start("http_server", *server_options) as server, tempfile.TemporaryDirectory() as scratch:
            curl = Curl(server, programs.authority, bool(server_options), curl_options, version, Path(scratch))
            report.check("http_server", "curl", f"every route, {way}", every_route, curl)
            report.check("http_server", "curl", f"bodies there and back, {way}", bodies, curl, report)
            if way != CLEAR_HTTP2:
                report.check("http_server", "curl", f"one connection for all, {way}", one_connection, curl)
            report.check("http_server", "curl", f"50 at once, {way}", many_at_once, curl, report)
    with programs.start("http_hello") as server, tempfile.TemporaryDirectory() as scratch:
        curl = Curl(server, None, False, ["--http1.1"], "1.1", Path(scratch))
        report.check("http_hello", "curl", "GET, HEAD and POST", hello, curl)


class Curl:
    """curl, and how it is to talk to the server."""

    def __init__(self, server, authority, secure, options, version, scratch):
        # The certificate is localhost's.
        self.base = f"https://localhost:{server.port}" if secure else f"http://{server.addr}"
        self.options = ["--silent", "--show-error", "--max-time", "120", *options]
        if secure:
            self.options += ["--cacert", authority, "--resolve", f"localhost:{server.port}:127.0.0.1"]
        self.version = version
        self.scratch = scratch

    def fetch(self, path, *options, given=None):
        """Returns the status and the body, and sees to it that the version is the one asked for."""
        body = self.scratch / "body"
        body.unlink(missing_ok=True)
        write = "%{http_code} %{http_version}"
        where = ("--output", body, "--write-out", write, self.base + path)
        said = tools.run("curl", *self.options, *options, *where, given=given)
        status, version = said.decode().split()
        expect(f"the version of {path}", version, self.version)
        return int(status), body.read_bytes() if body.exists() else b""

    def post(self, path, body, *options):
        """Posts a body whose length is told beforehand."""
        file = self.scratch / "posted"
        file.write_bytes(body)
        return self.fetch(path, "--data-binary", f"@{file}", *options)


def lines(count):
    return b"".join(b"line %d\n" % number for number in range(count))


def every_route(curl):
    pages = {
        "/": b"Hello, world!\n",
        "/json": b'{"message":"Hello, world!"}',
        "/lines/0": b"",
        "/lines/1": b"line 0\n",
        "/lines/100000": lines(100_000),
        "/sleep/0": b"slept for 0ns\n",
        "/sleep/50": b"slept for 50ms\n",
    }
    for path, body in pages.items():
        expect(f"GET {path}", curl.fetch(path), (200, body))
    expect("HEAD /", curl.fetch("/", "--head")[0], 200)
    refused = {"/nowhere": 404, "/lines/minus": 400, "/lines/-1": 400, "/echo": 405, "/ws": 426}
    for path, status in refused.items():
        expect(f"GET {path}", curl.fetch(path)[0], status)
    return f"{len(pages) + 1 + len(refused) + kinds_of_json(curl)} answers"


def kinds_of_json(curl):
    kinds = {"null": "nothing", "true": "a truth value", "-1.5": "a number", '"a ü"': "a string", "[1,[]]": "a list",
             '{"a":{}}': "an object"}
    header = ("--header", "content-type: application/json")
    for value, kind in kinds.items():
        status, body = curl.post("/json", value.encode(), *header)
        expect(f"POST /json of {value}", (status, json.loads(body)), (200, {"kind": kind, "value": json.loads(value)}))
    expect("POST /json of half a list", curl.post("/json", b"[1,", *header)[0], 400)
    if curl.version == "1.1":
        other = curl.post("/json", b"[1]", "--header", "content-type: text/plain")
        expect("POST /json of something else", other[0], 415)
    return len(kinds) + 1 + (curl.version == "1.1")


def bodies(curl, report):
    """What is posted to /echo comes back while it is sent, whether or not its length is told beforehand.

    `Expect` is left out: the answer to /echo begins before the body comes, and curl, having heard no 100 before it,
    would wait for one for a second.
    """
    at_once = ("--header", "expect:")
    largest = 16 * MIB if report.quick else 256 * MIB
    total = 0
    for length in [0, 1, 1000, 16_383, 65_536, 3 * MIB + 1, largest]:
        body = random_body(report.random("body", length), length)
        total += 2 * length
        expect(f"POST /echo of {length} bytes", curl.post("/echo", body, *at_once), (200, body))
        # `-T -` reads what it sends from a pipe, whose length nobody knows.
        sent = curl.fetch("/echo", *at_once, "--request", "POST", "--upload-file", "-", given=body)
        expect(f"POST /echo of {length} bytes, length untold", sent, (200, body))
    return f"{2 * total / MIB:.0f} MiB"


def random_body(rng, length):
    """By the mebibyte: 2³¹ bits at once are more than `randbytes` can count."""
    return b"".join(rng.randbytes(min(MIB, length - start)) for start in range(0, length, MIB))


def one_connection(curl):
    """curl asks for 100 pages one after the other, and needs one connection for them."""
    config = curl.scratch / "config"
    config.write_text("".join(f'url = "{curl.base}/"\noutput = "{curl.scratch}/page{n}"\n' for n in range(100)))
    said = tools.run("curl", *curl.options, "--write-out", "%{num_connects} %{http_code}\n", "--config", config)
    expect("connections made and statuses", sorted(said.decode().split("\n")[:-1]), ["0 200"] * 99 + ["1 200"])
    for number in range(100):
        expect(f"page {number}", (curl.scratch / f"page{number}").read_bytes(), b"Hello, world!\n")
    return "100 answers"


def many_at_once(curl, report):
    """Pages of different lengths at the same time: on as many connections, or as streams of one."""
    counts = [report.random("many", number).randrange(2000) for number in range(50)]
    config = curl.scratch / "config"
    wanted = [
        f'url = "{curl.base}/lines/{count}"\noutput = "{curl.scratch}/page{number}"\n'
        for number, count in enumerate(counts)
    ]
    config.write_text("".join(wanted))
    tools.run("curl", *curl.options, "--parallel", "--parallel-max", "50", "--parallel-immediate", "--config", config)
    for number, count in enumerate(counts):
        expect(f"page {number}", (curl.scratch / f"page{number}").read_bytes(), lines(count))
    return "50 answers"


def hello(curl):
    body = b"Hello, world!\n"
    expect("GET /", curl.fetch("/"), (200, body))
    expect("HEAD /", curl.fetch("/", "--head")[0], 200)
    for length in [0, 1, 100_000, 2 * MIB]:
        expect(f"POST of {length} bytes", curl.post("/", bytes(length)), (200, body))
    expect("GET / in HTTP/1.0", curl.fetch("/", "--http1.0"), (200, body))
    return "7 answers"
