"""Three of the regimes of tests/unit/lab_studies.c on the lab itself: trials: auto, short trials, and the
factor that truly limits is named. Times are tens of milliseconds, so that a trial shows what a long one does.
How often that holds: tests/unit/test_study_regimes.c on a model of the lab, bench/study.py."""
import json
import os
import re
import unittest

import harness


@unittest.skipIf(os.environ.get("CULPRIT_SANITIZED"), "a service under a sanitizer is limited by the sanitizer")
class Regimes(harness.Case):
    def limiting(self, factors, query, connections, workers=1, most=48):
        """The names in the first rank of a study of the lab."""
        port = harness.free_port()
        text = f"""
            service:
              command: exec "$CULPRIT" lab mixed --bind 127.0.0.1:{port} -w {workers}
              ready: http://127.0.0.1:{port}/health
            load:
              url: http://127.0.0.1:{port}/?{query}
              connections: {connections}
              warmup: 100ms
              duration: 250ms
              drain: 0s
            factors: {factors}
            design: {{trials: auto, max_trials: {most}, confirm: 0, seed: 1}}
            """
        path = self.write("study.yaml", re.sub(r"(?m)^ {12}", "", text))
        done = self.run_culprit("find", path, "--json", timeout=300)
        found = json.loads(done.stdout)
        self.assertTrue(harness.wait_until(lambda: not harness.listens(port)))
        run = json.loads(self.run_culprit("export", "last", "--json").stdout)
        self.trials = run["trials"]
        self.assertIn(len(self.trials), (12, 16, 24, 32, 48), "it ends where it looks")
        self.assertEqual("after 12 trials: " in done.stderr, len(self.trials) > 12, done.stderr)
        settled = f"ettled after {len(self.trials)} trials"
        self.assertIn(settled, found["settled"]["sentence"])
        self.assertIn(settled, self.run_culprit("show").stdout)
        self.assertIn(settled, (self.folder / ".culprit/run-1.html").read_text())
        return [f["name"] for f in found["factors"] if f["active"] and f["group"] == 1]

    @harness.on_second_thought
    def test_waiting(self):
        """20 connections that wait 25 to 300 ms in all but a tenth: Little's law, and its widest factor."""
        self.assertEqual(self.limiting(
            "{fraction_io_bound: {range: [0.1, 0.9], lever: query}, "
            "mean_response_time: {range: [0.02, 0.03], lever: query}, "
            "json_object_length: {range: [1, 10], lever: query}}",
            "min_response_time=0.005&std_response_time=0.1", 20), ["fraction_io_bound"])

    @harness.on_second_thought
    def test_large_json(self):
        """The same service, but each answer costs .2 to 8 ms of CPU, and nothing else is in the way."""
        self.assertEqual(self.limiting(
            "{fraction_io_bound: {range: [0.01, 0.1], lever: query}, "
            "mean_response_time: {range: [0.02, 0.03], lever: query}, "
            "json_object_length: {range: [500, 20000], lever: query}}",
            "min_response_time=0.005&std_response_time=0.1", 20), ["json_object_length"])

    @harness.on_second_thought
    def test_connections(self):
        """Everything waits 10 to 15 ms: the rate is as the connections, 2 to 40."""
        self.assertEqual(self.limiting(
            "{clients: {range: [2, 40], lever: load, option: connections}, "
            "min_response_time: {range: [0.005, 0.01], lever: query}, "
            "json_object_length: {range: [1, 10], lever: query}}",
            "fraction_io_bound=1&mean_response_time=0.005&std_response_time=0.1", 10), ["clients"])


if __name__ == "__main__":
    unittest.main()
