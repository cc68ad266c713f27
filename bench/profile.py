#!/usr/bin/python3
"""reading Python stacks from outside: speed, cost, impossible stacks; austin beside it

    bench/profile.py [--seconds S] [--rounds N] [--only TABLE] [--python PATH …] [--soak [SECONDS]]

All tables are of bench/profile_drive, a loop around python_sweep_all(), beside programs that compute without pause; the
program runs on one core and the reader on the other.

speed       valid stacks for each CPU second of the reader, as fast as it goes, by Python and depth. `moved` is the share
            of looks that found another stack than the look before. Retries and rejected ones are per 1,000 stacks.
impossible  tests/data/hot_pairs.py: a recursion of 50 under two pairs of leaves of two lines each, without generators,
            with them, and with coroutines; and of 500, where the stack is in several pieces. A stack with a leaf under
            the wrong parent, a gap in the recursion or another depth never was. `lines` are stacks that were, with the
            line of a caller that is of another moment.
rates       CPU of the reader at 10 kHz on one thread, and at 1 kHz on 64 threads, of which all compute or all sleep;
            and, in the same rounds, of `culprit profile` as a whole (states of threads, booking, order of time), as it
            says itself. The timer alone is a loop that wakes so often and looks at nothing.
slowdown    CPU time of a round of the program's work, with the reader at 1 kHz and without, by turns.
austin      austin on Python 3.8 (it reads no newer ones), as fast as it goes, and this reader, by turns, on the same
            program: stacks for each CPU second, and impossible ones.

--soak: ten minutes (or SECONDS) at 10 kHz; memory at half time and at the end. What is shown is the median over the
rounds, in brackets the smallest and the largest.
"""
import argparse
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench"))
CULPRIT = str(BUILD / "culprit")
DRIVE = str(BUILD / "bench/profile_drive")
HOT = str(ROOT / "tests/data/hot_pairs.py")
PROGRAM, READER = "0", "1"  # cores
FIELDS = ("sweeps stacks unchanged empty rejected retries impossible lines cpu wall frames half_kb end_kb").split()

# A recursion down to a leaf that computes for some µs, again and again; says ready, and CPU time for each round on demand.
WORK = """
import sys, threading, time
def leaf():
    x = 0
    for i in range(100): x += i
    return x
def down(n):
    if n: return down(n - 1)
    print("ready", flush=True)
    while True: leaf()
sys.setrecursionlimit(20000)
down(int(sys.argv[1]))
"""
THREADS = """
import sys, threading, time
kind = sys.argv[1]
def leaf():
    x = 0
    for i in range(1000): x += i
def work(n):
    if n: return work(n - 1)
    if kind == "sleep": time.sleep(10000)
    while True: leaf()
for i in range(63): threading.Thread(target=work, args=(20,), daemon=True).start()
time.sleep(.3)
print("ready", flush=True)
work(20)
"""
ROUNDS = """
import time, sys
def leaf(n):
    return sum(i * i for i in range(20)) + (leaf(n - 1) if n else 0)
def once():
    begin = time.process_time()
    for _ in range(400): leaf(30)
    return time.process_time() - begin
once()
print("ready", flush=True)
for line in sys.stdin:
    print(once(), flush=True)
"""


