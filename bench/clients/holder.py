"""A process that holds thousands of connections to one server, told by lines on stdin what to do with them.

    python3 holder.py KIND HOST PORT SOURCE SEED

SOURCE is the address that the connections come from: each has 28,000 ports of its own. Commands are

    open N WIDTH    makes N more connections, at most WIDTH at a time; each says something and has it answered
    crowd N         the same, all at once; one that is reset before it has its first answer tries again
    talk N WIDTH    N of the connections, chosen at random, say something and have it answered, at most WIDTH at a time
    close           closes them all
    reset           closes them all with a reset

and each is answered with a line of JSON: how many connections were reset and tried again, or what is wrong.
"""

import errno
import json
import os
import random
import resource
import select
import socket
import struct
import sys
import time

PATIENCE_S = 120


class Wrong(Exception):
    pass


def exchanges(kind, rng, number):
    """What a connection says, and what it must hear then."""
    payload = rng.randbytes(rng.randint(1, 300))
    if kind == "echo":
        return payload, payload
    if kind == "kv":
        key = b"%d of %d" % (number, os.getpid())
        ask = b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(payload), payload)
        ask += b"".join(b"*2\r\n$3\r\n%s\r\n$%d\r\n%s\r\n" % (name, len(key), key) for name in (b"GET", b"DEL"))
        # Nothing stays, so that the store's memory is that of its connections.
        return ask, b"+OK\r\n$%d\r\n%s\r\n:1\r\n" % (len(payload), payload)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n"
    return b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number, head + b"Hello, world!\n"


class Connection:
    """One connection and its conversation under way."""

    def __init__(self, number):
        self.number = number
        self.socket = None
        self.expected = self.heard = b""


class Holder:
    def __init__(self, kind, host, port, source, seed):
        self.kind = kind
        self.server = (host, int(port))
        self.source = source
        self.rng = random.Random(f"{seed}/{source}")
        self.epoll = select.epoll()
        self.connections = []
        self.by_number = {}
        self.may_be_reset = False
        self.resets = 0

    def open(self, count, width):
        fresh = [Connection(len(self.connections) + at) for at in range(count)]
        self.connections += fresh
        self.converse(fresh, width, self.connect)

    def crowd(self, count):
        self.may_be_reset = True
        self.open(count, count)
        self.may_be_reset = False

    def talk(self, count, width):
        self.converse(self.rng.sample(self.connections, count), width, self.ask)

    def connect(self, connection):
        connection.socket = socket.socket()
        connection.socket.setblocking(False)
        # The port is chosen when the destination is known, so that every one of them can be had.
        connection.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        connection.socket.bind((self.source, 0))
        error = connection.socket.connect_ex(self.server)
        if error not in (0, errno.EINPROGRESS):
            raise Wrong(f"connection {connection.number} from {self.source}: {errno.errorcode[error]}")
        self.begin(connection, select.EPOLLOUT)

    def ask(self, connection):
        self.begin(connection, select.EPOLLOUT)

    def begin(self, connection, events):
        fd = connection.socket.fileno()
        self.by_number[fd] = connection
        self.epoll.register(fd, events)

    def converse(self, connections, width, start):
        """Starts them, at most `width` at a time, and returns when each has its answer."""
        waiting = iter(connections)
        begun, done = 0, 0
        deadline = time.monotonic() + PATIENCE_S
        while done < len(connections):
            while begun - done < width and begun < len(connections):
                start(next(waiting))
                begun += 1
            for fd, events in self.epoll.poll(1):
                done += self.progress(self.by_number[fd])
            if time.monotonic() > deadline:
                raise Wrong(f"{begun - done} of {len(connections)} connections have no answer after {PATIENCE_S} s")

    def progress(self, connection):
        """True if the connection has its answer now."""
        try:
            return self.hear(connection) if connection.expected else self.say(connection)
        except BlockingIOError:
            return False
        except ConnectionResetError as reset:
            if not self.may_be_reset or connection.heard:
                raise Wrong(f"connection {connection.number} from {self.source}: {reset}")
            self.resets += 1
            connection.socket.close()
            connection.expected = b""
            self.connect(connection)
            return False
        except OSError as error:
            raise Wrong(f"connection {connection.number} from {self.source}: {error}")

    def say(self, connection):
        """Connected, and so far nothing said."""
        error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            # Of the kind that belongs to the number.
            raise OSError(error, errno.errorcode[error])
        ask, connection.expected = exchanges(self.kind, self.rng, connection.number)
        # So little fits into every socket.
        if connection.socket.send(ask) != len(ask):
            raise Wrong(f"connection {connection.number} takes no {len(ask)} bytes")
        self.epoll.modify(connection.socket.fileno(), select.EPOLLIN)
        return False

    def hear(self, connection):
        # More than is expected is asked for, since more than is expected would be wrong.
        part = connection.socket.recv(65536)
        connection.heard += part
        heard, expected = connection.heard, connection.expected
        if not part or not expected.startswith(heard):
            what = "the end" if not part else repr(heard[:200])
            raise Wrong(f"connection {connection.number} from {self.source} heard {what} and not {expected[:200]!r}")
        if len(heard) < len(expected):
            return False
        connection.heard = connection.expected = b""
        self.epoll.unregister(connection.socket.fileno())
        return True

    def close(self):
        for connection in self.connections:
            if connection.socket:
                connection.socket.close()
        self.connections.clear()
        self.by_number.clear()

    def reset(self):
        for connection in self.connections:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


# Python has no name for it before 3.12.
IP_BIND_ADDRESS_NO_PORT = 24


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    holder = Holder(*sys.argv[1:])
    functions = (holder.open, holder.crowd, holder.talk, holder.close, holder.reset)
    commands = {function.__name__: function for function in functions}
    for line in sys.stdin:
        name, *numbers = line.split()
        holder.resets = 0
        try:
            commands[name](*map(int, numbers))
            answer = {"resets": holder.resets}
        except (Wrong, OSError) as wrong:
            answer = {"wrong": str(wrong)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
