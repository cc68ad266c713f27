#!/usr/bin/python3
"""What recording costs, and whether it is whole: culprit watch against python3-psutil

    bench/watch.py [--rounds N] [--seconds S] [ROW …]            rows: 1 10 100 busy-10 busy-100 fidelity

Rows of numbers: CPU of one core that it takes to look at a tree of so many processes every 10 ms. The
processes sleep, or (busy) wake every 10 ms themselves. Both pollers take turns; psutil reads CPU times and
resident memory of processes that it is told once (listing the children anew each time, as psrecord does,
costs it 20 % more of a core even for one); culprit finds new ones and reads all of its series. `wake` is a bare loop that sleeps to the next 10 ms and reads nothing: the floor.

Row fidelity: a shell starts 1,000 children of about a millisecond; culprit's and psutil's CPU total against
the rusage that wait4 tells of the shell.
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CULPRIT = pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench")) / "culprit"
TREE = """
import os, sys, time
children = []
for _ in range(int(sys.argv[1]) - 1):
    child = os.fork()
    if child == 0:
        break
print("there", flush=True)
while True:
    time.sleep(.01 if sys.argv[2] == "busy" else 3600)
"""
PSUTIL = """
import sys, time
try:
    import psutil
except ImportError:
    sys.exit("python3-psutil is missing: apt-get install python3-psutil, or ./dev bench")
root, seconds = psutil.Process(int(sys.argv[1])), float(sys.argv[2])
known, seen, tree = {}, {}, [root, *root.children(recursive=True)]
def look():
    for p in tree if sys.argv[3] == 'once' else [root, *root.children(recursive=True)]:
        p = known.setdefault(p.pid, p)
        try:
            with p.oneshot():
                t, _ = p.cpu_times(), p.memory_info().rss
                seen[p.pid] = t.user + t.system
        except psutil.Error:
            pass
cpu, next = time.process_time(), time.monotonic()
end = next + seconds
while time.monotonic() < end:
    try:
        look()
    except psutil.Error:
        break
    next += .01
    time.sleep(max(0, next - time.monotonic()))
print((time.process_time() - cpu) / seconds, sum(seen.values()))
"""
WAKE = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
cpu, end = time.process_time(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    libc.usleep(10000)
print((time.process_time() - cpu) / float(sys.argv[1]))
"""
LOOP = "i=0; while [ $i -lt 1000 ]; do %s; i=$((i+1)); done"
# A millisecond of CPU time in a process that starts fast; or: runs a shell command, and tells its CPU time by
# wait4() and then its own
SPIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct rusage *u)
{
	return u->ru_utime.tv_sec + u->ru_stime.tv_sec + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec t;
	struct rusage of, self;

	if (argc > 2) {
		pid_t pid = fork();

		if (!pid)
			execl("/bin/sh", "sh", "-c", argv[2], NULL);
		wait4(pid, NULL, 0, &of);
		getrusage(RUSAGE_SELF, &self);
		printf("%.6f %.6f", seconds(&of), seconds(&self));
		return 0;
	}
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 1000000);
	return 0;
}
"""


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def start_tree(n, kind):
    tree = subprocess.Popen([sys.executable, "-c", TREE, str(n), kind], stdout=subprocess.PIPE,
                            start_new_session=True)
    for _ in range(n):
        tree.stdout.readline()
    return tree


def culprit(folder, *args):
    done = subprocess.run([CULPRIT, "watch", "--store", pathlib.Path(folder, "s.db"), "--json", *map(str, args)],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def python(program, *args):
    done = subprocess.run([sys.executable, "-c", program, *map(str, args)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return [float(word) for word in done.stdout.split()]


def cost(n, kind, rounds, seconds, folder):
    tree, ours, theirs, floor, samples, missed = start_tree(n, kind), [], [], [], 0, 0
    try:
        for _ in range(rounds):
            seen = culprit(folder, "--pid", tree.pid, "-d", f"{seconds}s")
            ours.append(100 * seen["own_cpu_s"] / seen["seconds"])
            samples, missed = samples + seen["samples"], missed + seen["missed"]
            theirs.append(100 * python(PSUTIL, tree.pid, seconds, "once")[0])
            floor.append(100 * python(WAKE, seconds)[0])
    finally:
        os.killpg(tree.pid, signal.SIGKILL)
        tree.wait()
        tree.stdout.close()
    ratio = [b / a for a, b in zip(ours, theirs)]
    print(f"{n:4} processes, {kind or 'idle'}: culprit {spread(ours)} % of a core, psutil {spread(theirs)} %;"
          f" psutil / culprit {spread(ratio, 1)}; wake {spread(floor)} %; {samples} samples, {missed} missed",
          flush=True)


def waited(pid):
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_utime + usage.ru_stime


def fidelity(rounds, folder):
    spin = pathlib.Path(folder, "spin")
    subprocess.run(["gcc", "-O2", "-x", "c", "-o", spin, "-"], input=SPIN, text=True, check=True)
    loop, launched, attached, polled = LOOP % spin, [], [], []
    for _ in range(rounds):
        truth = pathlib.Path(folder, "truth")
        seen = culprit(folder, "-o", truth, "--", spin, "run", loop)
        whole, own = map(float, truth.read_text().split())
        launched.append(100 * (seen["series"]["cpu"]["summary"]["total"] / (whole + own) - 1))
        for kind, into in (("culprit", attached), ("psutil", polled)):
            shell = subprocess.Popen(["sh", "-c", f"sleep .3; {loop}; sleep .3"])
            if kind == "culprit":
                watcher = subprocess.Popen(
                    [CULPRIT, "watch", "--store", pathlib.Path(folder, "s.db"), "--json", "--pid",
                     str(shell.pid)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            else:
                watcher = subprocess.Popen([sys.executable, "-c", PSUTIL, str(shell.pid), "60", "anew"],
                                           stdout=subprocess.PIPE, text=True)
            # psutil must be stopped by the shell's end, and so is not waited for before
            truth_s = waited(shell.pid)
            out = watcher.communicate()[0]
            total = (json.loads(out)["series"]["cpu"]["summary"]["total"] if kind == "culprit"
                     else float(out.split()[1]))
            into.append(100 * (total / truth_s - 1))
            shell.returncode = 0
    print(f"fidelity, 1,000 children of a millisecond, error of the CPU total in percent: culprit watch -- CMD"
          f" {spread(launched, 3)}, culprit watch --pid {spread(attached, 2)}, psutil {spread(polled, 1)}",
          flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("rows", nargs="*", default=["1", "10", "100", "busy-10", "busy-100", "fidelity"])
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for row in args.rows:
            if row == "fidelity":
                fidelity(args.rounds, folder)
            else:
                kind, _, n = row.rpartition("-")
                cost(int(n), kind, args.rounds, args.seconds, folder)


if __name__ == "__main__":
    main()
