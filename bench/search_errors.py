#!/usr/bin/python3
"""how near the search for the highest rate comes, on a simulated service

    bench/search_errors.py [SEARCHES]

Prints the table of docs/methods.md; 200 searches a row take about a minute.
"""
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
subprocess.run([BUILD / "bench/search_errors", *sys.argv[1:2]], check=True)
