#!/usr/bin/env python3
"""Writes seed_mixed.csv: 500 trials of a simulated service like the one of the original experiment.

Half of its requests, more or less, wait for I/O (min_response_time + lognormal(log(mean), std) seconds),
the others serialise JSON. 100 connections in a closed loop; exact mean value analysis (Reiser &
Lavenberg 1980) of one waiting station and one queueing station, the two CPU cores as one twice as
fast. The factors are drawn from 100 levels each, as the experiment did. Measured values carry 2 % of
lognormal noise."""
import csv
import math
import pathlib
import random

N, ROWS = 100, 500
RANGES = {"mean_response_time": (.15, .75), "min_response_time": (.1, .2),
          "std_response_time": (.01, .3), "json_object_length": (500, 1000),
          "fraction_io_bound": (.05, .5)}


def simulate(s):
    """Requests per second and mean latency in seconds."""
    io = s["min_response_time"] + s["mean_response_time"] * math.exp(s["std_response_time"] ** 2 / 2)
    wait = s["fraction_io_bound"] * io
    cpu = (250e-6 + (1 - s["fraction_io_bound"]) * .4e-6 * s["json_object_length"]) / 2
    queue = 0
    for n in range(1, N + 1):
        stay = cpu * (1 + queue)
        rate = n / (wait + stay)
        queue = rate * stay
    return rate, N / rate


def main():
    draw = random.Random(2018)
    with open(pathlib.Path(__file__).with_name("seed_mixed.csv"), "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*RANGES, "connections", "mean_latency_ms", "requests_per_second"])
        for _ in range(ROWS):
            s = {k: round(low + draw.randrange(100) * (high - low) / 99, 6)
                 for k, (low, high) in RANGES.items()}
            rate, latency = simulate(s)
            rate *= math.exp(draw.gauss(0, .02))
            latency *= math.exp(draw.gauss(0, .01))
            writer.writerow([*(f"{v:g}" for v in s.values()), N, f"{latency * 1e3:.3f}", f"{rate:.2f}"])


if __name__ == "__main__":
    main()
