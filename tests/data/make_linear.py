#!/usr/bin/env python3
"""Writes linear.json: tables, and what scikit-learn's StandardScaler, LinearRegression and RFECV make of
them (Debian 12: python3-sklearn 1.2.1); standard errors and p-values by numpy and scipy."""
import json
import pathlib

import numpy as np
from scipy import stats
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent


def case(name, x, y):
    z = StandardScaler().fit_transform(x)
    n, p = x.shape
    model = LinearRegression().fit(z, y)
    out = {"name": name, "x": x.T.tolist(), "y": y.tolist(), "coef": model.coef_.tolist(),
           "intercept": float(model.intercept_), "r2": model.score(z, y)}
    if n > p + 1:
        design = np.column_stack([np.ones(n), z])
        sigma2 = ((y - model.predict(z)) ** 2).sum() / (n - p - 1)
        error = np.sqrt(np.diag(np.linalg.pinv(design.T @ design)) * sigma2)[1:]
        out["std_error"] = error.tolist()
        out["p_value"] = (2 * stats.t.sf(np.abs(model.coef_ / error), n - p - 1)).tolist()
    selector = RFECV(LinearRegression()).fit(z, y)
    out["ranking"] = selector.ranking_.tolist()
    out["n_selected"] = int(selector.n_features_)
    out["score"] = selector.cv_results_["mean_test_score"].tolist()
    return out


def main():
    rng = np.random.default_rng(5)
    mixed = np.loadtxt(HERE / "seed_mixed.csv", delimiter=",", skiprows=1)
    cases = [case("mixed", mixed[:, :5], mixed[:, 7])]
    x = rng.normal(size=(37, 4)) @ rng.normal(size=(4, 4)) * [1, 1e-6, 1e5, 3] + [0, 1e-3, 1e7, -4]
    cases.append(case("correlated, of different sizes", x, x @ [1, 2e5, 0, 3] + rng.normal(size=37)))
    x = rng.uniform(size=(12, 8))
    cases.append(case("few rows", x, 5 * x[:, 2] + rng.normal(size=12) * .3))
    x = rng.uniform(size=(60, 10))
    cases.append(case("no effect", x, rng.standard_t(2, size=60)))
    x = rng.uniform(size=(203, 20))
    cases.append(case("many factors", x, x[:, :7] @ np.arange(1, 8) + rng.normal(size=203)))
    x = rng.normal(size=(50, 3))
    x[:, 2] = x[:, 0] + 1e-4 * x[:, 2]
    cases.append(case("nearly collinear", x, x @ [1, 2, 3] + rng.normal(size=50)))
    for i in range(12):
        n, p = int(rng.integers(12, 90)), int(rng.integers(2, 9))
        x = rng.uniform(size=(n, p))
        active = rng.uniform(size=p) < .5
        cases.append(case(f"random {i}", x, x @ (active * rng.normal(size=p)) + rng.normal(size=n) * .5))
    (HERE / "linear.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
