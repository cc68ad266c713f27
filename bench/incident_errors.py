#!/usr/bin/python3
"""error rates and powers of correlate --during, on worlds of series whose truth is known

    bench/incident_errors.py [SETS [large|small [WORLD]]]

Prints the tables of docs/methods.md: large, 300 series of 1,440 times with incidents of 20 and 140; small, 30 of
160 with incidents of 10 and 30. WORLD, a number from 0 on, is a row of them. 200 large sets take some minutes.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
subprocess.run([BUILD / "bench/incident_errors", *sys.argv[1:]], check=True)
