#!/usr/bin/env python3
"""Writes correlate.csv: scipy.stats.pearsonr on pandas' diff().dropna(), as the seed's article does it
(Debian 12: python3-scipy 1.10.1, python3-pandas 1.5.3). The series come from a generator of a line, so that a
test in C makes the same ones."""
import csv
import pathlib

import pandas
import scipy.stats

MASK = (1 << 64) - 1


def series(n, weight, gaps, seed):
    """two random walks; the second's steps are weight × the first's + its own"""
    state = seed

    def uniform():
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        return (state >> 11) * 2.0 ** -53
    x, y, at_x, at_y = [], [], 0.0, 0.0
    for _ in range(n):
        step = uniform() - .5
        at_x += step
        at_y += weight * step + (uniform() - .5)
        x.append(float("nan") if uniform() < gaps else at_x)
        y.append(float("nan") if uniform() < gaps else at_y)
    return x, y


with open(pathlib.Path(__file__).parent / "correlate.csv", "w", newline="") as f:
    out = csv.writer(f, lineterminator="\n")
    out.writerow(("n", "weight", "gaps", "seed", "pairs", "r", "p"))
    for n in (14, 40, 120, 360, 1440, 5000):
        for weight in (0, .02, -.1, .3, -.7, 1, 1.2, 2, -5, 12):
            for gaps in (0, .1):
                seed = n * 1000 + round(weight * 100) + round(gaps * 7)
                x, y = series(n, weight, gaps, seed)
                d = pandas.DataFrame({"x": x, "y": y}).diff().dropna()
                if len(d) < 12:
                    continue
                r, p = scipy.stats.pearsonr(d.x.values, d.y.values)
                if p >= 1e-300:
                    out.writerow((n, repr(float(weight)), gaps, seed, len(d), repr(float(r)), repr(float(p))))
