#!/usr/bin/python3
"""What booking a sample into a profile costs, and what a profile of 100,000 nodes weighs: CPU, medians

    bench/profile_tree.py [--rounds N]
"""
import argparse
import json
import pathlib
import statistics
import subprocess

DRIVE = pathlib.Path(__file__).resolve().parent.parent / "build-bench/bench/profile_tree_drive"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--drive", default=DRIVE)
    args = options.parse_args()
    rounds = [[json.loads(line) for line in subprocess.run([args.drive], check=True, capture_output=True,
                                                           text=True).stdout.splitlines()]
              for _ in range(args.rounds)]
    for rows in zip(*rounds):
        median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        if "ns_a_sample" in median:
            print(f"depth 50, {median['nodes']:,.0f} nodes: {median['ns_a_sample']:.0f} ns a sample, "
                  f"{median['ns_a_frame']:.1f} ns a frame")
            continue
        print(f"{median['nodes']:,.0f} nodes: view {median['view_s'] * 1e3:.0f} ms; JSON "
              f"{median['json_bytes'] / 1e6:.1f} MB, written in {median['write_s'] * 1e3:.0f} ms, read in "
              f"{median['read_s'] * 1e3:.0f} ms")
        for word in ("collapsed", "speedscope", "pprof", "callgrind"):
            print(f"  {word}: {median[word + '_bytes'] / 1e6:.2f} MB, {median[word + '_s'] * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
