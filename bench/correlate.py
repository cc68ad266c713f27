#!/usr/bin/python3
"""culprit correlate against pandas and scipy: wall, CPU seconds and memory of the whole process

    bench/correlate.py [--rounds N] [--series N] [--times N] [--parts] [--large GB]

Both read the same wide CSV file (3,000 series of 1,440 times, 37 MB, in the page cache) and say which series
move with the column total; pandas and scipy by the usual recipe (bench/lib/correlate_peer.py: differences,
Pearson, p-values), culprit by the robust method. They take turns. Peak memory is the kernel's for the ended
process. --parts says what reading and correlating take of it (bench/correlate_drive.c), and for files of
numbers with 17 digits. --large reads a file of so many GB as it is, through a pipe, and with 100 MB for the
columns, which then go through a temporary file.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench"))
DRIVE = BUILD / "bench/correlate_drive"
PEER = ROOT / "bench/lib/correlate_peer.py"


def spread(values, digits=3):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def run(command, env=None):
    """Wall and CPU seconds and peak memory in bytes of a process."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {child.returncode}")
    return time.monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def make(path, series, times, digits):
    with open(path, "wb") as out:
        subprocess.run([DRIVE, "make", str(series), str(times), str(digits), "6"], check=True, stdout=out)


def compare(path, folder, rounds):
    ours, theirs = [], []
    env = dict(os.environ, CULPRIT_STORE=str(folder / "runs.db"))
    command = [BUILD / "culprit", "correlate", path, "--target", "total"]
    for _ in range(rounds):
        ours.append(run(command, env))
        theirs.append(run(["/usr/bin/python3", PEER, path, "total"]))
    for name, runs in (("culprit", ours), ("pandas + scipy", theirs)):
        wall, cpu, peak = zip(*runs)
        print(f"{name}: {spread(wall)} s wall, {spread(cpu)} s CPU, {spread([p / 1e6 for p in peak], 1)} MB")
    for i, what in enumerate(("wall", "CPU", "memory")):
        print(f"pandas + scipy / culprit, {what}: {spread([b[i] / a[i] for a, b in zip(ours, theirs)], 1)}")


def drive(path, *args, stdin=None):
    done = subprocess.run([DRIVE, args[0], path, *args[1:]], check=True, stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout)


def parts(path, folder, args):
    precise = folder / "precise.csv"
    make(precise, args.series, args.times, 14)
    for name, file in (("4 digits behind the point", path), ("14 digits", precise)):
        runs = [drive(file, "run", "total") for _ in range(args.rounds)]
        size = file.stat().st_size
        print(f"{name}, {size / 1e6:.0f} MB: reading {spread([r['read_cpu_s'] for r in runs])} s CPU,"
              f" {spread([r['read_cpu_s'] / size * 1e9 for r in runs], 2)} ns a byte;"
              f" correlating {spread([r['run_cpu_s'] for r in runs])} s CPU;"
              f" peak {spread([r['peak_bytes'] / 1e6 for r in runs], 1)} MB")


def large(folder, gigabytes):
    """Rows of a few kinds in random order, for making them must not take longer than reading."""
    path = folder / "large.csv"
    series, rng = 3000, random.Random(6)
    kinds = [("," + ",".join(f"{rng.gauss(100, 10):.4f}" for _ in range(series)) + "\n").encode() for _ in range(64)]
    with open(path, "wb", buffering=1 << 22) as out:
        out.write(("time," + ",".join(f"s{i}" for i in range(series)) + "\n").encode())
        for row in range(int(gigabytes * 1e9 / len(kinds[0]))):
            out.write(str(1795287600 + 60 * row).encode() + rng.choice(kinds))
    size = path.stat().st_size
    drive(path, "read")
    whole = drive(path, "read")
    with open(path, "rb") as file:
        feeder = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        piped = drive("-", "read", stdin=feeder.stdout)
        feeder.stdout.close()
        feeder.wait()
    filed = drive(path, "read", "100")
    for name, r in (("in memory", whole), ("through a pipe", piped), ("columns in a file", filed)):
        print(f"{size / 1e9:.2f} GB, {name}: {r['read_wall_s']:.2f} s wall, {r['read_cpu_s']:.2f} s CPU,"
              f" {r['read_cpu_s'] / size * 1e9:.2f} ns a byte; peak {r['peak_bytes'] / 1e6:.0f} MB, of it"
              f" {r['anon_bytes'] / 1e6:.0f} MB its own")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--series", type=int, default=3000)
    options.add_argument("--times", type=int, default=1440)
    options.add_argument("--parts", action="store_true")
    options.add_argument("--large", type=float, metavar="GB")
    args = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="culprit-correlate-"))
    try:
        path = folder / "metrics.csv"
        make(path, args.series, args.times, 4)
        if args.parts:
            parts(path, folder, args)
        elif args.large:
            large(folder, args.large)
        else:
            compare(path, folder, args.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
