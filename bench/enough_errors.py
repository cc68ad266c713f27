#!/usr/bin/python3
"""length and coverage of loads whose length is by rule, on simulated services

    bench/enough_errors.py [RUNS [PRECISION]]

Prints the table of docs/methods.md; with 1,000 runs a row it takes about a minute.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
subprocess.run([BUILD / "bench/enough_errors", *sys.argv[1:]], check=True)
