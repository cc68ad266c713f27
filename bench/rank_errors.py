#!/usr/bin/python3
"""error rates of the ranking on simulated tables: false names, power, coverage of intervals

    bench/rank_errors.py [null | power | intervals | process] [TABLES]

Prints the tables of docs/methods.md; `process` is the one on the Gaussian process.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
what = sys.argv[1:2] or ["null", "power", "intervals", "process"]
for one in what:
    program = ["gp_errors"] if one == "process" else ["rank_errors", one]
    subprocess.run([BUILD / "bench" / program[0], *program[1:], *sys.argv[2:3]], check=True)
