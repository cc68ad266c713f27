#!/usr/bin/python3
"""error rates of the ranking on simulated tables: false names, power, coverage of intervals

    bench/rank_errors.py [null | power | intervals] [TABLES]

Prints the tables of docs/methods.md. All three with 400 tables a row take about ten minutes.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
what = sys.argv[1:2] or ["null", "power", "intervals"]
for one in what:
    subprocess.run([BUILD / "bench/rank_errors", one, *sys.argv[2:3]], check=True)
