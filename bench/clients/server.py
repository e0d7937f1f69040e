"""The servers: how they are started, looked at and stopped."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from report import Wrong

PATIENCE_S = 60


class Programs:
    """Where the servers are, and the authority that has signed their certificate."""

    def __init__(self, directory, authority):
        self.directory = directory
        self.authority = authority

    def start(self, name, *options, preload=None):
        """Starts a server on a free port, perhaps with a library of ours in it."""
        program = self.directory / name
        if not program.exists():
            raise SystemExit(f"{program} is missing: leave out --no-build")
        environment = {**os.environ, **({"LD_PRELOAD": preload} if preload else {})}
        return Server(name, [program, "--addr", "127.0.0.1:0", *options], environment)


class Server:
    """A server process. As a context manager it is stopped at the end, and must have had nothing to complain about."""

    def __init__(self, name, command, environment):
        self.name = name
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, env=environment)
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise Wrong(f"{name} does not listen: {line!r} {self.complaints()}")
        self.addr = line.split()[-1]
        self.host, port = self.addr.rsplit(":", 1)
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = f"none for {PATIENCE_S} s after SIGTERM"
        self.process.stdout.close()
        if kind is None:
            # Those that end in an orderly way say so; the others have left SIGTERM to the system.
            if status not in (0, -signal.SIGTERM):
                raise Wrong(f"{self.name} has ended with status {status}: {self.complaints()}")
            if self.complaints():
                raise Wrong(f"{self.name} complains: {self.complaints()}")

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def descriptors(self):
        """How many files the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Bytes of memory that the process really has."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self):
        """How long all threads of the process have run so far."""
        # The second field is a name in brackets that may hold anything.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(what, look, seconds=PATIENCE_S):
    """Waits for what no event tells of. `look` returns None when it is so, or what is there instead."""
    end = time.monotonic() + seconds
    while (instead := look()) is not None:
        if time.monotonic() > end:
            raise Wrong(f"never within {seconds} s: {what}; instead {instead}")
        time.sleep(0.01)
