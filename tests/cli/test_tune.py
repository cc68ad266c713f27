"""culprit tune as a person meets it: the table on the lab, the search, going on, show and export."""
import csv
import io
import json
import os
import signal
import subprocess
import unittest

import harness

STUDY = """\
service:
  command: "exec {culprit} lab mixed --bind 127.0.0.1:{port} -w 1"
  ready: http://127.0.0.1:{port}/health
load:
  url: http://127.0.0.1:{port}/?fraction_io_bound=1&min_response_time=0.001&mean_response_time=0.01&std_response_time=0.1&json_object_length=9
  duration: 80ms
  warmup: 40ms
  drain: 0s
response: {response}
factors:
{factors}
design: {{trials: {trials}, seed: 1}}
"""
# Every answer waits, so the wait and the number of clients say all; the wait at least 5 times, the
# clients 16 times apart.
TABLE = """\
  std_response_time: {values: [0.01, 0.02], lever: query}
  clients: {values: [1, 4, 16], lever: load, option: connections}"""
RANGES = """\
  mean_response_time: {range: [0.002, 0.02], lever: query}
  clients: {range: [1, 16], lever: load, option: connections}"""


class Tune(harness.Case):
    def setUp(self):
        super().setUp()
        self.port = harness.free_port()

    def study(self, factors=TABLE, trials=6, response="requests_per_second"):
        return self.write("study.yaml", STUDY.format(
            culprit=os.path.abspath(harness.CULPRIT), port=self.port, factors=factors, trials=trials,
            response=response))

    def trials(self):
        return list(csv.DictReader(io.StringIO(self.run_culprit("export", "last", "--csv").stdout)))

    def runs(self):
        return json.loads(self.run_culprit("runs", "--json").stdout)

    def test_table(self):
        """The full table: every cell twice; 16 clients that wait get more than 1 does."""
        done = self.run_culprit("tune", self.study())
        self.assertIn("Rows: std_response_time, columns: clients; means of 2 trials in requests/s.",
                      done.stdout)
        self.assertIn("clients=16 give", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.split("\n\n")[1].splitlines())), 80)
        cells = [(t["std_response_time"], t["clients"]) for t in self.trials()]
        self.assertEqual(len(cells), 12)
        self.assertEqual(len(set(cells)), 6)
        self.assertEqual({cells.count(c) for c in cells}, {2})
        self.assertEqual(sorted(set(cells[:6])), sorted(set(cells)), "a block is a round through all")
        run = json.loads(self.run_culprit("export", "last", "--json").stdout)
        result = run["result"]
        self.assertEqual(run["kind"], "tune")
        self.assertTrue(result["full"])
        self.assertEqual(len(result["settings"]), 6)
        self.assertEqual(result["settings"][result["best"]]["values"][1], "16")
        self.assertIn(result["verdict"][:60], " ".join(done.stdout.split()))
        # what the values are made of: the geometric mean of the cell's two trials
        best = result["settings"][result["best"]]
        own = [float(t["requests_per_second"]) for t in self.trials()
               if [t["std_response_time"], t["clients"]] == best["values"]]
        self.assertAlmostEqual(best["value"] / (own[0] * own[1]) ** .5, 1, 6)
        # the same again, from the store
        shown = self.run_culprit("show").stdout
        for line in done.stdout.split("\n\nrun ")[0].splitlines()[:12]:
            self.assertIn(line, shown)
        page = self.run_culprit("export", "last", "--html").stdout
        self.assertEqual(page.count('<g class="heat'), 6)
        self.assertIn('<g class="heat best">', page)
        self.assertEqual(page, (self.folder / ".culprit/run-1.html").read_text())

    def test_search(self):
        """Ranges: a search, whose best settings are repeated; the shortest wait and the most clients are
        best, both known to be."""
        done = self.run_culprit("tune", self.study(RANGES, trials=12), "--json")
        result = json.loads(done.stdout)
        self.assertFalse(result["full"])
        best = result["settings"][result["best"]]
        self.assertTrue(best["repeated"])
        self.assertEqual(best["n"], 4)
        self.assertLess(float(best["values"][0]), .011)
        self.assertGreaterEqual(int(best["values"][1]), 8)
        repeated = [s for s in result["settings"] if s["repeated"]]
        self.assertLessEqual(len(repeated), 5)
        self.assertEqual(result["trials"], len(result["settings"]) + 4 * len(repeated))
        self.assertIn("Searched", self.run_culprit("show").stdout)

    def test_few_trials(self):
        """A table of two settings needs no more; a search with so few is refused."""
        one = "  clients: {values: [1, 16], lever: load, option: connections}"
        two = self.study(one, trials=2)
        result = json.loads(self.run_culprit("tune", two, "--json").stdout)
        self.assertTrue(result["full"])
        self.assertEqual(result["settings"][result["best"]]["values"], ["16"])
        done = self.run_culprit("tune", self.study(RANGES, trials=3), code=2)
        self.assertIn("3 trials are too few to tell 2 factors apart; give at least 6", done.stderr)

    def test_the_other_way(self):
        path = self.study()
        worst = json.loads(self.run_culprit("tune", path, "--better", "min", "--json").stdout)
        self.assertEqual(worst["settings"][worst["best"]]["values"][1], "1")
        self.assertEqual(worst["better"], "min")

    def test_going_on(self):
        """After Ctrl-C the same command ends what was begun; find and another --repeat do not take it."""
        path = self.study(trials=16)
        culprit = self.start_culprit("tune", path, stderr=subprocess.PIPE)
        said = [culprit.stderr.readline() for _ in range(4)]
        culprit.send_signal(signal.SIGINT)
        rest = culprit.stderr.read()
        self.assertEqual(culprit.wait(20), 1, said)
        self.assertIn("trials are kept as run 1, and the same command goes on", rest)
        kept = len(self.trials())
        self.assertTrue(4 <= kept < 12, kept)
        done = self.run_culprit("tune", path, "--repeat", 3, "-d", "40ms", "--csv")
        self.assertNotIn("resuming", done.stderr)
        self.assertEqual(len(list(csv.DictReader(io.StringIO(done.stdout)))), 18)
        done = self.run_culprit("find", path, "--trials", 8)
        self.assertNotIn("resuming", done.stderr)
        done = self.run_culprit("tune", path)
        self.assertIn(f"resuming run 1: {kept} of 12 trials are there", done.stderr)
        self.assertEqual(sorted(r["kind"] for r in self.runs()), ["study", "tune", "tune"])
        self.assertEqual({r["status"] for r in self.runs()}, {"done"})

    def test_usage(self):
        for words in (["--repeat", 1], ["--better", "most"], ["--trials", 0]):
            done = self.run_culprit("tune", self.study(), *words, code=2)
            self.assertIn(words[0], done.stderr)
        self.assertFalse((self.folder / ".culprit").exists())


if __name__ == "__main__":
    unittest.main()
