#!/usr/bin/python3
"""The peer of bench/correlate.py, the seed's recipe as one writes it in a notebook: correlate_peer.py FILE TARGET.

First differences, Pearson's r and its p-value of each series with the target. Says how many have p ≤ .05 after
Benjamini and Hochberg, so that all that was computed was needed.
"""
import sys

import numpy as np
import pandas as pd
import scipy.stats

table = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
diff = table.diff().dropna()
target = diff.pop(sys.argv[2]).to_numpy()
p = np.array([scipy.stats.pearsonr(target, diff[name].to_numpy())[1] for name in diff.columns])
passed = np.nonzero(np.sort(p) <= .05 * np.arange(1, len(p) + 1) / len(p))[0]
print(passed.max() + 1 if len(passed) else 0)
