#!/usr/bin/python3
"""error rates of warm-up, drift and interval of a rate on simulated series

    bench/steady_errors.py [null | power] [SERIES]

Prints the tables of docs/methods.md; both with 4,000 series a row take about fifteen seconds.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
for one in sys.argv[1:2] or ["null", "power"]:
    subprocess.run([BUILD / "bench/steady_errors", one, *sys.argv[2:3]], check=True)
