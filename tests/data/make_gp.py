#!/usr/bin/python3
"""Writes tests/data/gp.json: what scikit-learn 1.2.1's GaussianProcessRegressor says

    tests/data/make_gp.py > tests/data/gp.json

At given length scales, signal and noise: log likelihood, and mean and deviation of the function at some points; then
the log likelihood at the best hyperparameters that its own search finds from four starts. The response is centred first, as
culprit does.
"""
import json
import sys
import warnings

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel


def kernel(scale, signal, noise, bounds):
    return (ConstantKernel(signal ** 2, bounds and (1e-6, 1e6) or "fixed")
            * RBF(scale, bounds and (.05, 30) or "fixed")
            + WhiteKernel(noise ** 2, bounds and (1e-9, 1e3) or "fixed"))


def case(n, p, seed, scale, signal, noise):
    rng = np.random.default_rng(seed)
    x, points = rng.random((n, p)).round(4), rng.random((8, p)).round(4)
    y = np.sin(4 * x[:, 0]) + 2 * x[:, 1] * x[:, -1] + .1 * rng.standard_normal(n) + 7
    y = y.round(6)
    model = GaussianProcessRegressor(kernel(scale, signal, noise, False), alpha=1e-300, optimizer=None)
    model.fit(x, y - y.mean())
    mean, sd = model.predict(points, return_std=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = GaussianProcessRegressor(kernel(np.ones(p), 1., .1, True), alpha=1e-300,
                                         n_restarts_optimizer=3, random_state=1).fit(x, y - y.mean())
    return {"n": n, "p": p, "x": x.ravel().tolist(), "y": y.tolist(), "points": points.ravel().tolist(),
            "scale": scale, "signal": signal, "noise": noise,
            "log_likelihood": model.log_marginal_likelihood_value_, "mean": (mean + y.mean()).tolist(),
            "sd": np.sqrt(sd ** 2 - noise ** 2).tolist(),
            "found": found.log_marginal_likelihood_value_}


json.dump([case(12, 2, 1, [.5, 1.], 1., .1), case(30, 3, 2, [.3, 2., 10.], 2., .05),
           case(60, 6, 3, [.6, .9, 5., 5., 5., 1.], 1.5, .12)], sys.stdout, indent=0)
