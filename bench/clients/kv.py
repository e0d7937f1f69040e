"""redis-benchmark and redis-cli: kv_server as redis's own clients see it."""

import tools
from report import Missing, Wrong, expect

# What redis-benchmark knows and this server, too. Commands for sets, hashes and sorted sets are not served.
TESTS = "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,lrange_100,lrange_300,lrange_500,lrange_600,mset"

# Lines as a person types them, and what redis-cli makes of the answers.
CONVERSATION = [
    ("PING", "PONG"), ("PING hello", "hello"), ("ECHO 'two words'", "two words"),
    ("GET nothing", ""), ("SET greeting hello", "OK"), ("GET greeting", "hello"), ("SET greeting other NX", ""),
    ("SET fresh 1 XX", ""), ("EXISTS greeting fresh", "1"), ("TTL greeting", "-1"), ("TTL fresh", "-2"),
    ("EXPIRE greeting 100", "1"), ("TTL greeting", "100"), ("EXPIRE greeting 0", "1"), ("EXISTS greeting", "0"),
    ("SET short 1 PX 1", "OK"), ("INCR number", "1"), ("INCRBY number 41", "42"), ("DECR number", "41"),
    ("SET word text", "OK"), ("INCR word", "ERR value is not an integer or out of range\n"),
    ("MSET a 1 b 2 c 3", "OK"), ("MGET a nothing c", "1\n\n3"), ("DEL a b nothing", "2"),
    ("RPUSH list 1 2 3", "3"), ("LPUSH list 0", "4"), ("LRANGE list 0 -1", "0\n1\n2\n3"), ("LLEN list", "4"),
    ("LPOP list", "0"), ("RPOP list", "3"), ("LPOP list 5", "1\n2"), ("EXISTS list", "0"),
    ("RPUSH list x", "1"), ("GET list", "WRONGTYPE Operation against a key holding the wrong kind of value\n"),
    ("PUBLISH channel nobody", "0"), ("NOSUCH", "ERR unknown command 'NOSUCH', with args beginning with: \n"),
    ("GET", "ERR wrong number of arguments for 'get' command\n"), ("FLUSHALL", "OK"), ("DBSIZE", "0"),
]


def run(report, programs):
    with programs.start("kv_server") as server:
        report.check("kv_server", "redis-cli", "a conversation", conversation, server)
        report.check("kv_server", "redis-cli --pipe", "a store filled in one go", filled, server, report)
        report.check("kv_server", "redis-benchmark", "it tells of errors", tells_of_errors, server)
        for pipeline in (1, 16):
            arguments = (server, pipeline, report)
            report.check("kv_server", "redis-benchmark", f"all commands, -P {pipeline}", all_commands, *arguments)
            report.check("kv_server", "redis-benchmark", f"what it did adds up, -P {pipeline}", counted, *arguments)


def cli(server, *arguments, given=None):
    return tools.run("redis-cli", "-h", server.host, "-p", server.port, *arguments, given=given)


def benchmark(server, *arguments):
    return tools.text(tools.run("redis-benchmark", "-h", server.host, "-p", server.port, *arguments))


def conversation(server):
    said = cli(server, given="".join(f"{line}\n" for line, _ in CONVERSATION).encode())
    expect("the whole conversation", tools.text(said), "".join(f"{answer}\n" for _, answer in CONVERSATION))
    return f"{len(CONVERSATION)} answers"


def filled(server, report):
    count = 20_000 if report.quick else 500_000
    cli(server, "FLUSHALL")
    sets = b"".join(command(b"SET", b"key:%d" % number, b"value %d" % number) for number in range(count))
    said = tools.text(cli(server, "--pipe", given=sets))
    if f"errors: 0, replies: {count}\n" not in said:
        raise Wrong(f"redis-cli --pipe says {said!r}")
    expect("DBSIZE", tools.text(cli(server, "DBSIZE")), f"{count}\n")
    for number in (0, count // 2, count - 1):
        expect(f"key {number}", tools.text(cli(server, "GET", f"key:{number}")), f"value {number}\n")
    cli(server, "FLUSHALL")
    return f"{count} keys"


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def tells_of_errors(server):
    """If redis-benchmark took an error for an answer, all that it says below would mean nothing."""
    try:
        said = benchmark(server, "-n", 100, "-t", "sadd")
    except Wrong as wrong:
        if "unknown command" in str(wrong):
            return "SADD, which is not served"
        raise
    raise Wrong(f"redis-benchmark is content with a command that there is not:\n{said}")


def all_commands(server, pipeline, report):
    """Every command is answered, and none with an error."""
    count = 10_000 if report.quick else 100_000
    cli(server, "FLUSHALL")
    said = benchmark(server, "-n", count, "-P", pipeline, "-c", 64, "-r", 10_000, "--csv", "-t", TESTS)
    rates = {}
    for line in said.splitlines()[1:]:
        name, rate = line.split(",")[:2]
        rates[name.strip('"')] = float(rate.strip('"'))
    # LRANGE has a line for the LPUSH that it needs.
    if len(rates) < len(TESTS.split(",")):
        raise Wrong(f"redis-benchmark has left out a command: {said}")
    return f"{len(rates)} × {count} commands; GET {rates['GET']:.0f}/s, SET {rates['SET']:.0f}/s"


def counted(server, pipeline, report):
    """What 64 connections have done to one key and one list at the same time adds up."""
    count = 16_000 if report.quick else 160_000

    def load(test):
        benchmark(server, "-n", count, "-P", pipeline, "-c", 64, "-q", "-t", test)

    cli(server, "FLUSHALL")
    load("incr")
    expect("the counter", tools.text(cli(server, "GET", "counter:__rand_int__")), f"{count}\n")
    for test, length in (("lpush", count), ("rpush", 2 * count), ("lpop", count), ("rpop", 0)):
        load(test)
        expect(f"the list's length after {test}", tools.text(cli(server, "LLEN", "mylist")), f"{length}\n")
    expect("the keys left", tools.text(cli(server, "DBSIZE")), "1\n")
    return f"{5 * count} commands"
