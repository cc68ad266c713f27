#!/usr/bin/python3
"""the load engine against wrk and h2load: CPU microseconds per request, rate, memory, with the floor beside it

    bench/load.py [--rounds N] [--seconds S] [ROW …]        `bench/load.py --list` tells the rows

Server and generator have a core each; the tools run by turns, a round after the other, each with one
thread, and every ratio is taken within a round, so that a machine whose speed drifts does little harm.
What is shown is the median over the rounds, and in brackets the smallest and the largest.

CPU is user + system of the finished process, memory its peak (wait4). The rows floor-* go to a responder
that does nothing but answer, all others to Debian's nginx with one worker, and there the requests are
nginx's own count (stub_status). The tool `floor` is a bare send-and-receive loop: what any generator of
this kind must cost; for big bodies it lets the kernel drop them. A tool in whose run requests failed is
marked. Over TLS no tool verifies the certificate, which is self-signed.
"""
import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import resource
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
BIG = 1048576
ALL = ("culprit", "wrk", "h2load", "floor")

NGINX = """
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 12000; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    server {{
        listen 127.0.0.1:{http} backlog=4096;
        listen 127.0.0.1:{https} ssl backlog=4096;
        listen 127.0.0.1:{h2c} http2 backlog=4096;
        listen 127.0.0.1:{h2} ssl http2 backlog=4096;
        root {folder};
        location = /small {{ return 200 "hello, world\\n"; }}
        location = /big {{ }}
        location = /status {{ stub_status; }}
    }}
}}
"""


@dataclasses.dataclass
class Row:
    about: str
    connections: int
    tools: tuple = ALL
    server: str = "nginx"
    scheme: str = "http"     # a port of nginx's: http, https, h2c, h2
    path: str = "small"
    streams: int = 1         # requests under way on a connection
    rate: int = 0            # open loop
    seconds: int = 0         # at least so long


ROWS = {
    "small-1": Row("one connection", 1),
    "small-50": Row("50 connections", 50),
    "small-1000": Row("1,000 connections", 1000),
    "small-10000": Row("10,000 connections", 10000, ALL[:3], seconds=5),
    "floor-1": Row("one connection, to a responder that does nothing else", 1, server="floor"),
    "floor-50": Row("the same, 50 connections", 50, server="floor"),
    "floor-1000": Row("the same, 1,000 connections", 1000, server="floor"),
    "big-50": Row("bodies of 1 MiB, 50 connections", 50, path="big"),
    "tls-50": Row("TLS, 50 connections", 50, ALL[:3], scheme="https"),
    "h2-50": Row("HTTP/2 over TLS, 50 connections", 50, ("culprit", "h2load"), scheme="h2"),
    "h2c-50": Row("HTTP/2 without TLS, 50 connections", 50, ("culprit", "h2load"), scheme="h2c"),
    "h2c-50x10": Row("the same, 10 streams on each", 50, ("culprit", "h2load"), scheme="h2c", streams=10),
    "open-50": Row("open loop, 20,000 requests/s", 50, ("culprit",), rate=20000),
    "floor-open-50": Row("the same, to the responder", 50, ("culprit",), server="floor", rate=20000),
}


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
    """{scheme: port} of an nginx that listens for each."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        sys.exit("bench/load.py: nginx is missing; apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        ports = {scheme: free_port() for scheme in ("http", "https", "h2c", "h2")}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", f"{folder}/key.pem",
                        "-out", f"{folder}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
        pathlib.Path(folder, "big").write_bytes(b"x" * BIG)
        conf = pathlib.Path(folder, "nginx.conf")
        conf.write_text(NGINX.format(folder=folder, **ports))
        with running([program, "-e", f"{folder}/error.log", "-c", str(conf)], ports["http"]):
            yield ports


@contextlib.contextmanager
def floor_server():
    port = free_port()
    with running([FLOOR, "serve", str(port)], port):
        yield {"http": port}


def served(ports):
    """nginx's own count of requests, this one included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ports['http']}/status") as answer:
        return int(answer.read().split(b"\n")[2].split()[2])


