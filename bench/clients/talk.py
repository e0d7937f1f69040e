"""asyncio: thousands of connections, random bytes in random pieces; a store, a chat and WebSockets by their rules."""

import asyncio
import base64
import hashlib
import struct

from kv import command
from report import Wrong, expect

SECONDS = 240


def run(report, programs):
    def check(server, what, conversation, quick, thorough):
        size = quick if report.quick else thorough
        report.check(server.name, "asyncio", what.format(size), begun_and_ended, conversation, server, size, report)

    with programs.start("echo_server") as server:
        check(server, "{} connections, random pieces", echo, 1000, 5000)
        check(server, "{} connections of 16 MiB", echo_much, 4, 16)
    with programs.start("http_hello") as server:
        check(server, "{} pipelines of 200 requests", pipelines, 100, 500)
    with programs.start("http_server") as server:
        check(server, "{} WebSockets", websockets, 100, 500)
    with programs.start("kv_server") as server:
        check(server, "{} connections, pipelined", store, 200, 2000)
        check(server, "{} subscribers", subscribers, 50, 200)
    with programs.start("chat_server") as server:
        check(server, "a room of {}", chat, 30, 150)


def begun_and_ended(conversation, server, size, report):
    """Has the conversation, which must be over in time. Of several failures at once the first is told."""

    async def limited():
        async with asyncio.timeout(SECONDS):
            return await conversation(server, size, report)

    try:
        return asyncio.run(limited())
    except TimeoutError:
        raise Wrong(f"not over after {SECONDS} s")
    except ExceptionGroup as group:
        first = group
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first


async def connect(server):
    return await asyncio.open_connection(server.host, server.port, limit=1 << 24)