def pythons():
    paths = ["/usr/bin/python3"]
    given = os.environ.get("CULPRIT_PYTHONS")
    paths += given.split(":") if given else sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))
    found = []
    for path in paths:
        try:
            done = subprocess.run([path, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"],
                                  stdout=subprocess.PIPE, text=True)
        except OSError:
            continue
        version = done.stdout.strip()
        if re.match(r"3\.(8|9|1[0-3])\.", version):
            found.append((version, path))
    return sorted(found, key=lambda f: [int(n) for n in f[0].split(".")])


@contextlib.contextmanager
def program(python, *arguments, stdin=None):
    process = subprocess.Popen(["taskset", "-c", PROGRAM, python, *arguments], stdout=subprocess.PIPE, stdin=stdin,
                               text=True)
    try:
        said = process.stdout.readline().split()
        if not said or said[0] != "ready":
            sys.exit(f"bench/profile.py: {python} did not start")
        yield process, said[1:]
    finally:
        process.kill()
        process.wait()


def drive(pid, seconds, *more):
    done = subprocess.run(["taskset", "-c", READER, DRIVE, str(pid), str(seconds), *map(str, more)],
                          stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench/profile.py: profile_drive ended with {done.returncode}")
    return dict(zip(FIELDS, map(float, done.stdout.split())))


def spread(values, digits=0):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def speed(a):
    print(f"{'Python':9} {'depth':>5}  {'stacks per CPU s':30} {'moved':>6} {'retries':>8} {'rejected':>9}")
    for version, python in a.pythons:
        for depth in (5, 50, 500):
            with program(python, "-c", WORK, str(depth)) as (process, _):
                looks = [drive(process.pid, a.seconds) for _ in range(a.rounds)]
            stacks = sum(k["stacks"] for k in looks)
            print(f"{version:9} {depth:5}  {spread([k['stacks'] / k['cpu'] for k in looks]):30} "
                  f"{1 - sum(k['unchanged'] for k in looks) / stacks:6.0%} "
                  f"{sum(k['retries'] for k in looks) / stacks * 1000:8.1f} "
                  f"{sum(k['rejected'] for k in looks) / stacks * 1000:9.2f}", flush=True)


def impossible(a):
    print(f"{'Python':9} {'shape':10} {'depth':>5} {'stacks':>9} {'moved':>6} {'impossible':>10} {'share':>8} {'lines':>8} "
          f"{'retries':>9} {'rejected':>8}")
    for version, python in a.pythons:
        for shape, depth in (("plain", 50), ("generators", 50), ("coroutines", 50), ("plain", 500)):
            total = dict.fromkeys(FIELDS, 0.)
            with program(python, HOT, shape, str(depth)) as (process, lines):
                begin = time.monotonic()
                while total["stacks"] < a.stacks and time.monotonic() - begin < a.longest:
                    look = drive(process.pid, a.seconds, 0, depth, *lines)
                    total = {k: total[k] + look[k] for k in FIELDS}
            n = total["stacks"]
            print(f"{version:9} {shape:10} {depth:5} {n:9,.0f} {1 - total['unchanged'] / n:6.0%} {total['impossible']:10.0f} "
                  f"{total['impossible'] / n:8.4%} {total['lines'] / n:8.3%} {total['retries']:9,.0f} "
                  f"{total['rejected']:8,.0f}", flush=True)


def whole(pid, seconds, hz):
    """culprit profile on a process: CPU in percent of a core, and looks a second."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["taskset", "-c", READER, CULPRIT, "profile", "--pid", str(pid), "--rate", str(hz), "-d", f"{seconds}s",
             "--json", "--store", f"{folder}/db"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench/profile.py: culprit profile ended with {done.returncode}")
    about = json.loads(done.stdout)["about"]
    return about["own_cpu_s"] / about["seconds"] * 100, about["looks"] / about["seconds"]


def rates(a):
    print(f"{'Python':9} {'what':28} {'CPU of the reader':24} {'rejected':>8}  {'of culprit profile':24} looks/s")
    cases = [("10 kHz, one thread", WORK, "50", 10000), ("1 kHz, 64 threads compute", THREADS, "compute", 1000),
             ("1 kHz, 64 threads sleep", THREADS, "sleep", 1000)]
    for hz in (10000, 1000):
        alone = [drive(0, a.seconds, hz) for _ in range(a.rounds)]
        print(f"{'-':9} {f'{hz // 1000} kHz, the timer alone':28} {spread([k['cpu'] / k['wall'] * 100 for k in alone], 1)} %")
    for version, python in a.pythons:
        for what, source, argument, hz in cases:
            with program(python, "-c", source, argument) as (process, _):
                both = [(drive(process.pid, a.seconds, hz), whole(process.pid, a.seconds, hz)) for _ in range(a.rounds)]
            print(f"{version:9} {what:28} {spread([k['cpu'] / k['wall'] * 100 for k, _ in both], 1) + ' %':24} "
                  f"{sum(k['rejected'] for k, _ in both):8,.0f}  {spread([w[0] for _, w in both], 1) + ' %':24} "
                  f"{statistics.median(w[1] for _, w in both):,.0f}", flush=True)


def slowdown(a):
    print(f"{'Python':9} {'CPU of a round, with / without':30}")
    for version, python in a.pythons:
        ratios = []
        with program(python, "-c", ROUNDS, stdin=subprocess.PIPE) as (process, _):
            def once():
                process.stdin.write("go\n")
                process.stdin.flush()
                return float(process.stdout.readline())
            for _ in range(a.pairs):
                without = once()
                with subprocess.Popen(["taskset", "-c", READER, DRIVE, str(process.pid), "1000", "1000"],
                                      stdout=subprocess.DEVNULL) as reader:
                    time.sleep(.15)
                    ratios.append(once() / without)
                    reader.kill()
        ratios.sort()
        low, high = ratios[len(ratios) // 4], ratios[3 * len(ratios) // 4]
        print(f"{version:9} {statistics.median(ratios):.4f} (quarters {low:.4f} to {high:.4f})", flush=True)


AUSTIN_FRAME = re.compile(r";([^;]+) \([^;]*\);L\d+")


def judge_austin(names):
    """Innermost first; the rules of tests/unit/stack_judge.c without lines."""
    names = [n.rsplit(".", 1)[-1] for n in names]
    if names and names[0] in "bd":
        if len(names) < 2 or names[1] != {"b": "a", "d": "c"}[names[0]]:
            return False
        names = names[1:]
    if names and names[0] in "ac":
        names = names[1:]
    return names == ["rec"] * 51 + ["<module>"]


def run_austin(pid, seconds):
    with tempfile.NamedTemporaryFile("r") as out:
        reader = subprocess.Popen(["taskset", "-c", READER, "austin", "-i", "1", "-o", out.name, "-p", str(pid)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        reader.send_signal(signal.SIGINT)
        _, _, usage = os.wait4(reader.pid, 0)
        reader.returncode = 0
        cpu = usage.ru_utime + usage.ru_stime
        stacks = bad = 0
        for line in out:
            if line.startswith("Thread "):
                stacks += 1
                bad += not judge_austin(AUSTIN_FRAME.findall(line)[::-1])
    return stacks / cpu, bad / max(stacks, 1)


def austin(a):
    old = [p for p in a.pythons if p[0].startswith("3.8.")]
    if not shutil.which("austin") or not old:
        print("austin: not installed, or no Python 3.8 here")
        return
    version, python = old[0]
    theirs, ours, bad_theirs, bad_ours = [], [], [], []
    with program(python, HOT, "plain", "50") as (process, lines):
        for _ in range(a.rounds):
            rate, bad = run_austin(process.pid, max(1, round(a.seconds)))
            theirs.append(rate)
            bad_theirs.append(bad)
            look = drive(process.pid, a.seconds)
            ours.append(look["stacks"] / look["cpu"])
            look = drive(process.pid, a.seconds, 0, 50, *lines)
            bad_ours.append(look["impossible"] / look["stacks"])
    print(f"austin on {version}, depth 50, hot pairs")
    print(f"  stacks per CPU s: austin {spread(theirs)}, culprit {spread(ours)}, ratio "
          f"{spread([b / t for b, t in zip(ours, theirs)], 1)}")
    print(f"  impossible: austin {spread([b * 100 for b in bad_theirs], 3)} %, culprit "
          f"{spread([b * 100 for b in bad_ours], 4)} %", flush=True)


def soak(a):
    print(f"{a.soak} s at 10 kHz: memory in kB at half time, at the end")
    version, python = a.pythons[-1]
    with program(python, "-c", WORK, "50") as (process, _):
        look = drive(process.pid, a.soak, 10000)
    print(f"{version}: {look['half_kb']:.0f}, {look['end_kb']:.0f}; {look['sweeps']:,.0f} sweeps, "
          f"{look['cpu'] / look['wall']:.1%} CPU, {look['rejected']:.0f} rejected")


def main():
    tables = {"speed": speed, "impossible": impossible, "rates": rates, "slowdown": slowdown, "austin": austin}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=15, help="of the slowdown")
    parser.add_argument("--stacks", type=int, default=20000, help="for each line of impossible; 1000000 is the long form")
    parser.add_argument("--longest", type=float, default=600, help="seconds for a line of impossible")
    parser.add_argument("--only", choices=tables)
    parser.add_argument("--python", action="append", help="its version's beginning; several are allowed")
    parser.add_argument("--nice", type=int, default=0, help="of program and reader, on a machine that is not quiet")
    parser.add_argument("--soak", type=int, nargs="?", const=600)
    a = parser.parse_args()
    a.pythons = [p for p in pythons() if not a.python or any(p[0].startswith(v) or p[1] == v for v in a.python)]
    if a.nice:
        os.nice(a.nice)
    if a.soak:
        return soak(a)
    for name, table in tables.items():
        if a.only in (None, name):
            print(f"\n{name}")
            table(a)
    return None


if __name__ == "__main__":
    main()
