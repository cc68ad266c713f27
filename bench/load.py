#!/usr/bin/python3
"""the load engine against wrk and h2load: CPU microseconds per request, with the floor beside it

    bench/load.py [--rounds N] [--seconds S] [ROW …]        rows: small-50 small-1000 big-50 floor-50 floor-1000

Server and generator have a core each; the tools run by turns, a round after the other, each with one
thread, and the ratio is taken within a round, so that a machine whose speed drifts does little harm.
CPU is user + system of the finished process (wait4). The rows small and big go to Debian's nginx, and
the requests are nginx's own count (stub_status); the rows floor go to a responder that does nothing
but answer. The tool `floor` is a bare send-and-receive loop: what any generator of this kind must cost.
"""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench"))
CULPRIT = os.environ.get("CULPRIT", str(BUILD / "culprit"))
FLOOR = str(BUILD / "bench/load_floor")

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 12000; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=4096; root {folder};
        location = /small {{ return 200 "hello, world\\n"; }}
        location = /big {{ }}
        location = /status {{ stub_status; }}
    }}
}}
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
        time.sleep(0.05)
    sys.exit(f"bench/load.py: nothing listens on port {port}")


@contextlib.contextmanager
def running(command, port):
    server = subprocess.Popen(["taskset", "-c", CORES[0], *command])
    try:
        wait_for(port)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


@contextlib.contextmanager
def nginx():
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        sys.exit("bench/load.py: nginx is missing; apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        pathlib.Path(folder, "big").write_bytes(b"x" * 1048576)
        conf = pathlib.Path(folder, "nginx.conf")
        conf.write_text(NGINX.format(folder=folder, port=port))
        with running([program, "-e", f"{folder}/error.log", "-c", str(conf)], port):
            yield port


@contextlib.contextmanager
def floor_server():
    port = free_port()
    with running([FLOOR, "serve", str(port)], port):
        yield port


def served(port):
    """nginx's own count of requests, this one included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status") as answer:
        return int(answer.read().split(b"\n")[2].split()[2])


def measure(command):
    """(standard output, CPU seconds) of a command that ends well."""
    child = subprocess.Popen(
        ["taskset", "-c", CORES[1], *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"bench/load.py: {' '.join(command)} failed: exit {child.returncode}")
    return output, usage.ru_utime + usage.ru_stime


def tools(url, port, connections, seconds, store):
    c, s = str(connections), str(seconds)
    return {
        "culprit": ([CULPRIT, "load", url, "-t", "1", "-c", c, "-d", f"{s}s", "--store", store, "--json"],
                    r'"finished": (\d+)'),
        "wrk": (["wrk", "-t1", "-c", c, f"-d{s}s", url], r"(\d+) requests in"),
        "h2load": (["h2load", "--h1", "-t1", "-c", c, "-D", s, url], r"(\d+) done"),
        "floor": ([FLOOR, "drive", str(port), c, s], r"(\d+)"),
    }


def row(name, server, path, connections, wanted, args):
    costs = {tool: [] for tool in wanted}
    rates = {tool: [] for tool in wanted}
    with server() as port, tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{port}/{path}"
        commands = tools(url, port, connections, args.seconds, f"{folder}/store.db")
        for _ in range(args.rounds):
            for tool in wanted:
                command, pattern = commands[tool]
                before = served(port) if server is nginx else 0
                output, cpu = measure(command)
                requests = served(port) - before - 1 if server is nginx else int(re.search(pattern, output)[1])
                costs[tool].append(cpu * 1e6 / requests)
                rates[tool].append(requests / args.seconds)
    for tool in wanted:
        line = (f"{name:11} {tool:8} {statistics.median(costs[tool]):8.2f} us CPU a request"
                f"  {statistics.median(rates[tool]):10,.0f} requests/s")
        if tool != "culprit":
            ratios = [a / b for a, b in zip(costs["culprit"], costs[tool])]
            line += (f"   culprit / {tool}: {statistics.median(ratios):.2f}"
                     f" ({min(ratios):.2f} to {max(ratios):.2f})")
        print(line, flush=True)


ROWS = {
    "small-50": (nginx, "small", 50, ["culprit", "wrk", "h2load", "floor"]),
    "small-1000": (nginx, "small", 1000, ["culprit", "wrk", "h2load", "floor"]),
    "big-50": (nginx, "big", 50, ["culprit", "wrk", "h2load"]),
    "floor-50": (floor_server, "", 50, ["culprit", "wrk", "floor"]),
    "floor-1000": (floor_server, "", 1000, ["culprit", "wrk", "floor"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[*ROWS, []])
    args = parser.parse_args()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "")
    print(f"{cpu}, Linux {os.uname().release}, server on core {CORES[0]}, generator on core {CORES[1]};"
          f" medians of {args.rounds} rounds of {args.seconds} s")
    for name in args.rows or ROWS:
        server, path, connections, wanted = ROWS[name]
        missing = [t for t in wanted if t in ("wrk", "h2load") and not shutil.which(t)]
        for tool in missing:
            print(f"{name:11} {tool} is not installed, left out")
        row(name, server, path, connections, [t for t in wanted if t not in missing], args)


CORES = [str(c) for c in sorted(os.sched_getaffinity(0))[:2]]
if len(CORES) < 2:
    sys.exit("bench/load.py: needs two cores")
if __name__ == "__main__":
    main()
