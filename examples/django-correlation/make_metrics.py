#!/usr/bin/env python3
"""A day of a Django application's metrics, a row a minute, as an APM service would export them.

    make_metrics.py > metrics.csv

The truth that is in them: from 19:00 to 21:20 SQL is slow for all; `apps/data`, whose pages are cached
for some minutes, follows at 19:06; from 19:50 to 21:10 a script reloads `endpoints/sparkline`, a costly
page that hardly anybody uses. `disk_used_gb` and `registered_users` grow all day and have nothing to do
with it. `total` is the mean response time over all requests: exactly the mix of the endpoints, and
exactly the sum of the layers. The seed is fixed: everybody gets the same file."""
import math
import random
import sys

MINUTES = 1440
LAYERS = ("View", "SQL", "Middleware", "Template", "Redis", "MongoDB", "HTTP", "Elasticsearch", "Memcached",
          "Session")
SHARES = (.30, .22, .06, .14, .05, .06, .09, .03, .02, .03)  # of an endpoint's time, on the whole
APPS = ("accounts", "alerts", "apps", "billing", "deploys", "docs", "endpoints", "errors", "jobs", "memory",
        "orgs", "reports", "search", "sessions", "traces")
PAGES = ("list", "show", "new", "edit", "data", "chart", "sparkline", "export", "settings", "index")
SLOW = (19 * 60, 21 * 60 + 20)    # the database
CACHED = 6                        # minutes that apps/data lives on its cache
BURST = (19 * 60 + 50, 21 * 60 + 10)


class Endpoint:
    def __init__(self, rng, app, page):
        self.name = f"{app}/{page}"
        self.rate = 60 / (1 + rng.expovariate(.12))  # requests a minute at noon
        self.mean = 40 * math.exp(rng.gauss(0, .6))  # ms
        shares = [s * rng.uniform(.5, 1.5) for s in SHARES]
        shares[1] *= .5  # most of the database is one page's
        if self.name == "apps/data":
            self.rate, self.mean = 70, 330
            shares[1] = 2
        elif self.name == "endpoints/sparkline":
            self.rate, self.mean = .3, 1400
        self.layers = [self.mean * s / sum(shares) for s in shares]


def wander(rng, phi, sd):
    """An AR(1) around 1, a value a minute."""
    x, values = 0.0, []
    for _ in range(MINUTES):
        x = phi * x + rng.gauss(0, sd)
        values.append(math.exp(x))
    return values


def requests(rng, endpoint, minute):
    """How many there are in this minute."""
    day = 1 - .45 * math.cos(2 * math.pi * (minute - 150) / MINUTES)
    mean = endpoint.rate * day
    if endpoint.name == "endpoints/sparkline" and BURST[0] <= minute < BURST[1]:
        mean += rng.choice((5, 15, 30, 45))
    if mean > 15:
        return max(0, round(rng.gauss(mean, .02 * mean)))  # clients that poll
    left, n = math.exp(-mean), -1
    product = 1.0
    while product > left:
        product *= rng.random()
        n += 1
    return n


def slowness(endpoint, minute):
    """Of SQL."""
    start = SLOW[0] + (CACHED if endpoint.name == "apps/data" else 0)
    return 2.1 if start <= minute < SLOW[1] else 1


def main():
    rng = random.Random(20261114)
    endpoints = [Endpoint(rng, a, p) for a in APPS for p in PAGES]
    factors = [wander(rng, .7, .02 if layer != "SQL" else .045) for layer in LAYERS]
    users, disk = 48210, 311.0
    out = sys.stdout
    out.write(",".join(["time", "total", "requests", *(f"layer/{x}" for x in LAYERS),
                        *(f"{e.name}:time" for e in endpoints),
                        *(f"{e.name}:throughput" for e in endpoints),
                        "disk_used_gb", "registered_users"]) + "\n")
    for minute in range(MINUTES):
        layers, times, rates, whole = [0.0] * len(LAYERS), [], [], 0.0
        for e in endpoints:
            n = requests(rng, e, minute)
            sd = .6 / math.sqrt(n or 1)
            parts = [ms * f[minute] * math.exp(rng.gauss(0, sd)) for ms, f in zip(e.layers, factors)]
            parts[1] *= slowness(e, minute)
            time = round(sum(parts), 1)
            rates.append(n)
            times.append(f"{time:.1f}" if n else "")
            whole += n * time
            layers = [a + n * b for a, b in zip(layers, parts)]
        count = sum(rates)
        total = round(whole / count, 4)
        layers = [round(ms / count, 4) for ms in layers]
        layers[0] += total - sum(layers)  # what rounding left
        users += sum(rng.random() < .03 for _ in range(20))
        disk += .07 + rng.gauss(0, .03)
        out.write(",".join([f"2026-11-14 {minute // 60:02}:{minute % 60:02}", f"{total:.4f}", str(count),
                            *(f"{ms:.4f}" for ms in layers), *times, *map(str, rates),
                            f"{disk:.2f}", str(users)]) + "\n")


if __name__ == "__main__":
    main()
