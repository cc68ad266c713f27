#!/usr/bin/python3
"""length and coverage of trials whose length is by rule, on the lab with a warm-up of one second

    bench/trial_length.py [TRIALS [SETTING ...]]

Labs `mixed --transient 1s` under settings of different kinds; TRIALS (50) short trials of each with
`-d auto` (±5 % of the rate), interleaved, each after an idle second so that the lab is cold again. A
trial holds when its rate is within 5 % of the steady one: connections / mean request where requests all but
wait, so that it is known whatever else the machine does; else that of two runs of 60 s, before and after,
without their first seconds. Beside it a tenth as many trials of a fixed 20 s, and the naive rule played
on their seconds (stop at the first 95 % interval of independent seconds, without a cut, that is narrow
enough). `least` is how long the window must be, warm-up aside, for ±5 % by the requests' own spread: no
rule can be shorter. 50 trials of the four settings take half an hour.
"""
import contextlib
import json
import math
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CULPRIT = os.environ.get("CULPRIT", str(pathlib.Path(os.environ.get("CULPRIT_BUILD", ROOT / "build-bench"))
                                        / "culprit"))
PRECISION = 0.05


def mix(fraction, mean, least, sigma):
    return (f"/?fraction_io_bound={fraction}&mean_response_time={mean}&min_response_time={least}"
            f"&std_response_time={sigma}&json_object_length=750&cpu_rounds=5")


def waiting(users, fraction, mean, least, sigma):
    """Path, connections, steady rate and least length of requests that wait with probability `fraction`; the
    rest cost some 40 µs each."""
    first = fraction * (least + mean * math.exp(sigma ** 2 / 2))
    second = fraction * (least ** 2 + 2 * least * mean * math.exp(sigma ** 2 / 2)
                         + mean ** 2 * math.exp(2 * sigma ** 2))
    rate = users / first
    return mix(fraction, mean, least, sigma), users, rate, \
        (1.96 / PRECISION) ** 2 * (second / first ** 2 - 1) / rate


# path, connections; the steady rate and the least length, where they are known
SETTINGS = {
    "waits": waiting(100, 0.25, 0.1, 0.05, 0.15),
    "varied": waiting(100, 0.5, 0.1, 0.05, 0.5),
    "computes": ("/cpu?json_object_length=750&cpu_rounds=100", 4, None, None),
    "example": waiting(100, 0.25, 0.45, 0.15, 0.15),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def lab(seed):
    port = free_port()
    process = subprocess.Popen([CULPRIT, "lab", "mixed", "--bind", f"127.0.0.1:{port}", "--seed", str(seed),
                                "--transient", "1s"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def load(folder, url, connections, *more):
    time.sleep(1.1)  # an idle second
    done = subprocess.run([CULPRIT, "load", url, "-c", str(connections), "--json", *more], text=True, check=True,
                          capture_output=True, env={**os.environ, "CULPRIT_STORE": str(folder / "bench.db")})
    return json.loads(done.stdout)


def naive(series, rate):
    """Length and rate where the naive rule would have ended on whole seconds."""
    counts = [s["completed"] for s in series if s["seconds"] > 0.999]
    for n in range(2, len(counts) + 1):
        mean = statistics.mean(counts[:n])
        if n == len(counts) or 1.96 * statistics.stdev(counts[:n]) / math.sqrt(n) <= PRECISION * mean:
            return n, mean
    return len(counts), rate


def show(name, trials, truth):
    """trials: (length, rate) each."""
    errors = [rate / truth - 1 for _, rate in trials]
    held = sum(abs(e) <= PRECISION for e in errors)
    lengths = sorted(t for t, _ in trials)
    n = len(trials)
    # Wilson's interval of a share
    middle, spread = (held + 1.92) / (n + 3.84), 1.96 / (n + 3.84) * math.sqrt(held * (n - held) / n + 0.96)
    print(f"  {name:10} {n:4} trials  length {statistics.mean(lengths):5.2f} s "
          f"({lengths[0]:.1f} to {lengths[-1]:.1f})  within ±5 %: {100 * held / n:5.1f} % "
          f"[{max(0, 100 * (middle - spread)):.1f}, {min(100, 100 * (middle + spread)):.1f}]  "
          f"bias {100 * statistics.mean(errors):+.2f} %  "
          f"RMS error {100 * math.sqrt(statistics.mean(e * e for e in errors)):.2f} %", flush=True)
    return held, n, sum(lengths)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    names = sys.argv[2:] or list(SETTINGS)
    truth, ruled, fixed, naively, endings, spread = {}, {}, {}, {}, {}, {}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="culprit-bench-")))
        urls = {name: stack.enter_context(lab(i + 1)) + SETTINGS[name][0] for i, name in enumerate(names)}

        def run(name, *more):
            return load(folder, urls[name], SETTINGS[name][1], *more)

        def long_run(name):
            if SETTINGS[name][2]:
                truth[name], spread[name] = [SETTINGS[name][2]] * 2, SETTINGS[name][3]
                return
            r = run(name, "-d", "60s", "--warmup", "5s")
            cv = r["latency_ms"]["stddev"] / r["latency_ms"]["mean"]
            spread[name] = (1.96 / PRECISION * cv) ** 2 / r["requests_per_second"]
            truth.setdefault(name, []).append(r["requests_per_second"])

        for name in names:
            long_run(name)
        for trial in range(count):
            for name in names:
                r = run(name, "-d", "auto")
                ruled.setdefault(name, []).append((r["warmup"]["seconds"] + r["seconds"],
                                                   r["requests_per_second"]))
                endings.setdefault(name, []).append(r["ended"])
                if trial % 10 == 0:
                    r = run(name, "-d", "20s")
                    fixed.setdefault(name, []).append((20, r["requests_per_second"]))
                    naively.setdefault(name, []).append(naive(r["series"], r["requests_per_second"]))
        for name in names:
            long_run(name)
    held = n = length = 0
    for name in names:
        a, b = truth[name]
        print(f"{name}: {(a + b) / 2:.0f} requests/s ({'known' if a == b else f'{a:.0f} before, {b:.0f} after'}), "
              f"least {spread[name]:.1f} s; {endings[name].count('precise')} of {count} ended as precise")
        one = show("rule", ruled[name], (a + b) / 2)
        if abs(a / b - 1) > PRECISION:
            print("  the machine was not the same before and after: there is no truth to hold these against")
        else:
            held, n, length = held + one[0], n + one[1], length + one[2]
        show("fixed 20 s", fixed[name], (a + b) / 2)
        show("naive", naively[name], (a + b) / 2)
    if n:
        print(f"all: {100 * held / n:.1f} % of {n} trials within ±5 %, {length / n:.2f} s on average")


if __name__ == "__main__":
    main()
