#!/usr/bin/python3
"""culprit rank as a whole process against a scikit-learn script: wall and CPU seconds

    bench/rank.py [--rounds N] [--store FOLDER]

The table has 500 trials of 5 factors (tests/data/seed_mixed.csv). The script (bench/lib/rank_peer.py) reads
it, runs RFECV, fits a linear model and a forest of 100 trees on 80 % of it, scores both on the rest and
permutes each factor ten times. culprit does that and more (20 splits, intervals, tests against noise, effects),
and keeps the result in its store. They take turns; each is a process of its own, timed by wait4.
--store puts the store elsewhere: in /dev/shm it shows what the disk's share is.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", HERE.parent / "build-bench"))
CULPRIT = os.environ.get("CULPRIT", str(BUILD / "culprit"))
DATA = HERE.parent / "tests/data/seed_mixed.csv"
RESPONSE = "requests_per_second"
from lib.forest_table import spread  # noqa: E402  (checks for numpy with a sentence)


def timed(command):
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status:
        sys.exit(f"{command[0]} failed")
    return wall, usage.ru_utime + usage.ru_stime


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--store")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(dir=args.store) as folder:
        ours = [CULPRIT, "rank", str(DATA), "--response", RESPONSE, "--store", f"{folder}/c.db"]
        peer = ["/usr/bin/python3", str(HERE / "lib/rank_peer.py"), str(DATA), RESPONSE]
        timed(ours)
        timed(peer)
        rounds = [(timed(ours), timed(peer)) for _ in range(args.rounds)]
    for i, what in enumerate(("wall", "CPU")):
        print(f"500x5 {what}: culprit {spread([a[i] for a, b in rounds], 4)} s,"
              f" scikit-learn {spread([b[i] for a, b in rounds], 3)} s;"
              f" scikit-learn / culprit {spread([b[i] / a[i] for a, b in rounds], 1)}")


if __name__ == "__main__":
    main()
