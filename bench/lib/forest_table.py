"""What bench/forest.py and bench/permutation.py share: the table, and running culprit's side of it."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    sys.exit("python3-sklearn is missing: apt-get install python3-sklearn, or ./dev bench")

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench"))
DRIVE = BUILD / "bench/forest_drive"


def large(n, p, seed=1):
    """Friedman's first function, more interactions and steps over eleven factors, the others noise."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, p))
    y = (10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - .5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
         + 6 * (x[:, 5] > .5) * x[:, 6] - 4 * np.abs(x[:, 7] - x[:, 8]) + 3 * x[:, 9] * (x[:, 10] > .3)
         + rng.normal(size=n))
    return x, y


def mixed():
    """The trials of an experiment: five factors at 100 levels each."""
    cells = np.loadtxt(ROOT / "tests/data/seed_mixed.csv", delimiter=",", skiprows=1)
    return cells[:, :5], cells[:, 7]


def write(path, x, y):
    with open(path, "wb") as out:
        np.array(x.shape, dtype=float).tofile(out)
        np.ascontiguousarray(x.T).tofile(out)
        y.tofile(out)


def drive(*args):
    done = subprocess.run([DRIVE, *map(str, args)], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
