#!/usr/bin/env python3
"""Writes forest.json: what scikit-learn's RandomForestRegressor and permutation_importance make of the
tables of tests/unit/test_forest.c, each over many forests (Debian 12: python3-sklearn 1.2.1). The tables
come from seed_mixed.csv and from a generator that is written in both files. Takes a few minutes."""
import json
import pathlib

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

HERE = pathlib.Path(__file__).parent


def table(n, p, levels, seed):
    """Numbers in [0, 1) from a linear congruential generator (Knuth's MMIX), row by row, the noise last;
    levels: how many different values a factor has, 0 for any."""
    state, x, y = seed, np.empty((n, p)), np.empty(n)
    for i in range(n):
        row = []
        for _ in range(p + 1):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            row.append((state >> 11) * 2.0**-53)
        x[i] = np.floor(np.array(row[:p]) * levels) / levels if levels else row[:p]
        y[i] = (10 * x[i, 0] * x[i, 1] + 20 * (x[i, 2] - .5) ** 2 + 5 * x[i, 3]
                + 4 * (row[p] - .5))
    return x, y


def case(name, seeds, x, y, n_train, **forest):
    train, test = slice(0, n_train), slice(n_train, None)
    r2, oob, impurity, permutation = [], [], [], []
    for seed in range(seeds):
        model = RandomForestRegressor(100, random_state=seed, oob_score=True, **forest)
        model.fit(x[train], y[train])
        r2.append(model.score(x[test], y[test]))
        oob.append(model.oob_score_)
        impurity.append(model.feature_importances_)
        permutation.append(permutation_importance(
            model, x[test], y[test], n_repeats=5, random_state=seed).importances_mean)
    return {"name": name, "seeds": seeds, "n_train": n_train, "r2": np.mean(r2), "r2_sd": np.std(r2, ddof=1),
            "oob": np.mean(oob), "oob_sd": np.std(oob, ddof=1),
            "impurity": np.mean(impurity, 0).tolist(),
            "permutation": np.mean(permutation, 0).tolist(),
            "permutation_sd": np.std(permutation, 0, ddof=1).tolist()}


def main():
    mixed = np.loadtxt(HERE / "seed_mixed.csv", delimiter=",", skiprows=1)
    x, y = mixed[:, :5], mixed[:, 7]
    cases = [case("mixed", 200 if n < 400 else 40, x, y, n) for n in (30, 100, 400)]
    cases.append(case("levels", 20, *table(600, 6, 4, 1), 500))
    cases.append(case("continuous", 20, *table(4000, 8, 0, 2), 3000))
    cases.append(case("features", 20, *table(1500, 8, 0, 3), 1000, max_features=3))
    cases.append(case("depth", 20, *table(1500, 8, 20, 4), 1000, max_depth=6))
    text = ",\n".join(json.dumps(c) for c in cases)
    (HERE / "forest.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
