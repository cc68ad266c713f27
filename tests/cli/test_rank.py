"""culprit rank as a person meets it: what it prints where, what it keeps, what it refuses."""
import csv
import io
import json
import unittest

import harness

MIXED = harness.ROOT / "tests/data/seed_mixed.csv"
RATE = ("--response", "requests_per_second")


class Rank(harness.Case):
    def test_finds_what_limits_the_service(self):
        result = json.loads(self.run_culprit("rank", MIXED, *RATE, "--json").stdout)
        factors = result["factors"]
        self.assertEqual([f["name"] for f in factors[:3]],
                         ["fraction_io_bound", "mean_response_time", "min_response_time"])
        self.assertEqual([f["group"] for f in factors[:3]], [1, 2, 3])
        self.assertTrue(all(f["active"] for f in factors[:3]))
        self.assertGreater(result["little_r2"], .99)
        self.assertEqual(result["trials"], len(result["data"]["y"]))
        self.assertEqual(len(result["holdout"]), 100)
        # connections and latency stand beside the factors, they are not among them
        self.assertEqual(sorted(result["data"]["names"]), sorted(f["name"] for f in factors))
        self.assertNotIn("connections", result["data"]["names"])

    def test_text_goes_to_stdout_and_the_run_is_kept(self):
        done = self.run_culprit("rank", MIXED, *RATE)
        self.assertIn("fraction_io_bound limits requests_per_second", done.stdout)
        self.assertEqual(done.stderr, "culprit: kept as run 1\n")
        shown = self.run_culprit("show", 1).stdout
        self.assertTrue(shown.endswith(done.stdout), shown)
        exported = json.loads(self.run_culprit("export", 1, "--json").stdout)
        again = json.loads(self.run_culprit("rank", MIXED, *RATE, "--json").stdout)
        self.assertEqual(exported["result"], again)

    def test_csv_and_report(self):
        done = self.run_culprit("rank", MIXED, *RATE, "--csv", "--report", "r.html")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 5)
        self.assertEqual(rows[0]["name"], "fraction_io_bound")
        self.assertGreater(float(rows[0]["importance"]), .5)
        page = (self.folder / "r.html").read_text()
        self.assertIn("fraction_io_bound", page)
        self.assertTrue(page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>"))

    def test_standard_input_and_choices(self):
        text = MIXED.read_text()
        result = json.loads(self.run_culprit(
            "rank", "-", "-r", "mean_latency_ms", "-f", "fraction_io_bound", "-f", "std_response_time",
            "--raw", "--seed", 7, "--trees", 20, "--splits", 10, "--confidence", .9, "--json",
            input=text).stdout)
        self.assertEqual(result["scale"], "raw")
        self.assertEqual(len(result["factors"]), 2)
        self.assertEqual(result["spec"], {"scale": "raw", "splits": 10, "trees": 20, "confidence": .9,
                                          "seed": 7})
        self.assertIsNone(result["little_r2"])  # it predicts a rate

    def refused(self, text, *args, code):
        self.write("t.csv", text)
        done = self.run_culprit("rank", "t.csv", *args, code=code)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    def test_says_what_is_wrong(self):
        good = "workers,y\n1,10\n2,21\n3,29\n4,41\n"
        for text, args, code, part in (
                (good, (), 2, "say which column of t.csv to explain, with --response NAME"),
                (good, ("-r", "throughput"), 2,
                 "t.csv has no column 'throughput' for the response; there is workers, y"),
                (good, ("-r", "y", "-f", "wrkers"), 2, "did you mean 'workers'?"),
                (good, ("-r", "y", "--ignore", "workers"), 1, "no column to learn from beside 'y'"),
                (good, ("-r", "y", "--log", "--raw"), 2, "--log and --raw exclude each other"),
                (good, ("-r", "y", "--splits", "1"), 2, "--splits"),
                (good.replace("21", ""), ("-r", "y"), 1, "t.csv:3: no value in column 'y'"),
                (good.replace("21", "fast"), ("-r", "y"), 1, "t.csv:3: 'fast' in column 'y'"),
                (good + "5\n", ("-r", "y"), 1, "t.csv:6: 1 fields, but the header has 2"),
                ("workers,y\n1,10\n", ("-r", "y"), 1, "t.csv has one trial"),
                ("workers,y\n1,10\n2,11\n", ("-r", "y"), 1, "t.csv: 2 trials; it takes at least 3"),
                ("workers,y\n1,7\n2,7\n3,7\n", ("-r", "y"), 1, "t.csv: y is 7 in every trial"),
                ("a,a,y\n1,2,3\n", ("-r", "y"), 1, "columns 1 and 2 are both named 'a'"),
                ("", ("-r", "y"), 1, "t.csv is empty")):
            with self.subTest(part):
                self.assertIn(part, self.refused(text, *args, code=code))
        self.assertIn("missing.csv", self.run_culprit("rank", "missing.csv", "-r", "y", code=1).stderr)


if __name__ == "__main__":
    unittest.main()
