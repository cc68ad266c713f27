"""What culprit load prints, writes and keeps: the summary, goals and their exit codes, the HDR log, the
page, JSON and CSV, the panel on a terminal."""
import fcntl
import html.parser
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

import harness

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Page(html.parser.HTMLParser):
    """Which tags a page has, and what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [v for k, v in attrs if k in ("src", "href")]


class Terminal:
    """culprit on a pseudo terminal of a certain size, and all that it wrote there."""

    def __init__(self, case, columns, rows, *args, **env):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.written = b""
        self.process = subprocess.Popen(
            [harness.CULPRIT, *args], cwd=case.folder, stdin=slave, stdout=subprocess.DEVNULL,
            stderr=slave, start_new_session=True, env=case.environment(TERM="xterm-256color", **env))
        case.started.append(self.process)
        os.close(slave)
        case.addCleanup(os.close, self.master)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.written += os.read(self.master, 65536)
                except OSError:
                    break
        return self.written.decode()

    def finish(self):
        while self.process.poll() is None:
            self.read(0.1)
        return self.read(0.1)


def frames(text):
    """What was drawn between one clearing and the next, as lines without escapes."""
    parts = re.split(r"\x1b\[\d+A\r\x1b\[J|\r\x1b\[J", text)
    return [ESCAPE.sub("", part).replace("\r", "").split("\n") for part in parts]


class LoadOutput(harness.Case):
    def setUp(self):
        super().setUp()
        self.lab = self.start_lab()
        self.url = f"{self.lab}/health"

    def kept(self):
        return json.loads(self.run_culprit("export", "last", "--json").stdout)

    # ---- text ----

    def test_summary(self):
        out = self.run_culprit("load", self.url, "-d", "1s", "-c", 5).stdout
        self.assertTrue(out.startswith(f"GET {self.url}, 5 connections\n\nrate        "), out)
        for word in ("requests/s", "failed      none", "engine      ", "latency", "connect",
                     "whole run   "):
            self.assertIn(word, out)
        self.assertLess(out.index("rate"), out.index("p99.9"))

    def test_open_loop_says_what_was_asked(self):
        out = self.run_culprit("load", self.url, "-d", "1s", "-c", 5, "--rate", 200, "--arrivals",
                               "poisson").stdout
        self.assertIn("5 connections, open loop: 200 requests/s, Poisson arrivals\n", out)
        self.assertIn("asked for 200/s", out)
        self.assertIn("sent late", out)

    def test_too_few_connections_are_named_as_the_limit(self):
        slow = f"{self.lab}/io?min_response_time=0.05&mean_response_time=0.05&std_response_time=0.01"
        done = self.run_culprit("load", slow, "-d", "1s", "-c", 2, "--rate", 200)
        self.assertIn("connections busy and had to wait for one", done.stdout)
        self.assertEqual(self.kept()["result"]["limit"], "connections")

    def test_a_mix_has_its_targets(self):
        out = self.run_culprit("load", f"3x {self.url}", f"POST {self.url}", "-b", "x", "-n", 400,
                               "--order", "spread").stdout
        self.assertRegex(out, r"target +requests/s +failed +p50 +p99 +max\n")
        targets = {t["name"]: t["completed"] for t in self.kept()["result"]["targets"]}
        self.assertEqual(sum(targets.values()), 400)
        # each thread spreads its own: near three to one, whoever sent how many
        self.assertAlmostEqual(min(targets.values()), 100, delta=4)

    def test_failures_come_with_a_mend(self):
        out = self.run_culprit("load", f"{self.url}?fault_status=503&fault_status_rate=0.5", "-n",
                               200, "-c", 4).stdout
        self.assertRegex(out, r"failed +\d+ \(\d+ %\), in neither the rate nor the latency")
        self.assertIn("check path,", out)
        self.assertRegex(out, r"statuses    200: \d+, 503: \d+")

    # ---- goals ----

    def test_goals_that_hold(self):
        done = self.run_culprit("load", self.url, "-n", 300, "--require", "p99<10s", "--require",
                                "errors<0.1%", "--require", "rate>1")
        self.assertEqual(done.stdout.count("\nheld  "), 3)
        self.assertNotIn("missed", done.stdout)

    def test_a_goal_that_is_missed_exits_1_and_is_named(self):
        done = self.run_culprit("load", self.url, "-n", 300, "--require", "p99<1ns", "--require",
                                "errors<1%", code=1)
        self.assertIn("culprit load: missed: p99 was ", done.stderr)
        self.assertNotIn("errors", done.stderr)
        self.assertRegex(done.stdout, r"missed      p99 was .*, must be < 1")
        run = self.kept()
        self.assertEqual([(g["goal"], g["held"]) for g in run["result"]["required"]],
                         [("p99<1ns", False), ("errors<1%", True)])
        self.assertGreater(run["result"]["required"][0]["value"], 0)
        # the kept run shows the same
        self.assertIn(done.stdout.strip(), self.run_culprit("show").stdout)

    def test_a_goal_of_a_target_that_is_not_there(self):
        done = self.run_culprit("load", self.url, "-n", 10, "--require", "nowhere:p99<1s", code=2)
        self.assertIn("nowhere", done.stderr)
        self.assertEqual(self.kept()["result"]["completed"], 10)

    def test_goals_are_read_before_anything_is_sent(self):
        for goal in ("p99", "p99<", "speed>3", "p99<3 apples"):
            self.run_culprit("load", self.url, "-n", 10, "--require", goal, code=2)
        received = json.loads(harness.get(f"{self.lab}/counters"))["requests"]["received"]
        self.assertEqual(received, 1)  # whether the lab is ready

    def test_the_highest_rate(self):
        slow = f"{self.lab}/io?min_response_time=0.02&mean_response_time=0.001&std_response_time=0.01"
        done = self.run_culprit("load", slow, "-d", "400ms", "-c", 10, "--rate", 100, "--max-rate",
                                "p99<300ms", "--precision", 0.5)
        self.assertRegex(done.stdout, r"^[\d,.]+ requests/s is the highest rate at which p99<300ms held")
        self.assertIn("The run at that rate:\nGET ", done.stdout)
        self.assertRegex(done.stderr, r"100/s held: p99 was ")
        run = self.kept()["result"]
        self.assertEqual(run["search"]["goal"], "p99<300ms")
        self.assertGreaterEqual(run["search"]["best_rate"], 100)
        self.assertEqual(run["asked"]["rate"], run["search"]["best_rate"])
        self.assertIn(done.stdout.strip(), self.run_culprit("show").stdout)

    def test_no_rate_at_all(self):
        done = self.run_culprit("load", self.url, "-d", "200ms", "--max-rate", "p99<1ns", code=1)
        self.assertIn("p99<1ns did not hold at any rate", done.stdout)
        self.assertRegex(done.stdout, "missed|not known")  # the engine may be late on a busy machine

    # ---- arguments ----

    def test_arguments(self):
        for args, word in (([self.url, "--url", self.url], "twice"),
                           (["a.yaml", "b.yml"], "second scenario"),
                           (["no-such.yaml"], "no-such.yaml"),
                           ([self.url, "--max-rate", "p99<1s", "--stages", "1s:5"], "stages"),
                           ([self.url, "--hdr", "/nowhere/x.hdr", "-n", 1], "/nowhere/x.hdr")):
            done = self.run_culprit("load", *args, code=None)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(word, done.stderr)

    # ---- files ----

    def test_hdr_log(self):
        self.run_culprit("load", self.url, "-d", "2100ms", "-c", 2, "--warmup", "0s", "--hdr", "out.hdr")
        lines = (self.folder / "out.hdr").read_text().splitlines()
        self.assertTrue(any(line.startswith("#[StartTime: ") for line in lines))
        rows = [line.split(",") for line in lines if re.match(r"^\d", line)]
        self.assertEqual(len(rows), len(self.kept()["result"]["series"]))
        self.assertEqual([float(row[0]) for row in rows][:2], [0, 1])
        for row in rows:
            self.assertTrue(row[-1].startswith("HISTFAAA"), row[-1][:20])

    def test_hdr_log_survives_a_kill(self):
        load = self.start_culprit("load", self.url, "-d", "60s", "-c", 2, "--hdr", "out.hdr")
        path = self.folder / "out.hdr"

        def two():
            return path.exists() and path.read_text().count("HISTFAAA") >= 2
        self.assertTrue(harness.wait_until(two))
        load.send_signal(signal.SIGKILL)
        load.wait()
        self.assertTrue(path.read_text().endswith("\n"))

    def test_html(self):
        self.run_culprit("load", self.url, "-d", "3s", "-c", 2, "--warmup", "0s", "--rate", 300,
                         "--html", "a.html", "--require", "p99<10s")
        text = (self.folder / "a.html").read_text()
        page = Page(text)
        self.assertEqual(page.fetched, [])
        self.assertEqual(page.tags.count("svg"), 3)
        for word in ("<span>culprit</span> <span>load</span>", "<span>--rate</span> <span>300",
                     "99&#160;% within", "asked for", "held</span>", "<dt>seed</dt>"):
            self.assertTrue(word in text, word)
        self.run_culprit("show", "last", "--html", "b.html")
        self.assertTrue((self.folder / "b.html").read_text() == text)
        self.assertTrue(self.run_culprit("export", "last", "--html").stdout == text)

    # ---- JSON and CSV ----

    def test_json_holds_what_was_asked(self):
        out = self.run_culprit("load", self.url, "-n", 50, "-c", 2, "-H", "A: b", "--json").stdout
        result = json.loads(out)
        asked = result["asked"]
        self.assertEqual((asked["requests"], asked["connections"], asked["headers"], asked["warmup_s"],
                          asked["rate"], asked["http"]), (50, 2, ["A: b"], "auto", 0, "1.1"))
        for name in ("latency", "from_send", "first_byte", "connect", "tls", "late"):
            self.assertIn(name, result["histograms"])
            self.assertIn(f"{name}_ms", result)
        self.assertEqual(result["from_send_ms"]["count"], 50)
        self.assertEqual(result["tls_ms"], dict.fromkeys(result["tls_ms"]) | {"count": 0})
        self.assertEqual(self.kept()["result"], result)

    def test_csv_has_a_row_a_second(self):
        out = self.run_culprit("load", self.url, "-d", "2s", "--warmup", "0s", "-c", 2, "--rate", 100,
                               "--csv").stdout
        rows = [dict(zip(out.splitlines()[0].split(","), line.split(",")))
                for line in out.splitlines()[1:]]
        self.assertEqual([row["second"] for row in rows], ["1", "2"])
        self.assertEqual([float(row["asked_rate"]) for row in rows], [100, 100])
        self.assertEqual(sum(int(row["started"]) for row in rows), 200)
        self.assertLessEqual(float(rows[0]["p50_ms"]), float(rows[0]["max_ms"]))

    # ---- while it runs ----

    def test_the_panel_fits_and_is_cleared(self):
        for columns, rows in ((80, 24), (60, 20), (30, 5)):
            text = Terminal(self, columns, rows, "load", self.url + "?long=" + "x" * 60, "-d", "1500ms",
                            "-c", "2").finish()
            drawn = [frame for frame in frames(text) if any("rate " in line for line in frame)]
            self.assertGreater(len(drawn), 5)
            for frame in drawn:
                self.assertLess(len([line for line in frame if line]), rows)
                for line in frame:
                    self.assertLess(len(line), columns, line)
            # up as many rows as were drawn; in the end nothing is left but the last notes
            for up, frame in zip(re.findall(r"\x1b\[(\d+)A", text), frames(text)):
                self.assertEqual(int(up), len([line for line in frame if line]))
            self.assertRegex(frames(text)[-1][0], r"^culprit: kept as run \d+$")
            # no mode of the terminal was changed
            self.assertNotRegex(text, r"\x1b\[\?")

    def test_the_panel_after_ctrl_c(self):
        terminal = Terminal(self, 80, 24, "load", self.url, "-d", "60s", "-c", "2")
        self.assertIn("of 60.0 s", terminal.read(1.2))
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(frames(terminal.finish())[-1][0].split(" as run")[0], "culprit: kept")
        self.assertEqual(terminal.process.returncode, 0)

    def test_no_panel_where_none_is_wanted(self):
        for args, env in ((["--no-live"], {}), ([], {"NO_LIVE": "1"})):
            text = Terminal(self, 80, 24, "load", self.url, "-d", "500ms", *args, **env).finish()
            self.assertNotRegex(text, r"\x1b\[\d+A")
            self.assertIn("measuring", text)
        plain = Terminal(self, 80, 24, "load", self.url, "-d", "500ms", NO_COLOR="1").finish()
        self.assertNotRegex(plain, r"\x1b\[[0-9;]*m")
        done = self.run_culprit("load", self.url, "-d", "300ms")
        self.assertNotIn("\x1b", done.stderr)


if __name__ == "__main__":
    unittest.main()
