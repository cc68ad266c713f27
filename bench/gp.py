#!/usr/bin/python3
"""the Gaussian process against scikit-learn's GaussianProcessRegressor: the same figures, CPU seconds

    bench/gp.py [--rounds N]

Tables of a smooth response with noise at random points. At given length scales, signal and noise both must
give the same likelihood and the same predictions, to 1e-6. Then each looks for its own, from four
starts, and their likelihoods stand side by side (culprit's search has a weak prior beside the likelihood, so
its may be a little less). One thread each, CPU seconds of the fit alone.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
from lib.forest_table import spread  # noqa: E402  (checks for numpy with a sentence)
import numpy as np  # noqa: E402
import warnings  # noqa: E402
from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: E402
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", HERE.parent / "build-bench"))
SIZES = ((24, 5), (60, 6), (200, 6))
POINTS = 50


def table(n, p, seed):
    rng = np.random.default_rng(seed)
    x, points = rng.random((n, p)), rng.random((POINTS, p))
    y = np.sin(4 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + .1 * rng.standard_normal(n) + 7
    return x, y, points, np.array([.6, .9] + [2.] * (p - 2)), 1.5, .12


def ours(x, y, points, scale, signal, noise):
    head = np.array([*x.shape, len(points)], dtype=float)
    data = b"".join(np.ascontiguousarray(v, dtype=float).tobytes()
                    for v in (head, x, y, points, scale, [signal, noise]))
    out = subprocess.run([BUILD / "bench/gp_drive"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return {line.split()[0]: np.array(line.split()[1:], dtype=float)
            for line in out.decode().splitlines()}


def kernel(scale, signal, noise, bounds):
    return (ConstantKernel(signal ** 2, bounds and (1e-6, 1e6) or "fixed")
            * RBF(scale, bounds and (.05, 30) or "fixed")
            + WhiteKernel(noise ** 2, bounds and (1e-9, 1e3) or "fixed"))


def theirs(x, y, points, scale, signal, noise):
    centred = y - y.mean()
    model = GaussianProcessRegressor(kernel(scale, signal, noise, False), alpha=1e-300,
                                     optimizer=None).fit(x, centred)
    mean, sd = model.predict(points, return_std=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        found = GaussianProcessRegressor(kernel(np.ones(x.shape[1]), 1., .1, True), alpha=1e-300,
                                         n_restarts_optimizer=3, random_state=1).fit(x, centred)
        took = time.process_time() - start
    return {"likelihood": model.log_marginal_likelihood_value_, "mean": mean + y.mean(),
            "sd": np.sqrt(sd ** 2 - noise ** 2),  # its deviation is that of a new trial
            "found": found.log_marginal_likelihood_value_, "seconds": took}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    args = options.parse_args()
    worst = 0
    for n, p in SIZES:
        rounds = []
        for seed in range(args.rounds):
            data = table(n, p, seed)
            rounds.append((ours(*data), theirs(*data)))
        for a, b in rounds:
            for key in ("likelihood", "mean", "sd"):
                worst = max(worst, np.abs(a[key] - b[key]).max())
        print(f"{n}x{p} fit: culprit {spread([a['seconds'][0] for a, b in rounds], 4)} s,"
              f" scikit-learn {spread([b['seconds'] for a, b in rounds], 3)} s;"
              f" scikit-learn / culprit {spread([b['seconds'] / a['seconds'][0] for a, b in rounds], 1)};"
              f" log likelihood less theirs {spread([a['found'][0] - b['found'] for a, b in rounds], 3)}")
    print(f"largest difference of likelihoods, predictions and deviations at the same length scales: {worst:.1e}")
    if worst > 1e-6:
        sys.exit("the two differ")


if __name__ == "__main__":
    main()
