#!/usr/bin/python3
"""how often a study names the right factor, and how long it takes, against the seed's 500 trials of 21 s

    bench/study.py [--studies N] [--noise X] [--real N] [--no-simulated]

First the ten regimes of tests/unit/lab_studies.c on a model of the lab, N (100) seeded studies each with
trials: auto: how often the limiting factor is named, and the trials that it took. --noise: standard deviation
of the logarithm of a trial's rate (.02). A trial costs warmup + duration; by default 1 s + 3 s, in
examples/mixed.yaml .7 s + 1.8 s. Then N (1) real studies, each with another seed: `culprit find` with
examples/mixed.yaml, trials: auto, from its start to its end, the confirmation included. The seed's experiment
had 500 trials of 21 s: 10,500 s. Prints Markdown.
"""
import argparse
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CULPRIT_BUILD", HERE.parent / "build-bench"))
CULPRIT = os.environ.get("CULPRIT", str(BUILD / "culprit"))
EXAMPLE = HERE.parent / "examples/mixed.yaml"
SEED_S = 500 * 21
DEFAULT_S, EXAMPLE_S = 1 + 3, .7 + 1.8  # warmup + duration: docs/study-files.md, examples/mixed.yaml
TRUTH = "fraction_io_bound"             # of the example; the first regime says why


def simulated(studies, noise):
    print("| regime | first, second total effect | right | undecided | wrong | settled | trials, median (range) |"
          f" at {DEFAULT_S} s a trial | the seed's / it | at {EXAMPLE_S} s | the seed's / it |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    drive = subprocess.Popen([BUILD / "bench/study_drive", str(studies), str(noise)], stdout=subprocess.PIPE,
                             text=True)
    everything, learning = [], 0
    for line in drive.stdout:
        regime = json.loads(line)
        done = regime["studies"]
        effects = sorted(regime["indices"].items(), key=lambda e: -e[1])[:2]
        effects = ", ".join(f"{name} {share:.2f}" for name, share in effects) if effects[0][1] > .01 else "none"
        print(f"| {regime['regime']} | {effects} | {row(done)} |", flush=True)
        everything += done
        learning += regime["learning_s"]
    if drive.wait():
        sys.exit("bench/study.py: study_drive failed")
    print(f"| all | | {row(everything)} |")
    print(f"\nLearning took {learning / len(everything):.2f} s a study, all looks together.\n")


def row(studies):
    trials = [s["trials"] for s in studies]
    median = statistics.median(trials)
    count = {v: sum(s["verdict"] == v for s in studies) for v in ("right", "undecided", "wrong")}
    costs = " | ".join(f"{median * s:.0f} s | {SEED_S / (median * s):.0f}" for s in (DEFAULT_S, EXAMPLE_S))
    return (f"{count['right']} of {len(studies)} | {count['undecided']} | {count['wrong']} | "
            f"{sum(s['settled'] for s in studies)} | {median:g} ({min(trials)} to {max(trials)}) | {costs}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def study_file(seed):
    """The example with trials: auto, on a port that is free."""
    text = EXAMPLE.read_text().replace(":5001", f":{free_port()}")
    text, n = re.subn(r"(?m)^design:.*$", f"design: {{sampler: sobol, trials: auto, seed: {seed}}}", text)
    if n != 1:
        sys.exit(f"bench/study.py: {EXAMPLE} has no line that begins with design:")
    return text


def real(seed):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "mixed.yaml"
        path.write_text(study_file(seed))
        environment = {**os.environ, "CULPRIT_STORE": f"{folder}/culprit.db"}
        start = time.monotonic()
        found = subprocess.run([CULPRIT, "find", path, "--json"], cwd=folder, env=environment, text=True,
                               capture_output=True, timeout=SEED_S)
        wall = time.monotonic() - start
        if found.returncode:
            sys.exit(f"bench/study.py: culprit find failed: {found.stderr}")
        run = json.loads(subprocess.run([CULPRIT, "export", "last", "--json"], cwd=folder, env=environment,
                                        text=True, capture_output=True, check=True).stdout)
    result = json.loads(found.stdout)
    named = [f["name"] for f in result["factors"] if f["active"] and f["group"] == 1]
    trials = run["trials"]
    confirmed = sum(t["detail"].get("kind") == "confirm" for t in trials)
    disturbed = sum(bool(t["detail"].get("flags")) for t in trials)
    print(f"| {seed} | {' = '.join(named) or 'nothing'} | {'yes' if named == [TRUTH] else 'no'} | "
          f"{len(trials) - confirmed} | {confirmed} | {disturbed} | {wall:.0f} s | {SEED_S / wall:.0f} |", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--studies", type=int, default=100)
    options.add_argument("--noise", type=float, default=.02)
    options.add_argument("--real", type=int, default=1)
    options.add_argument("--no-simulated", action="store_true")
    args = options.parse_args()
    if not args.no_simulated:
        simulated(args.studies, args.noise)
    if args.real:
        print("| seed | named | right | trials | of the confirmation | disturbed | wall | the seed's / it |")
        print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
        for seed in range(1, args.real + 1):
            real(seed)


if __name__ == "__main__":
    main()
