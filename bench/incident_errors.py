#!/usr/bin/python3
"""error rates and powers of correlate --during, on worlds of series whose truth is known

    bench/incident_errors.py [SETS]

Prints the tables of docs/methods.md. 200 sets take about two minutes.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
subprocess.run([BUILD / "bench/incident_errors", *sys.argv[1:2]], check=True)
