"""What was found, line by line."""

import random
import time
import traceback


class Wrong(Exception):
    """Something is not as it should be. Its text names what was expected and what was found."""


class Missing(Exception):
    """A client is not installed. Its text says what to do about that."""


class Report:
    """Runs checks and prints a line for each."""

    def __init__(self, quick, seed):
        self.quick = quick
        self.seed = seed
        self.good = 0
        self.failed = []
        self.skipped = []
        self.begun = time.monotonic()
        print(f"seed {seed}\n\n{'server':12} {'client':16} {'what':50} {'s':>5}  found", flush=True)

    def random(self, *names):
        """Random numbers that depend on the seed and on what they are for."""
        return random.Random("/".join(map(str, (self.seed, *names))))

    def check(self, server, client, what, function, *arguments):
        """Calls a function, which returns what is to be told or raises. True if it holds."""
        begun = time.monotonic()
        line = f"{server:12} {client:16} {what:50}"
        try:
            found = function(*arguments)
        except Missing as missing:
            self.skipped.append(line)
            print(f"{line}     -  SKIPPED: {missing}", flush=True)
            return False
        except Exception as error:
            self.failed.append(line)
            text = str(error) if isinstance(error, Wrong) else traceback.format_exc()
            print(f"{line} {time.monotonic() - begun:5.1f}  FAILED\n{indented(text)}", flush=True)
            return False
        self.good += 1
        print(f"{line} {time.monotonic() - begun:5.1f}  {found or 'as it should be'}", flush=True)
        return True

    def fail(self, what):
        """Something beside the checks is wrong."""
        self.failed.append(what)
        print(f"FAILED {what}", flush=True)

    def end(self):
        """Prints the sum of it all and returns the exit status."""
        seconds = time.monotonic() - self.begun
        print(f"\n{self.good} checks hold, {len(self.failed)} failed, {len(self.skipped)} skipped, in {seconds:.0f} s")
        for line in self.failed:
            print(f"FAILED {line}")
        if self.failed:
            print(f"once more with the same bytes: --seed {self.seed}")
        return 1 if self.failed else 0


def expect(what, found, expected):
    """Raises if they differ, and says where."""
    if found != expected:
        raise Wrong(f"{what}: expected {shown(expected)}, and not {shown(found)}{first_difference(found, expected)}")


def shown(value):
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} … {text[-100:]} ({len(value)} long)"


def first_difference(found, expected):
    if not (isinstance(found, bytes) and isinstance(expected, bytes)):
        return ""
    pairs = zip(found, expected)
    at = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(found), len(expected)))
    return f"; they differ from byte {at} on: {expected[at:at + 40]!r}, {found[at:at + 40]!r}"


def indented(text):
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
