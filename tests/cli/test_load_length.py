"""A load whose length is by rule, and the lab's warm-up that it has to see through."""
import json
import signal
import time
import unittest

import harness

# sleeps a tenth of a second, exactly
SLEEP = "/io?min_response_time=0.1&mean_response_time=0&std_response_time=0"


class Length(harness.Case):
    def load(self, *args, code=0):
        done = self.run_culprit("load", *args, "--json", code=code)
        return json.loads(done.stdout)

    def asked(self, url):
        """Seconds that the lab was asked to sleep since the last call."""
        total = self.counters(url)["busy"]["asked_seconds"]
        since, self.before = total - getattr(self, "before", 0), total
        return since

    def test_the_transient_has_its_form(self):
        url = self.start_lab("--transient", "5s", workers=1)
        harness.get(url + SLEEP)
        self.assertAlmostEqual(self.asked(url), 0.3, places=6)
        # at least 0.3 s later: 1 + 2 exp(-3 × 0.3 / 5)
        harness.get(url + SLEEP)
        self.assertLess(self.asked(url), 0.1 * 2.671)
        time.sleep(1.2)
        harness.get(url + SLEEP)
        self.assertAlmostEqual(self.asked(url), 0.3, places=6)

    def test_a_sleeping_request_keeps_the_lab_warm(self):
        url = self.start_lab("--transient", "100ms", workers=1)
        harness.get(url + SLEEP.replace("0.1", "0.5"))  # three times as long: 1.5 s without a request
        self.assertAlmostEqual(self.asked(url), 1.5, places=6)
        harness.get(url + SLEEP)
        self.assertAlmostEqual(self.asked(url), 0.1, places=6)

    def test_the_warm_up_is_seen_through(self):
        """Sleeps alone, so the steady rate is known: 20 / 0.1 s, however busy the machine is within 10 %."""
        url = self.start_lab("--transient", "1s")
        result = self.load(url + SLEEP, "-c", 20, "-d", "auto", "--precision", "10%")
        self.assertEqual(result["ended"], "precise")
        self.assertGreaterEqual(result["warmup"]["seconds"], 0.5)
        self.assertTrue(result["warmup"]["by_rule"])
        self.assertLess(abs(result["requests_per_second"] - 200), 20)
        self.assertAlmostEqual(result["steady"]["half_width_percent"], 10, places=6)
        self.assertEqual((result["asked"]["duration_s"], result["asked"]["precision"]), ("auto", 0.1))
        self.assertEqual(result["whole_run"]["status"], self.counters(url)["routes"]["/io"]["status"])

    def test_it_says_how_it_ended(self):
        url = self.start_lab() + "/health"
        self.assertEqual(self.load(url, "-n", 10)["ended"], "asked")
        auto = ("-d", "auto", "--precision", "0.1%", "-c", 2)
        self.assertEqual(self.load(url, *auto, "--max-duration", "1s")["ended"], "longest")
        text = self.run_culprit("show", "last").stdout
        self.assertIn("the longest allowed: not as precise as asked", text)
        self.assertIn("long enough by rule", self.run_culprit(
            "load", url, "-d", "auto", "--precision", "50%", "-c", 2).stdout)
        load = self.start_culprit("load", url, *auto, "--min-duration", "60s", "--max-duration", "60s")
        time.sleep(1)
        load.send_signal(signal.SIGINT)
        self.assertEqual(load.wait(timeout=20), 0)
        kept = json.loads(self.run_culprit("export", "last", "--json").stdout)
        self.assertEqual(kept["result"]["ended"], "stopped")

    def test_what_makes_no_sense_is_refused(self):
        for args, word in ((("--min-duration", "40s"), "max_duration"), (("--max-rate", "p99<1s"), "auto"),
                           (("--precision", "0"), "precision"), (("--precision", "200%"), "precision"),
                           (("--precision", "%"), "precision")):
            done = self.run_culprit("load", "http://127.0.0.1:9/", "-d", "auto", *args, code=2)
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    unittest.main()
