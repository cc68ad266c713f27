#!/usr/bin/python3
"""Records points of SciPy's Sobol sequence, not scrambled, for tests/unit/test_design.c.

    /usr/bin/python3 tests/data/make_sobol.py >tests/data/sobol.csv

Debian 12's python3-scipy 1.10.1. A line: the index of the point, then 64 coordinates times 2^30. The
first 16 points, and those of index 2^k up to 2^20, so that every direction number up to the 21st is in
one of them.
"""
from scipy.stats import qmc

INDICES = list(range(16)) + [1 << k for k in range(4, 21)]

sobol = qmc.Sobol(64, scramble=False)
at = 0
for index in INDICES:
    if index > at:
        sobol.fast_forward(index - at)
    point = sobol.random(1)[0]
    at = index + 1
    print(index, *(int(x * 2**30) for x in point), sep=",")
