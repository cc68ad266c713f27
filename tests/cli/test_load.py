"""culprit load as a person meets it: its counts against the lab's own, its output, its end."""
import json
import signal
import time
import unittest

import harness

TRANSPORT = ("refused", "connect", "reset", "closed", "truncated", "timeout", "malformed")


def transport_errors(counts):
    return sum(counts["errors"][kind] for kind in TRANSPORT)


class Load(harness.Case):
    def load(self, *args, code=0):
        result = json.loads(self.run_culprit("load", *args, "--json", code=code).stdout)
        whole = result["whole_run"]
        self.assertEqual(whole["started"],
                         whole["finished"] + transport_errors(whole) + whole["unfinished"])
        self.assertEqual(whole["finished"], sum(whole["status"].values()))
        self.assertEqual(result["completed"],
                         sum(s["completed"] for s in result["series"] if s["start_s"] >= 0))
        # timeouts are in the latency, at the value at which they were given up
        self.assertEqual(result["completed"] + result["errors"]["timeout"],
                         result["latency_ms"]["count"])
        return result

    def test_counts_equal_the_labs(self):
        lab = self.start_lab()
        for args in (["-n", 2500], ["-d", "700ms", "--warmup", "200ms"],
                     ["-n", 300, "--no-keepalive"], ["-n", 500, "-m", "POST", "-b", "x" * 3000],
                     ["-n", 300, "-m", "HEAD", "-t", 1]):
            before = json.loads(harness.get(f"{lab}/counters"))
            whole = self.load(f"{lab}/health", "-c", 12, *args)["whole_run"]
            after = json.loads(harness.get(f"{lab}/counters"))
            self.assertEqual(after["requests"]["received"] - before["requests"]["received"],
                             whole["started"])
            self.assertEqual(after["requests"]["answered"] - before["requests"]["answered"],
                             whole["finished"])
            self.assertEqual(after["bytes"]["in"] - before["bytes"]["in"], whole["bytes_out"])
            self.assertEqual(after["bytes"]["out"] - before["bytes"]["out"], whole["bytes_in"])
            self.assertEqual(after["connections"]["accepted"] - before["connections"]["accepted"],
                             whole["connects"])

    def test_faults_are_counted_as_the_lab_made_them(self):
        lab = self.start_lab()
        faults = ("fault_reset=0.1&fault_close=0.1&fault_truncate=0.1&fault_malformed=0.1"
                  "&fault_silence=0.05&fault_status=503&fault_status_rate=0.1")
        result = self.load(f"{lab}/health?{faults}", "-n", 1000, "-c", 8, "--timeout", "200ms")
        counters = json.loads(harness.get(f"{lab}/counters"))
        made, errors = counters["faults"], result["whole_run"]["errors"]
        self.assertEqual(errors["reset"], made["reset"])
        self.assertEqual(errors["closed"], made["close"])
        self.assertEqual(errors["truncated"], made["truncate"])
        self.assertEqual(errors["malformed"], made["malformed"])
        self.assertEqual(errors["timeout"], made["silence"])
        self.assertEqual(errors["status"], made["status"])
        self.assertEqual(result["whole_run"]["status"]["503"], made["status"])
        # one more asked whether the lab is ready
        self.assertEqual(counters["requests"]["received"], 1000 + 1)
        self.assertGreater(result["completed"], 0)

    def test_latency_is_what_the_lab_waits(self):
        lab = self.start_lab()
        url = f"{lab}/io?min_response_time=0.02&mean_response_time=0.01&std_response_time=0"
        result = self.load(url, "-c", 4, "-n", 80)
        self.assertGreaterEqual(result["latency_ms"]["min"], 30)

    def test_a_dead_service_exits_1_with_the_reason(self):
        port = harness.free_port()
        done = self.run_culprit("load", f"http://127.0.0.1:{port}/", "-d", "300ms", code=1)
        self.assertIn("connection refused", done.stderr)
        self.assertIn("refused", done.stdout)
        lab = self.start_lab()
        done = self.run_culprit("load", f"{lab}/nowhere", "-n", 20, code=1)
        self.assertIn("status 404", done.stderr)
        done = self.run_culprit("load", f"{lab}/health?fault_silence=1", "-d", "400ms", "-c", 2,
                                "--timeout", "100ms", code=1)
        self.assertIn("no whole answer", done.stderr)

    def test_wrong_command_lines_exit_2(self):
        for args, word in (([], "URL"),
                           (["http://127.0.0.1:99999/"], "port"), (["ftp://a/"], "scheme"),
                           (["http://127.0.0.1/", "-c", "0"], "-c"),
                           (["http://127.0.0.1/", "-H", "x"], "header")):
            self.assertIn(word, self.run_culprit("load", *args, code=2).stderr)
        done = self.run_culprit("load", "http://no-such-host.invalid/", code=1)
        self.assertIn("no-such-host.invalid", done.stderr)

    def test_a_signal_ends_early_and_keeps_the_result(self):
        lab = self.start_lab()
        with open(self.folder / "out", "w") as out:
            load = self.start_culprit("load", f"{lab}/health", "-c", 4, "-d", "100s", "--json",
                                      stdout=out)
            time.sleep(1)
            load.send_signal(signal.SIGINT)
            self.assertEqual(load.wait(10), 0)
        result = json.loads((self.folder / "out").read_text())
        self.assertTrue(result["stopped"])
        self.assertGreater(result["completed"], 0)
        kept = json.loads(self.run_culprit("export", "last", "--json").stdout)
        self.assertEqual(kept["result"], result)

    def test_a_service_that_is_killed_and_comes_back(self):
        port = harness.free_port()
        lab = ["lab", "mixed", "--bind", f"127.0.0.1:{port}", "-w", "1"]
        first = self.start_culprit(*lab)
        self.assertTrue(harness.wait_until(lambda: self.answers(port)))
        with open(self.folder / "out", "w") as out:
            load = self.start_culprit("load", f"http://127.0.0.1:{port}/health", "-c", 6, "-d",
                                      "3s", "--json", stdout=out)
            time.sleep(0.8)
            first.send_signal(signal.SIGTERM)
            first.wait(10)
            time.sleep(0.3)
            self.start_culprit(*lab)
            self.assertEqual(load.wait(20), 0)
        result = json.loads((self.folder / "out").read_text())
        whole = result["whole_run"]
        self.assertEqual(whole["started"],
                         whole["finished"] + transport_errors(whole) + whole["unfinished"])
        self.assertGreater(whole["errors"]["refused"], 0)
        self.assertLess(whole["errors"]["refused"], 6 * 100)
        self.assertGreater(result["series"][-1]["completed"], 0)

    @staticmethod
    def answers(port):
        try:
            return harness.get(f"http://127.0.0.1:{port}/health", 1) == "ok"
        except OSError:
            return False

    def test_show_prints_what_was_printed(self):
        lab = self.start_lab()
        printed = self.run_culprit("load", f"{lab}/health", "-n", 200, "-c", 3).stdout
        shown = self.run_culprit("show", "last").stdout
        self.assertIn(printed.strip(), shown)
        seconds = self.run_culprit("export", "last", "--csv").stdout.splitlines()
        self.assertTrue(seconds[0].startswith("second,completed,errors,mean_latency_ms,p99_ms,"))
        self.assertEqual(sum(int(line.split(",")[1]) for line in seconds[1:]), 200)
    def test_a_run_lasts_as_long_as_it_took(self):
        lab = self.start_lab()
        self.run_culprit("load", f"{lab}/health", "-d", "300ms", "-c", 3)
        run = json.loads(self.run_culprit("runs", "--json").stdout)[0]
        self.assertGreaterEqual(run["seconds"], 0.3)


if __name__ == "__main__":
    unittest.main()
