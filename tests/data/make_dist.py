#!/usr/bin/env python3
"""Writes dist.csv: distribution functions as scipy has them (Debian 12: python3-scipy 1.10.1)."""
import csv
import math
import pathlib

from scipy import special, stats

ROWS = []
for z in (-37, -8.5, -3, -1.96, -.1, 0, .5, 2.5758, 6, 9):
    ROWS.append(("normal_cdf", z, 0, 0, stats.norm.cdf(z)))
for p in (1e-300, 1e-12, .001, .025, .3, .5, .9, .975, .9999):
    ROWS.append(("normal_quantile", p, 0, 0, stats.norm.ppf(p)))
for df in (1, 2, 2.5, 6, 19, 499, 79979):
    for t in (-40, -4.2, -1, -.01, .3, 1.7, 2.1, 12):
        ROWS.append(("t_cdf", t, df, 0, stats.t.cdf(t, df)))
        ROWS.append(("t_two_sided", t, df, 0, 2 * stats.t.sf(abs(t), df)))
    for p in (1e-6, .005, .025, .4, .95, .975, .99999):
        # by the beta function: scipy's own t.ppf holds eight digits
        x = special.betaincinv(df / 2, .5, 2 * min(p, 1 - p))
        ROWS.append(("t_quantile", p, df, 0, math.copysign(math.sqrt(df * (1 / x - 1)), p - .5)))
for df1, df2 in ((1, 5), (4, 11), (6, 200), (20, 3), (15, 79000)):
    for f in (.01, .5, 1, 2.3, 7, 60):
        ROWS.append(("f_upper", f, df1, df2, stats.f.sf(f, df1, df2)))
        ROWS.append(("f_cdf", f, df1, df2, stats.f.cdf(f, df1, df2)))
    for p in (.001, .05, .5, .95, .9999):
        ROWS.append(("f_quantile", p, df1, df2, stats.f.ppf(p, df1, df2)))
for a, b in ((.5, .5), (2, 3), (1, 40), (300, 2), (5000, 7000)):
    for x in (1e-9, .01, .3, .42, .8, .999999):
        ROWS.append(("beta_cdf", x, a, b, special.betainc(a, b, x)))
    for p in (.001, .05, .5, .975):
        ROWS.append(("beta_quantile", p, a, b, special.betaincinv(a, b, p)))

with open(pathlib.Path(__file__).with_name("dist.csv"), "w", newline="") as out:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("function", "x", "a", "b", "value"))
    writer.writerows((f, repr(float(x)), repr(float(a)), repr(float(b)), repr(float(v)))
                     for f, x, a, b, v in ROWS)
