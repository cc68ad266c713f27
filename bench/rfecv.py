#!/usr/bin/python3
"""RFECV with a linear model against scikit-learn: CPU seconds, and the same ranking

    bench/rfecv.py [--rounds N] [ROW …]                                        rows: 80000x20 400x5

Both get the same standardised table in memory, RFECV(LinearRegression()) with its defaults: 5 folds, one
factor out at a time, R². They take turns; CPU is process time around the fit, of all threads.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

from lib.forest_table import BUILD, large, mixed, spread, write
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

DRIVE = BUILD / "bench/rfecv_drive"


def peer(z, y):
    start = time.process_time()
    model = RFECV(LinearRegression()).fit(z, y)
    return time.process_time() - start, model.ranking_.tolist()


def row(name, x, y, rounds, repeats):
    z = StandardScaler().fit_transform(x)
    ours, theirs, ratios, same = [], [], [], True
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "table")
        write(path, z, y)
        for _ in range(rounds):
            cpu, ranking = peer(z, y)
            done = subprocess.run([DRIVE, path, str(repeats)], check=True, capture_output=True, text=True)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            same = same and all(line["ranking"] == ranking for line in lines)
            theirs.append(cpu)
            ours.append(statistics.median(line["cpu"] for line in lines))
            ratios.append(cpu / ours[-1])
    print(f"{name}: culprit {spread(ours, 5)} s CPU, scikit-learn {spread(theirs, 3)} s;"
          f" scikit-learn / culprit {spread(ratios, 1)}; ranking {'equal' if same else 'DIFFERENT'}", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("rows", nargs="*", default=["400x5", "80000x20"])
    args = options.parse_args()
    if "400x5" in args.rows:
        x, y = mixed()
        row("400x5", x[:400], y[:400], args.rounds, 20)
    if "80000x20" in args.rows:
        row("80000x20", *large(80000, 20), args.rounds, 1)


if __name__ == "__main__":
    main()
