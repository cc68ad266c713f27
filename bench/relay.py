#!/usr/bin/python3
"""the relay against haproxy (TCP) and socat: what it adds to a round trip; how exact its delays are

    bench/relay.py [--rounds N] [--seconds S] [--pings N]

First table: round trips a second of a bare client with a bare server (bench/load_floor) through each
relay without a delay, and the relay's own CPU (all its processes, from /proc) for each. Client and
server share a core, the relay has the other; the tools run by turns, a round after the other. `direct` is
without any relay. haproxy has one thread; socat forks a process for each connection.

Second table: delays. One connection, one question after the other, to the same bare server and to
Debian's redis-server; round times with a delay less the median without one, of the same round. `late` is
by how much the added time is more than the delay asked for; `relay's own count` is the mean of its true
delays less the delay asked for; CPU is that of the relay for each round trip (it polls the last 60 µs).

What is shown is the median over the rounds, in brackets the smallest and the largest.
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench"))
FLOOR = str(BUILD / "bench/load_floor")
DRIVE = str(BUILD / "bench/relay_drive")
ENDS, RELAY = "0", "1"  # cores
TICK = os.sysconf("SC_CLK_TCK")
HAPROXY = """
global
    nbthread 1
    maxconn 2000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen relay
    bind 127.0.0.1:{listen}
    server one 127.0.0.1:{port}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(.05)
    sys.exit(f"bench/relay.py: nothing listens on port {port}")


@contextlib.contextmanager
def running(core, *command, **more):
    process = subprocess.Popen(["taskset", "-c", core, *command], **more)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


class Relay:
    """culprit's, told what to do over a pipe."""

    def __init__(self, process):
        self.process = process
        address, pid = process.stdout.readline().split()
        self.port, self.pid = int(address.rsplit(":", 1)[1]), int(pid)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def count(self):
        pieces, delay_ns, cpu_us = self.ask("count")
        return int(pieces), int(delay_ns), float(cpu_us)


@contextlib.contextmanager
def culprit(port):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with running(RELAY, DRIVE, "relay", f"127.0.0.1:{port}", **pipes) as process:
        yield Relay(process)


def cpu_us(root):
    """Of a process and all below it, the dead that were waited for included."""
    total, parents = 0, {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            parents[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    for pid, (parent, ticks) in parents.items():
        while pid != root and parent in parents:
            pid, parent = parent, parents[parent][0]
        total += ticks if pid == root else 0
    return total * 1e6 / TICK


def spread(values, digits=1):
    if not values:
        return "-"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


@contextlib.contextmanager
def relays(port, folder):
    """{name: (port, process whose tree's CPU counts)}"""
    listen = {"haproxy": free_port(), "socat": free_port()}
    config = pathlib.Path(folder) / "haproxy.cfg"
    config.write_text(HAPROXY.format(listen=listen["haproxy"], port=port))
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(culprit(port))
        found = {"direct": (port, 0), "culprit": (ours.port, ours.pid)}
        for name, command in (("haproxy", ["haproxy", "-q", "-f", str(config)]),
                              ("socat", ["socat", f"TCP-LISTEN:{listen['socat']},fork,reuseaddr,nodelay,"
                                         "backlog=1024", f"TCP:127.0.0.1:{port},nodelay"])):
            if not shutil.which(command[0]):
                print(f"{name} is not there", file=sys.stderr)
                continue
            process = stack.enter_context(running(RELAY, *command))
            wait_for(listen[name])
            found[name] = listen[name], process.pid
        yield found


def throughput(args, port, folder):
    print("connections  relay    round trips/s                  relay's CPU a round trip, µs")
    with relays(port, folder) as found:
        for connections in (1, 50, 1000):
            names = [n for n in found if n != "socat" or connections <= 50]
            rates, costs = {n: [] for n in names}, {n: [] for n in names}
            for _ in range(args.rounds):
                for name in names:
                    at, pid = found[name]
                    before = cpu_us(pid) if pid else 0
                    begin = time.monotonic()
                    done = subprocess.run(["taskset", "-c", ENDS, FLOOR, "drive", str(at), str(connections),
                                           str(args.seconds)], stdout=subprocess.PIPE, text=True, check=True)
                    answers = int(done.stdout)
                    rates[name].append(answers / (time.monotonic() - begin))
                    if pid:
                        time.sleep(.2)  # socat's children are waited for
                        costs[name].append((cpu_us(pid) - before) / answers)
            for name in names:
                print(f"{connections:11,}  {name:8} {spread(rates[name], 0):30} {spread(costs[name], 2)}",
                      flush=True)


def pings(port, n):
    done = subprocess.run(["taskset", "-c", ENDS, DRIVE, "ping", str(port), str(n)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return sorted(int(line) / 1e3 for line in done.stdout.split())


def accuracy(args, name, port):
    delays = (500, 1000, 5000)
    late = {d: ([], [], [], [], []) for d in delays}
    direct, through = [], []
    with culprit(port) as relay:
        for _ in range(args.rounds):
            relay.ask("set 0")
            direct.append(statistics.median(pings(port, args.pings)))
            base = statistics.median(pings(relay.port, args.pings))
            through.append(base)
            for d in delays:
                relay.ask(f"set {d * 1000}")
                before = relay.count()
                times = pings(relay.port, args.pings)
                pieces, total, cpu = (b - a for a, b in zip(before, relay.count()))
                row = late[d]
                for list_, share in zip(row, (.5, .9, .99)):
                    list_.append(times[int(share * (len(times) - 1))] - base - d)
                row[3].append(total / pieces / 1e3 - d)
                row[4].append(cpu / pieces)
    print(f"{name}: {spread(direct)} µs direct, {spread(through)} µs through the relay")
    for d in delays:
        p50, p90, p99, own, cpu = late[d]
        print(f"{d / 1000:7.1f} ms   {spread(p50):24} {spread(p90):24} {spread(p99):24} {spread(own):22} "
              f"{spread(cpu)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--pings", type=int, default=300)
    args = parser.parse_args()
    port, redis_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, running(ENDS, FLOOR, "serve", str(port)):
        wait_for(port)
        throughput(args, port, folder)
        print("\n  delay      late, µs: median         p90                      p99                      "
              "relay's own count      CPU a round trip, µs")
        accuracy(args, "bare server", port)
        if not shutil.which("redis-server"):
            print("redis-server is not there", file=sys.stderr)
            return
        with running(ENDS, "redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "",
                     "--dir", folder, stdout=subprocess.DEVNULL):
            wait_for(redis_port)
            accuracy(args, "redis-server", redis_port)


if __name__ == "__main__":
    main()
