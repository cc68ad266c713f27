#!/usr/bin/python3
"""the random forest against scikit-learn: CPU seconds of a fit, R² on the same rows

    bench/forest.py [--rounds N] [--peer-rounds N] [ROW …]                     rows: 80000x20 400x5

Both read the same table, fit 100 trees on the same rows and predict the rows that were left out. They take
turns; a round is one fit of scikit-learn and one (80000x20) or twenty (400x5) of culprit. scikit-learn takes
some two minutes for 80,000 rows, so it sits out all rounds but the first --peer-rounds. CPU is that of all
threads (process time) around the fit alone. culprit's time includes out-of-bag predictions, scikit-learn's
does not.
"""
import argparse
import pathlib
import statistics
import tempfile
import time

from lib.forest_table import drive, large, mixed, spread, write
from sklearn.ensemble import RandomForestRegressor

TREES = 100


def peer(x, y, train, seed):
    start = time.process_time()
    model = RandomForestRegressor(TREES, random_state=seed).fit(x[:train], y[:train])
    return time.process_time() - start, model.score(x[train:], y[train:])


def row(name, x, y, train, rounds, peer_rounds, fits):
    ours, theirs, ratios = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "table")
        write(path, x, y)
        for r in range(rounds):
            if r < peer_rounds:
                theirs.append(peer(x, y, train, r))
            lines = drive("fit", path, train, TREES, fits, 1000 * r)
            cpu = statistics.median(line["cpu"] for line in lines)
            ours.append((cpu, statistics.mean(line["r2"] for line in lines)))
            if r < peer_rounds:
                ratios.append(theirs[r][0] / cpu)
    cpu, r2 = zip(*ours)
    peer_cpu, peer_r2 = zip(*theirs)
    print(f"{name}: culprit {spread(cpu, 4)} s CPU, scikit-learn {spread(peer_cpu, 4)} s;"
          f" scikit-learn / culprit {spread(ratios, 1)}")
    print(f"{name}: R² culprit {spread(r2, 5)}, scikit-learn {spread(peer_r2, 5)};"
          f" difference of means {statistics.mean(r2) - statistics.mean(peer_r2):+.5f}", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--peer-rounds", type=int, default=2)
    options.add_argument("rows", nargs="*", default=["400x5", "80000x20"])
    args = options.parse_args()
    if "400x5" in args.rows:
        row("400x5", *mixed(), 400, 20, 20, 20)
    if "80000x20" in args.rows:
        row("80000x20", *large(100000, 20), 80000, args.rounds, min(args.peer_rounds, args.rounds), 1)


if __name__ == "__main__":
    main()