async def all_of(coroutines):
    """Side by side; the first failure ends them all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in coroutines]
    return [task.result() for task in tasks]


async def write_in_pieces(writer, data, rng, largest):
    at = 0
    while at < len(data):
        length = rng.randint(1, largest)
        writer.write(data[at:at + length])
        at += length
        await writer.drain()
        if rng.random() < 0.3:
            await asyncio.sleep(0)


async def echo(server, size, report):
    """Each connection sends random bytes in random pieces, reads while it sends, closes its half, and reads the end."""
    opened = asyncio.Barrier(size)

    async def one(number):
        rng = report.random("echo", number)
        data = rng.randbytes(rng.randint(1, 40_000))
        reader, writer = await connect(server)
        # All of them are open at the same time.
        await opened.wait()
        reading = asyncio.create_task(reader.read(-1))
        await write_in_pieces(writer, data, rng, 6000)
        writer.write_eof()
        expect(f"what connection {number} has read to the end", await reading, data)
        writer.close()
        return len(data)

    return f"{sum(await all_of(map(one, range(size)))) / 1e6:.1f} MB"


async def echo_much(server, size, report):
    async def one(number):
        rng = report.random("echo much", number)
        data = rng.randbytes(16 << 20)
        reader, writer = await connect(server)
        reading = asyncio.create_task(reader.read(-1))
        await write_in_pieces(writer, data, rng, 300_000)
        writer.write_eof()
        expect(f"what connection {number} has read to the end", await reading, data)
        writer.close()

    await all_of(map(one, range(size)))
    return f"{size * 16} MiB"


async def pipelines(server, size, report):
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n"

    async def one(number):
        reader, writer = await connect(server)
        reading = asyncio.create_task(reader.read(-1))
        await write_in_pieces(writer, request * 200, report.random("pipeline", number), 700)
        writer.write_eof()
        expect(f"the answers of pipeline {number}", await reading, answer * 200)
        writer.close()

    await all_of(map(one, range(size)))
    return f"{size * 200} answers"


async def websockets(server, size, report):
    """Messages of all lengths that the protocol tells apart, whole and in fragments, with pings between them."""
    count = 20

    async def one(number):
        rng = report.random("websocket", number)
        reader, writer = await connect(server)
        await open_websocket(reader, writer, rng)
        for message in range(count):
            text = rng.random() < 0.5
            length = rng.choice([0, 1, 125, 126, 1000, 65_535, 65_536])
            payload = rng.randbytes(length // 2).hex().encode() if text else rng.randbytes(length)
            for frame in frames(payload, 1 if text else 2, rng):
                writer.write(frame)
                if rng.random() < 0.2:
                    writer.write(masked_frame(True, 9, b"are you there?", rng))
            await writer.drain()
            opcode, back = await next_message(reader)
            expect(f"message {message} of WebSocket {number}", (opcode, back), (1 if text else 2, payload))
        writer.write(masked_frame(True, 8, struct.pack(">H", 1000), rng))
        expect("the farewell", await next_message(reader), (8, struct.pack(">H", 1000)))
        expect("what follows the farewell", await reader.read(-1), b"")
        writer.close()

    await all_of(map(one, range(size)))
    return f"{size * count} messages"


async def open_websocket(reader, writer, rng):
    key = base64.b64encode(rng.randbytes(16))
    writer.write(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    if not head.startswith(b"http/1.1 101 ") or b"sec-websocket-accept: " + accept.lower() not in head:
        raise Wrong(f"a WebSocket begins with {head!r}")


def frames(payload, opcode, rng):
    """The message as one frame or several."""
    cuts = sorted(rng.randint(0, len(payload)) for _ in range(rng.choice([0, 0, 1, 3])))
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)])]
    last = len(parts) - 1
    return [masked_frame(at == last, opcode if at == 0 else 0, part, rng) for at, part in enumerate(parts)]


def masked_frame(is_last, opcode, payload, rng):
    length = len(payload)
    head = bytes([(0x80 if is_last else 0) | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65_536:
        head += bytes([0x80 | 126]) + struct.pack(">H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", length)
    mask = rng.randbytes(4)
    repeated = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ repeated).to_bytes(length, "big")


async def next_message(reader):
    """The next message, or the farewell; pongs are looked at and passed over."""
    opcode, payload = 0, b""
    while True:
        first, second = await reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            length, = struct.unpack(">H", await reader.readexactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", await reader.readexactly(8))
        part = await reader.readexactly(length)
        if first & 0x0F == 10:
            expect("a pong", part, b"are you there?")
            continue
        opcode = opcode or first & 0x0F
        payload += part
        if first & 0x80:
            return opcode, payload


async def store(server, size, report):
    """Random commands on keys of the connection's own, many at once, beside what they must answer."""
    commands = 300

    async def one(number):
        rng = report.random("store", number)
        model = Model(rng, b"%d:" % number)
        asked = [model.next() for _ in range(commands)]
        reader, writer = await connect(server)
        reading = asyncio.create_task(reader.read(-1))
        await write_in_pieces(writer, b"".join(ask for ask, _ in asked), rng, 2000)
        writer.write_eof()
        expect(f"the answers to connection {number}", await reading, b"".join(answer for _, answer in asked))
        writer.close()

    await all_of(map(one, range(size)))
    return f"{size * commands} commands"


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def array(values):
    return b"*%d\r\n" % len(values) + b"".join(map(bulk, values))


class Model:
    """What a store does, in a dictionary."""

    def __init__(self, rng, prefix):
        self.rng = rng
        self.prefix = prefix
        self.kept = {}

    def next(self):
        """A command, and the bytes of its answer."""
        kinds = (self.string, self.get, self.number, self.push, self.pop, self.range, self.delete, self.many)
        return self.rng.choice(kinds)()

    def key(self, kind):
        return self.prefix + kind + b"%d" % self.rng.randrange(4)

    def value(self):
        return self.rng.randbytes(self.rng.choice([0, 1, 10, 100, 5000]))

    def string(self):
        key, value = self.key(b"string"), self.value()
        self.kept[key] = value
        return command(b"SET", key, value), b"+OK\r\n"

    def get(self):
        key = self.key(self.rng.choice([b"string", b"string", b"list"]))
        value = self.kept.get(key)
        if isinstance(value, list):
            return command(b"GET", key), b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
        return command(b"get", key), bulk(value)

    def number(self):
        key, amount = self.key(b"number"), self.rng.randint(-1 << 40, 1 << 40)
        value = int(self.kept.get(key, b"0")) + amount
        self.kept[key] = b"%d" % value
        return command(b"INCRBY", key, b"%d" % amount), b":%d\r\n" % value

    def push(self):
        key, values = self.key(b"list"), [self.value() for _ in range(self.rng.randint(1, 3))]
        items = self.kept.setdefault(key, [])
        if self.rng.random() < 0.5:
            items[:0] = reversed(values)
            return command(b"LPUSH", key, *values), b":%d\r\n" % len(items)
        items += values
        return command(b"RPUSH", key, *values), b":%d\r\n" % len(items)

    def pop(self):
        key = self.key(b"list")
        items = self.kept.get(key)
        name, at = self.rng.choice([(b"LPOP", 0), (b"RPOP", -1)])
        value = items.pop(at) if items else None
        if not items:
            self.kept.pop(key, None)
        return command(name, key), bulk(value)

    def range(self):
        key = self.key(b"list")
        return command(b"LRANGE", key, b"0", b"-1"), array(self.kept.get(key, []))

    def delete(self):
        keys = {self.key(b"string"), self.key(b"list"), self.key(b"number")}
        there = sum(self.kept.pop(key, None) is not None for key in keys)
        return command(b"DEL", *keys), b":%d\r\n" % there

    def many(self):
        keys = [self.key(b"string") for _ in range(3)]
        if self.rng.random() < 0.5:
            values = [self.value() for _ in keys]
            self.kept.update(zip(keys, values))
            return command(b"MSET", *(word for pair in zip(keys, values) for word in pair)), b"+OK\r\n"
        return command(b"MGET", *keys), array([self.kept.get(key) for key in keys])


