#!/usr/bin/python3
"""how often culprit correlate finds what is not there, and what is

    bench/correlate_errors.py [SETS]

Prints the tables of docs/methods.md: of each kind of series the share of data sets without any relation
in which something is found, by culprit and by the usual recipe; the share that is found of a tenth of
the series that is related; how often intervals hold the coefficient. 400 data sets (a tenth of that for the
last two) take about ten minutes of CPU.
"""
import os
import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD",
                                    pathlib.Path(__file__).resolve().parent.parent / "build-bench"))
SETS = int(sys.argv[1]) if len(sys.argv) > 1 else 400
TIMES = (120, 360, 1440)


def rows(*args):
    """{world: [figures]} of one call of the driver"""
    text = subprocess.run([BUILD / "bench/correlate_errors", *map(str, args)], check=True,
                          capture_output=True, text=True).stdout
    cells = [[c.strip() for c in line.strip("|\n").split("|")] for line in text.splitlines()]
    return {c[0]: c[1:] for c in cells}


def table(columns, head, texts):
    """Markdown: one row a world"""
    print("| series | " + " | ".join(head) + " |")
    print("| --- |" + " ---: |" * len(head))
    for world in columns[0]:
        print(f"| {world} | " + " | ".join(t(c[world]) for c in columns for t in texts) + " |")
    print(flush=True)


def short(figure):
    """0.048 → .048"""
    return re.sub(r"^0(?=\.)", "", figure)


table([rows("level", SETS, 60, t) for t in TIMES],
      [f"{t} {who}" for t in TIMES for who in ("culprit", "recipe")],
      [lambda c: short(c[0]), lambda c: short(c[1])])
table([rows("power", SETS // 10, 60, t, rho) for t in TIMES for rho in (.1, .15, .3)],
      [f"{t}, ρ {rho}" for t in TIMES for rho in (.1, .15, .3)], [lambda c: short(c[0])])
print(subprocess.run([BUILD / "bench/correlate_errors", "cover", str(SETS * 5 // 2), "1440"], check=True,
                     capture_output=True, text=True).stdout, end="")
