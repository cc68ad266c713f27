#!/usr/bin/python3
"""error rates of stopping a study when its ranking is settled, on simulated sequential studies

    bench/settled_errors.py [STUDIES]

Prints the table of docs/methods.md. 1,000 studies a row take about five minutes.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
subprocess.run([BUILD / "bench/settled_errors", *sys.argv[1:2]], check=True)
