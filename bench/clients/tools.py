"""Programs of other people, run to their end."""

import shutil
import subprocess

from report import Missing, Wrong

PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client", "ab": "apache2-utils", "curl": "curl",
            "redis-benchmark": "redis-tools", "redis-cli": "redis-tools"}
SECONDS = 300


def run(program, *arguments, given=None):
    """Returns what the program prints, as bytes. It must succeed."""
    if shutil.which(program) is None:
        raise Missing(f"no {program} here: apt-get install {PACKAGES[program]}")
    command = [program, *map(str, arguments)]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Wrong(f"{' '.join(command)}: not done after {SECONDS} s\n{text(late.stdout)}{text(late.stderr)}")
    if done.returncode != 0:
        said = text(done.stdout[-2000:]) + text(done.stderr)
        raise Wrong(f"{' '.join(command)}: exit status {done.returncode}\n{said}")
    return done.stdout


def text(output):
    return (output or b"").decode(errors="replace")
