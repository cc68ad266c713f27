#!/usr/bin/python3
"""permutation importance against scikit-learn: CPU seconds, and the importances

    bench/permutation.py [--rounds N] [--peer-rounds N]

100 trees fitted on 20,000 rows of 20 factors; then each factor is shuffled 10 times in 20,000 other rows.
The fit is not in the times. scikit-learn takes minutes, so it runs --peer-rounds times (default 1), and its
importances are compared with the median round of culprit.
"""
import argparse
import pathlib
import tempfile
import time

from lib.forest_table import drive, large, np, spread, write
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

ROWS, FACTORS, TREES, REPEATS = 20000, 20, 100, 10


def peer(x, y, seed):
    model = RandomForestRegressor(TREES, random_state=seed).fit(x[:ROWS], y[:ROWS])
    start = time.process_time()
    found = permutation_importance(model, x[ROWS:], y[ROWS:], n_repeats=REPEATS, random_state=seed)
    return time.process_time() - start, found.importances_mean


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--peer-rounds", type=int, default=1)
    args = options.parse_args()
    x, y = large(2 * ROWS, FACTORS)
    ours, theirs, ratios = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "table")
        write(path, x, y)
        for r in range(args.rounds):
            if r < args.peer_rounds:
                theirs.append(peer(x, y, r))
            ours += drive("permute", path, ROWS, TREES, REPEATS, r)
            if r < args.peer_rounds:
                ratios.append(theirs[r][0] / ours[r]["cpu"])
    print(f"culprit {spread([o['cpu'] for o in ours], 3)} s CPU, scikit-learn"
          f" {spread([t[0] for t in theirs], 1)} s; scikit-learn / culprit {spread(ratios, 0)}")
    mean, peer_mean = (np.mean(m, 0) for m in ([o["mean"] for o in ours], [t[1] for t in theirs]))
    print("factor      culprit  scikit-learn")
    for j, (a, b) in enumerate(zip(mean, peer_mean)):
        print(f"x{j:<5} {a:12.5f} {b:13.5f}")
    print(f"largest difference: {np.abs(mean - peer_mean).max():.5f}")


if __name__ == "__main__":
    main()