async def subscribers(server, size, report):
    """Each message reaches each subscriber, in the order in which they were published."""
    count = 200
    rng = report.random("subscribers")
    payloads = [rng.randbytes(rng.randint(0, 2000)) for _ in range(count)]
    expected = b"".join(b"*3\r\n" + bulk(b"message") + bulk(b"news") + bulk(payload) for payload in payloads)
    subscribed = asyncio.Barrier(size + 1)

    async def subscriber(number):
        reader, writer = await connect(server)
        writer.write(command(b"SUBSCRIBE", b"news"))
        confirmed = b"*3\r\n" + bulk(b"subscribe") + bulk(b"news") + b":1\r\n"
        expect("the confirmation", await reader.readexactly(len(confirmed)), confirmed)
        await subscribed.wait()
        expect(f"the messages to subscriber {number}", await reader.readexactly(len(expected)), expected)
        writer.close()

    async def publisher():
        reader, writer = await connect(server)
        await subscribed.wait()
        answer = b":%d\r\n" % size
        for payload in payloads:
            writer.write(command(b"PUBLISH", b"news", payload))
            expect("the number of those who are told", await reader.readexactly(len(answer)), answer)
        writer.close()

    await all_of([*map(subscriber, range(size)), publisher()])
    return f"{size * count} messages"


async def chat(server, size, report):
    """One speaks after the other, each twice, and all others read it; then they leave one by one."""
    guests = []
    for number in range(size):
        reader, writer = await connect(server)
        expect("the welcome", await reader.readline(), b"* welcome, guest-%d\n" % (number + 1))
        await reader.readline()
        await all_read(guests, b"* guest-%d comes in\n" % (number + 1))
        guests.append((reader, writer))
    rng = report.random("chat")
    for number, (reader, writer) in enumerate(guests):
        others = guests[:number] + guests[number + 1:]
        writer.write(b"/nick n%d\n" % number)
        expect("the new name", await reader.readline(), b"* you are called n%d now\n" % number)
        await all_read(others, b"* guest-%d is called n%d now\n" % (number + 1, number))
        for _ in range(2):
            text = rng.randbytes(rng.randint(1, 500)).hex().encode()
            await write_in_pieces(writer, text + b"\n", rng, 300)
            await all_read(others, b"n%d: %s\n" % (number, text))
    guests[0][1].write(b"/who\n")
    names = b", ".join(sorted(b"n%d" % number for number in range(size)))
    expect("who is there", await guests[0][0].readline(), b"* " + names + b"\n")
    for number in range(size):
        reader, writer = guests.pop(0)
        writer.write(b"/quit\n")
        expect("what is said at the end", await reader.read(-1), b"* goodbye\n")
        writer.close()
        await all_read(guests, b"* n%d leaves\n" % number)
    return f"{3 * size * (size - 1)} lines"


async def all_read(guests, line):
    for number, (reader, _) in enumerate(guests):
        expect(f"what guest {number} reads", await reader.readline(), line)