def tool_command(tool, row, ports, seconds, store):
    c, s, port = str(row.connections), str(seconds), ports[row.scheme]
    tls, two = row.scheme in ("https", "h2"), row.scheme in ("h2", "h2c")
    url = f"http{'s' if tls else ''}://127.0.0.1:{port}/{row.path}"
    if tool == "culprit":
        return [CULPRIT, "load", url, "-t", "1", "-c", c, "-d", f"{s}s", "--store", store, "--json",
                "-p", str(row.streams), *(["--insecure"] if tls else []), *(["--http", "2"] if two else []),
                *(["--rate", str(row.rate)] if row.rate else [])]
    if tool == "wrk":
        return ["wrk", "-t1", "-c", c, f"-d{s}s", url]
    if tool == "h2load":
        return ["h2load", *([] if two else ["--h1"]), "-t1", "-c", c, "-D", s, "-m", str(row.streams), url]
    return [FLOOR, "drive", str(port), c, s, *([str(BIG)] if row.path == "big" else [])]


def requests_told(tool, output):
    """(requests, whether any failed), as the tool itself has it."""
    if tool == "culprit":
        whole = json.loads(output)["whole_run"]
        return whole["finished"], any(whole["errors"].values())
    if tool == "wrk":
        return int(re.search(r"(\d+) requests in", output)[1]), bool(re.search("Non-2xx|Socket errors", output))
    if tool == "h2load":
        found = re.search(r"(\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored", output)
        return int(found[1]), int(found[2]) + int(found[3]) > 0
    return int(output), False


def measure(tool, row, ports, seconds, store):
    """One run: a dict of what it cost."""
    command = tool_command(tool, row, ports, seconds, store)
    before = served(ports) if row.server == "nginx" else 0
    done = subprocess.run(["taskset", "-c", CORES[1], FLOOR, "run", *command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench/load.py: {' '.join(command)} failed: exit {done.returncode}\n{done.stderr}")
    output, _, cost = done.stdout.rstrip().rpartition("cost ")
    requests, failed = requests_told(tool, output)
    if row.server == "nginx":
        requests = served(ports) - before - 1
    cpu, kib = map(int, cost.split())
    run = {"cpu": cpu / requests, "rate": requests / seconds, "memory": kib / 1024, "failed": failed}
    if row.rate:
        late = json.loads(output)["late_ms"]
        run.update(late_p50=late["p50"] * 1e3, late_p99=late["p99"] * 1e3)
    return run


def spread(values, format):
    return (f"{format % statistics.median(values):>7}"
            + f" ({format % min(values)} to {format % max(values)})".ljust(20))


def show(name, tool, runs, own):
    median = {key: statistics.median(run[key] for run in runs) for key in ("rate", "memory")}
    line = (f"{name:13} {tool:7} {spread([run['cpu'] for run in runs], '%.2f')} {median['rate']:10,.0f}"
            f" {median['memory']:8.1f}")
    if own is not runs:
        for key in ("cpu", "rate", "memory"):
            ratios = [a[key] / b[key] for a, b in zip(own, runs)]
            line += f"  {spread(ratios, '%.2f') if key == 'cpu' else '%6.2f' % statistics.median(ratios)}"
    if any(run["failed"] for run in runs):
        line += "  requests failed"
    if "late_p99" in runs[0]:
        line += (f"   sent late: p50 {spread([run['late_p50'] for run in runs], '%.0f').strip()} us,"
                 f" p99 {spread([run['late_p99'] for run in runs], '%.0f').strip()} us")
    print(line.rstrip(), flush=True)


def measure_row(name, row, args):
    tools = [tool for tool in row.tools if tool in ("culprit", "floor") or shutil.which(tool)]
    for tool in set(row.tools) - set(tools):
        print(f"{name:13} {tool} is not installed, left out")
    runs = {tool: [] for tool in tools}
    seconds = max(args.seconds, row.seconds)
    server = nginx if row.server == "nginx" else floor_server
    with server() as ports, tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for tool in tools:
                runs[tool].append(measure(tool, row, ports, seconds, f"{folder}/store.db"))
    for tool in tools:
        show(name, tool, runs[tool], runs["culprit"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="tell the rows, and measure nothing")
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[*ROWS, []])
    args = parser.parse_args()
    if args.list:
        for name, row in ROWS.items():
            print(f"{name:13} {row.about}")
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "")
    print(f"{cpu}, Linux {os.uname().release}, server on core {CORES[0]}, generator on core {CORES[1]};"
          f" medians of {args.rounds} rounds of {args.seconds} s or more")
    print(f"{'':13} {'':7} {'CPU us a request':28} {'requests/s':>10} {'peak MiB':>8}"
          f"  {'culprit / it: CPU':28}  {'rate':>6}  memory")
    for name in args.rows or ROWS:
        measure_row(name, ROWS[name], args)


CORES = [str(c) for c in sorted(os.sched_getaffinity(0))[:2]]
if len(CORES) < 2:
    sys.exit("bench/load.py: needs two cores")
if __name__ == "__main__":
    main()
