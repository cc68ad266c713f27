#!/usr/bin/env python3
"""Runs the tests and ends with the line "N passed, N failed, N skipped".

    tests/run.py [--all | --fuzz SECONDS] [NAME …]

Unit tests are the Check programs of tests/unit; whole-program tests are the unittest classes of
tests/cli, which find the program through CULPRIT. A NAME runs only files whose name contains it.
The folders build, build-asan, build-tsan and build-fuzz are what ./dev makes.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOTALS = re.compile(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)")


LOCK = threading.Lock()
SIDE_BY_SIDE = os.cpu_count() + 1  # programs: most of them wait most of the time
# For one program; the long checks have an hour.
LIMIT_S = 3600 if "CULPRIT_LONG" in os.environ else 600


class Count:
    passed = failed = skipped = 0


def say(mark, name, seconds, note=""):
    print(f"{mark:4}  {name:34} {seconds:6.1f} s  {note}".rstrip(), flush=True)


def run_unit(program, count):
    """One Check program: its own totals, or one failure when it printed none."""
    begin = time.monotonic()
    try:
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=LIMIT_S, cwd=HERE.parent)
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode(errors="replace") + "\ntimed out", 1
    seconds = time.monotonic() - begin
    totals = TOTALS.search(output)
    checks, bad = (int(totals[1]), int(totals[2]) + int(totals[3])) if totals else (1, 1)
    if code and not bad:
        checks, bad = checks + 1, 1
    with LOCK:
        count.passed += checks - bad
        count.failed += bad
        say("FAIL" if bad else "ok", f"unit/{program.name}", seconds, f"{checks} tests")
        if bad:
            print(output, flush=True)


class Result(unittest.TestResult):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def startTest(self, test):
        super().startTest(test)
        self.begin = time.monotonic()

    def line(self, mark, test, note=""):
        say(mark, "cli/" + ".".join(test.id().split(".")[-3::2]), time.monotonic() - self.begin, note)

    def addSuccess(self, test):
        self.count.passed += 1
        self.line("ok", test)

    def addSkip(self, test, reason):
        self.count.skipped += 1
        self.begin = getattr(self, "begin", time.monotonic())
        self.line("skip", test, reason)

    def fail(self, test, error):
        self.count.failed += 1
        self.begin = getattr(self, "begin", time.monotonic())
        self.line("FAIL", test)
        print(self._exc_info_to_string(error, test), flush=True)

    addError = addFailure = fail


def run_units(build, count, wanted, at_once=1, only=None):
    """Programs that look at the clock run alone in the plain build; under a sanitizer, where they allow for
    anything, SIDE_BY_SIDE."""
    programs = [p.resolve() for p in sorted((build / "tests/unit").glob("test_*"))
                if p.is_file() and os.access(p, os.X_OK) and wanted(p.name) and (only is None or only(p.name))]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda program: run_unit(program, count), programs))


# Tests of figures, of rates of error, of documents or of the source: a sanitizer has nothing to add, and what
# they run is run under one by others.
PLAIN_ONLY = {
    "test_compare", "test_correlate_null", "test_correlate_page", "test_correlate_prometheus", "test_docs",
    "test_hdr", "test_layers", "test_layouts", "test_load_length", "test_load_truth", "test_native_python",
    "test_profile_noise", "test_rank", "test_rank_errors", "test_regimes", "test_search", "test_settled",
    "test_study_regimes", "test_tune", "test_workers",
}
# Unit tests that never look at the clock, or allow for a busy machine: SIDE_BY_SIDE at once.
SHARING = {
    "test_correlate", "test_correlate_null", "test_design", "test_forest", "test_gp", "test_http_answers",
    "test_incident", "test_indices", "test_lab", "test_limits", "test_load", "test_load_loops", "test_native",
    "test_native_python", "test_profile_diff", "test_profile_noise", "test_pyremote_code", "test_pyremote_find",
    "test_pyremote_tasks", "test_rank", "test_rank_gp", "test_relay", "test_relay_shapes", "test_report_correlate",
    "test_report_profile", "test_search", "test_series", "test_series_csv", "test_series_time", "test_service",
    "test_settled", "test_study_regimes", "test_targets", "test_tls", "test_tune", "test_workers",
}
# Whole-program tests that look at figures: one at a time.
ALONE = {
    "test_hdr", "test_load_length", "test_load_truth", "test_regimes", "test_watch",
}
# The parts that have threads; the other programs have one.
THREADED = {
    "test_correlate", "test_forest", "test_h2", "test_incident", "test_linear", "test_load", "test_load_loops",
    "test_rank_gp", "test_recorder", "test_rfecv", "test_sampler", "test_series", "test_series_csv", "test_tls",
}


def run_cli_file(name, count):
    """One file of tests/cli in a process of its own; its lines are shown when it has ended."""
    done = subprocess.run([sys.executable, __file__, "--file", name], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    totals = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\n\Z", done.stdout, re.M)
    with LOCK:
        print(done.stdout[:totals.start()] if totals else done.stdout, end="", flush=True)
        if totals:
            count.passed += int(totals[1])
            count.failed += int(totals[2])
            count.skipped += int(totals[3] or 0)
        else:
            count.failed += 1
            say("FAIL", f"cli/{name}", 0, "ended without its totals")


def run_cli(build, count, wanted, at_once=1):
    os.environ["CULPRIT"] = str((build / "culprit").resolve())
    names = [p.stem for p in sorted((HERE / "cli").glob("test_*.py")) if wanted(p.stem)]
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda name: run_cli_file(name, count), names))


def run_this_file(name, count):
    sys.path.insert(0, str(HERE / "cli"))
    unittest.defaultTestLoader.loadTestsFromName(name).run(Result(count))


def run_fuzz_target(program, build, seconds, count):
    name = program.name.removeprefix("fuzz_")
    found = build / "corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    done = subprocess.run(
        [program.resolve(), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
         f"-artifact_prefix={build}/corpus/{name}-", found, HERE / "fuzz/corpus" / name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    runs = re.search(r"Done (\d+) runs", done.stdout)
    with LOCK:
        count.passed += done.returncode == 0
        count.failed += done.returncode != 0
        say("FAIL" if done.returncode else "ok", f"fuzz/{name}", time.monotonic() - begin,
            f"{int(runs[1]):,} inputs" if runs else "")
        if done.returncode:
            print(done.stdout[-4000:], flush=True)


def run_fuzz(build, seconds, count, wanted):
    """Each fuzz target for so long, on a copy of its corpus; what it found stays in the build folder."""
    programs = [p for p in sorted((build / "tests/fuzz").glob("fuzz_*"))
                if p.is_file() and os.access(p, os.X_OK) and wanted(p.name)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda program: run_fuzz_target(program, build, seconds, count), programs))


def finish(count):
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{count.passed} passed, {count.failed} failed{skipped}", flush=True)
    return count.failed != 0 or not count.passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="under the sanitizers too, and fuzzing")
    parser.add_argument("--fuzz", type=int, metavar="SECONDS", help="only the fuzz targets")
    parser.add_argument("--file", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--threaded", action="store_true", help="list what runs under ThreadSanitizer")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    count = Count()
    if args.threaded:
        print(*(f"tests/unit/{name}" for name in sorted(THREADED)))
        return 0
    if args.file:
        run_this_file(args.file, count)
        return finish(count)
    top = HERE.parent
    os.environ.setdefault("CK_DEFAULT_TIMEOUT", "400")

    def wanted(name):
        return not args.names or any(n in name for n in args.names)

    if args.fuzz is None:
        run_units(top / "build", count, wanted, SIDE_BY_SIDE, lambda name: name in SHARING)
        run_units(top / "build", count, wanted, 1, lambda name: name not in SHARING)
        run_cli(top / "build", count, lambda name: wanted(name) and name not in ALONE, SIDE_BY_SIDE)
        run_cli(top / "build", count, lambda name: wanted(name) and name in ALONE)
    if args.all:
        os.environ["CULPRIT_SANITIZED"] = "1"
        os.environ["CK_TIMEOUT_MULTIPLIER"] = "5"
        print("with AddressSanitizer and UndefinedBehaviorSanitizer:", flush=True)
        run_units(top / "build-asan", count, wanted, SIDE_BY_SIDE, lambda name: name not in PLAIN_ONLY)
        run_cli(top / "build-asan", count, lambda name: wanted(name) and name not in PLAIN_ONLY,
                SIDE_BY_SIDE)
        print("with ThreadSanitizer:", flush=True)
        run_units(top / "build-tsan", count, wanted, os.cpu_count(), lambda name: name in THREADED)
        print("fuzzing:", flush=True)
    if args.all or args.fuzz is not None:
        run_fuzz(top / "build-fuzz", args.fuzz or 3, count, wanted)
    return finish(count)


if __name__ == "__main__":
    sys.exit(main())
