"""culprit find as a person meets it: the result on the lab, resuming after Ctrl-C and kill -9, services
that misbehave; and after each test, that no process of a service is left."""
import csv
import io
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import unittest

import harness

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

# A service of the standard library. Its ways to misbehave are in its arguments; `mark` tells its processes.
SERVICE = '''
import http.server, os, signal, sys, time
mark, port, ways = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
print("here with", *ways, flush=True)
with open("starts.txt", "a") as starts:
    print(os.environ.get("LEVEL"), *ways, file=starts)
if "never" in ways:
    print("waiting for a database that is not there", flush=True)
    time.sleep(1000)
if "child" in ways and not os.fork():
    os.setsid()
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    os._exit(0)
count = 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True
    def do_GET(self):
        global count
        count += self.path != "/ready"
        if "dies" in ways and count > 3:
            print("out of luck", flush=True)
            os._exit(7)
        missing = "missing" in self.path or ("some404" in ways and count % 50 == 7)
        body = repr((self.path, self.headers.get("X-Level"), os.environ.get("LEVEL"), ways)).encode()
        with open("seen.txt", "a") as seen:
            seen.write(body.decode() + "\\n")
        time.sleep(0.001)
        self.send_response(404 if missing else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer.request_queue_size = 100
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
'''


class Find(harness.Case):
    def setUp(self):
        super().setUp()
        self.port = harness.free_port()
        self.mark = f"service-of-{os.getpid()}-{self.port}"
        self.write("service.py", SERVICE)
        self.addCleanup(self.nothing_left)

    def nothing_left(self):
        gone = harness.wait_until(lambda: not harness.processes_with(self.mark), 5)
        self.assertTrue(gone, f"left: {harness.processes_with(self.mark)}")

    def serve(self, *ways):
        return f"exec {PYTHON} service.py {self.mark} {self.port} {' '.join(ways)}"

    def study(self, command=None, url="/", factors=None, trials=6, duration="60ms", more=""):
        """A study file with these parts; short trials of the service above."""
        service = "" if command is None else (
            f"service:\n  command: {command}\n  ready: http://127.0.0.1:{self.port}/ready\n"
            f"  ready_timeout: 20s\n  stop_timeout: 500ms\n")
        factors = factors or "size: {range: [1, 100], lever: query}"
        return self.write("study.yaml", service + textwrap.dedent(f"""\
            load:
              url: http://127.0.0.1:{self.port}{url}
              connections: 4
              warmup: 0s
              duration: {duration}
            factors:
              {factors}
            design: {{trials: {trials}, confirm: 0, seed: 3}}
            """) + more)

    def lab_study(self, trials=24, duration="150ms"):
        """The lab with two factors: one that limits it, one that does nothing."""
        return self.write("study.yaml", textwrap.dedent(f"""\
            service:
              command: exec "$CULPRIT" lab mixed --bind 127.0.0.1:{self.port} -w 1 # {self.mark}
              ready: http://127.0.0.1:{self.port}/health
            load:
              url: http://127.0.0.1:{self.port}/?mean_response_time=0.02&std_response_time=0.1
              connections: 20
              warmup: 60ms
              duration: {duration}
              drain: 0s
            factors:
              fraction_io_bound:  {{range: [0.1, 0.9], lever: query}}
              min_response_time:  {{range: [0.0001, 0.0002], lever: query}}
              json_object_length: {{range: [1, 10], lever: query}}
            design: {{sampler: sobol, trials: {trials}, confirm: 0, seed: 1}}
            """))

    def trials(self, run="last"):
        text = self.run_culprit("export", run, "--csv").stdout
        return list(csv.DictReader(io.StringIO(text)))

    def runs(self):
        return json.loads(self.run_culprit("runs", "--json").stdout)

    def stored(self):
        """Trials in the store, read beside culprit."""
        path = self.folder / ".culprit/culprit.db"
        if not path.exists():
            return 0
        try:
            with sqlite3.connect(path, timeout=5) as db:
                return db.execute("SELECT count(*) FROM trial").fetchone()[0]
        except sqlite3.Error:
            return 0


class Result(Find):
    @harness.on_second_thought
    def test_names_what_limits_the_lab(self):
        done = self.run_culprit("find", self.lab_study())
        lines = done.stdout.splitlines()
        self.assertIn("fraction_io_bound limits requests_per_second", " ".join(done.stdout.split()))
        report = self.folder / lines[-1].split("the report: ")[1]
        self.assertIn("<html", report.read_text()[:500])
        self.assertEqual(len(done.stderr.splitlines()), 24, done.stderr)
        result = json.loads(self.run_culprit("export", "last", "--json").stdout)
        self.assertEqual(result["status"], "done")
        self.assertEqual(result["result"]["factors"][0]["name"], "fraction_io_bound")
        self.assertEqual(len(result["trials"]), 24)
        self.assertEqual(result["spec"]["design"], {"sampler": "sobol", "trials": 24, "automatic": False,
                                                    "confidence": 0.95, "confirm": 0, "seed": 1})
        self.assertGreaterEqual(result["machine"]["cores"], 1)
        trial = result["trials"][0]
        self.assertGreater(trial["responses"]["cpu_ms_per_request"], 0)
        self.assertGreater(trial["detail"]["cpu"]["service_cores"], 0)
        self.assertEqual(trial["detail"]["errors"], {})
        # the same again is a new run of the same design
        self.run_culprit("find", "study.yaml", "--trials", 6, "--report", "r.html")
        self.assertEqual([r["run"] for r in self.runs()], [2, 1])
        self.assertTrue((self.folder / "r.html").exists())
        again = self.run_culprit("find", "study.yaml", "--trials", 6, "--csv")
        rows = list(csv.DictReader(io.StringIO(again.stdout)))
        self.assertEqual([r["fraction_io_bound"] for r in rows],
                         [r["fraction_io_bound"] for r in self.trials(2)])

    def test_json_goes_to_stdout_alone(self):
        done = self.run_culprit("find", self.study(self.serve()), "--json")
        self.assertEqual(json.loads(done.stdout)["factors"][0]["name"], "size")
        self.assertIn("the report: .culprit/run-1.html", done.stderr)

    def test_the_report_cannot_be_written(self):
        """It is said before anything is measured; where only the writing fails, the study is done."""
        done = self.run_culprit("find", self.study(self.serve()), "--report", "none/x.html", code=1)
        self.assertEqual(done.stderr, "culprit find: none/x.html: cannot be written: No such file or directory\n")
        self.assertEqual(self.stored(), 0)
        done = self.run_culprit("find", "study.yaml", "--report", "/dev/full", code=1)
        self.assertIn("size", done.stdout)
        self.assertIn("/dev/full: cannot be written: No space left on device", done.stderr)
        self.assertNotIn("goes on", done.stderr)
        self.assertEqual([r["status"] for r in self.runs()], ["done"])

    def test_a_service_that_runs_already(self):
        self.start(PYTHON, "service.py", self.mark, self.port)
        self.run_culprit("find", self.study())
        self.assertEqual([t["status"] for t in self.trials()], ["ok"] * 6)
        self.assertNotIn("cpu_ms_per_request", self.trials()[0])
        self.assertTrue(harness.processes_with(self.mark), "a service that is not ours was stopped")
        self.stop_all()

    def test_it_is_not_there(self):
        path = self.study(more="service: {ready_timeout: 300ms}\n")
        done = self.run_culprit("find", path, code=1)
        self.assertIn(f"127.0.0.1:{self.port}: connection refused", done.stderr)

    def test_levers(self):
        """Each reaches the service, with the value that the trial says; restarts are few."""
        factors = """q: {range: [1, 100], lever: query}
              p: {values: [a, b c], lever: path}
              level: {range: [0ms, 5ms], lever: header, header: X-Level}
              env: {values: [x, y], lever: env, variable: LEVEL}
              way: {values: [one, two], lever: arg}"""
        self.run_culprit("find", self.study(self.serve("{way}"), "/{p}", factors, trials=16))
        seen = [eval(line) for line in (self.folder / "seen.txt").read_text().splitlines()]
        seen = {s for s in map(repr, seen) if "/ready" not in s}
        answered = [t for t in self.trials() if t["status"] == "ok"]
        self.assertGreaterEqual(len(answered), 14, "two may starve on a busy machine")
        for t in answered:
            path = "/" + t["p"].replace(" ", "%20") + "?q=" + t["q"]
            decimals = {float(s[1][:-2]): s[1] for s in map(eval, seen) if s[0] == path}
            level = decimals[float(t["level"])]
            self.assertIn(repr((path, level, t["env"], [t["way"]])), seen)
        self.assertLessEqual(len(seen), 16, "requests that no trial says it sent")
        # four services in four rounds, of which neighbours share one
        starts = (self.folder / "starts.txt").read_text().splitlines()
        self.assertEqual(len(set(starts)), 4)
        self.assertLessEqual(len(starts), 13)
        self.assertFalse([a for a, b in zip(starts, starts[1:]) if a == b], "a restart for nothing")
        log = (self.folder / ".culprit/run-1.log").read_text()
        self.assertEqual(log.count("here with"), 1, "the log is that of the last start")


class Failing(Find):
    def test_a_trial_with_failures_is_a_failed_trial(self):
        done = self.run_culprit("find", self.study(self.serve("some404"), trials=8), code=None)
        rows = self.trials()
        self.assertEqual(len(rows), 8)
        failed = [r for r in rows if r["status"] == "failed"]
        self.assertTrue(failed)
        for r in failed:
            self.assertRegex(r["note"], r"of \d+ requests failed: \d+ with status 404")
            self.assertEqual(r.get("requests_per_second", ""), "")
        self.assertIn("with status 404", done.stderr)
        if done.returncode == 0:  # what was printed is shown again, and the page says it
            self.assertEqual(done.stdout.count("failed and was left out"), len(failed))
            shown = self.run_culprit("show").stdout
            self.assertEqual(shown.count("failed and was left out"), len(failed))
            self.assertIn(f"<li>{len(failed)} of 8 trials failed and were left out",
                          (self.folder / ".culprit/run-1.html").read_text())

    def test_every_request_fails(self):
        done = self.run_culprit("find", self.study(self.serve(), "/missing", trials=20), code=1)
        self.assertIn("gave up after 3 trials in a row that came to nothing", done.stderr)
        self.assertIn("with status 404", done.stderr)
        self.assertEqual(len(self.trials()), 3)
        self.assertEqual(self.runs()[0]["status"], "failed")

    def test_failures_can_be_the_response(self):
        path = self.study(self.serve("some404"), trials=8, more="response: error_percent\n")
        self.run_culprit("find", path, code=None)
        self.assertEqual([t["status"] for t in self.trials()], ["ok"] * 8)
        self.assertTrue(any(float(t["error_percent"]) > 0 for t in self.trials()))

    def test_the_service_dies(self):
        done = self.run_culprit("find", self.study(self.serve("dies"), trials=20), code=1)
        self.assertIn("gave up after 3 trials in a row", done.stderr)
        self.assertIn("the service ended with exit code 7", done.stderr)
        self.assertIn("out of luck", done.stderr)
        rows = self.trials()
        self.assertEqual([r["status"] for r in rows], ["failed"] * 3)

    def test_it_never_gets_ready(self):
        self.study(self.serve("never", "child"))
        text = (self.folder / "study.yaml").read_text().replace("ready_timeout: 20s",
                                                                "ready_timeout: 600ms")
        path = self.write("study.yaml", text)
        done = self.run_culprit("find", path, code=1)
        self.assertIn("not ready after 600 ms", done.stderr)
        self.assertIn("waiting for a database that is not there", done.stderr)
        self.assertEqual(self.trials_or_none(), [])

    def trials_or_none(self):
        return json.loads(self.run_culprit("export", "last", "--json").stdout).get("trials", [])

    def test_it_ends_at_once(self):
        done = self.run_culprit("find", self.study("echo no configuration; exit 3"), code=1)
        self.assertIn("ended with exit code 3", done.stderr)
        self.assertIn("no configuration", done.stderr)
        done = self.run_culprit("find", self.study("no-such-program-here"), code=1)
        self.assertIn("exit code 127", done.stderr)

    def test_the_port_is_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", self.port))
            s.listen()
            done = self.run_culprit("find", self.study(self.serve()), code=1)
            self.assertIn(f"127.0.0.1:{self.port} is in use by process {os.getpid()} (", done.stderr)
        self.assertEqual(harness.processes_with(self.mark), [])

    def test_usage(self):
        for text, said in [
            ("load: {url: 'http://x/'}\nfactors: {a: {range: [2, 1], lever: query}}\n",
             "study.yaml:2: the range of a is upside down"),
            ("load: {url: 'http://x/'}\nfactors: {a: {range: [1, 2], lever: qeury}}\n",
             "study.yaml:2: unknown lever 'qeury'; did you mean 'query'?"),
            ("load: {url: 'http://x/'\n", "study.yaml:2: not YAML"),
        ]:
            done = self.run_culprit("find", self.write("study.yaml", text), code=2)
            self.assertIn(said, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertFalse((self.folder / ".culprit").exists())
        done = self.run_culprit("find", self.study(self.serve()), "--trials", 2, code=2)
        self.assertIn("2 trials are too few", done.stderr)
        self.run_culprit("find", "--log", "--raw", "study.yaml", code=2)
        self.run_culprit("find", "no-such.yaml", code=None)

    def test_documented_and_example_studies_are_right(self):
        """So far that only their number of trials is wrong, when that is made wrong."""
        page = (harness.ROOT / "docs/study-files.md").read_text()
        texts = re.findall(r"```yaml\n(.*?)```", page, re.S)
        texts += [p.read_text() for p in (harness.ROOT / "examples").rglob("*.yaml")]
        texts = [t for t in texts if "factors:" in t]  # others are scenarios of a load
        self.assertGreaterEqual(len(texts), 3)
        for text in texts:
            done = self.run_culprit("find", self.write("s.yaml", text), "--trials", 1, code=2)
            self.assertIn("1 trial is too few", done.stderr)

    def test_two_at_once(self):
        first = self.start_culprit("find", self.study(self.serve(), trials=200))
        self.assertTrue(harness.wait_until(lambda: self.stored() > 0, 20))
        done = self.run_culprit("find", "study.yaml", code=1)
        self.assertIn(str(first.pid), done.stderr)
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(20), 1)


class Resuming(Find):
    def check_resumes(self, trials, kept):
        done = self.run_culprit("find", "study.yaml")
        self.assertIn(f"resuming run 1: {kept} of {trials} trials are there", done.stderr)
        self.assertEqual(len(self.trials(1)), trials)
        self.assertEqual(self.runs()[0]["status"], "done")
        self.assertEqual(len(self.runs()), 1)

    def test_after_ctrl_c(self):
        culprit = self.start_culprit("find", self.study(self.serve("child"), trials=12, duration="100ms"),
                                     stderr=subprocess.PIPE)
        self.assertTrue(harness.wait_until(lambda: self.stored() >= 3, 30))
        culprit.send_signal(signal.SIGINT)
        said = culprit.stderr.read()
        self.assertEqual(culprit.wait(20), 1)
        self.nothing_left()
        kept = self.stored()
        self.assertIn(f"stopped; {kept} trials are kept as run 1, and the same command goes on", said)
        self.assertEqual(self.runs()[0]["status"], "stopped")
        self.assertLess(kept, 12)
        self.check_resumes(12, kept)

    def test_fresh_starts_anew(self):
        culprit = self.start_culprit("find", self.study(self.serve(), trials=12, duration="100ms"))
        self.assertTrue(harness.wait_until(lambda: self.stored() >= 1, 30))
        culprit.send_signal(signal.SIGTERM)
        self.assertEqual(culprit.wait(20), 1)
        done = self.run_culprit("find", "study.yaml", "--fresh")
        self.assertNotIn("resuming", done.stderr)
        self.assertEqual(len(self.trials(2)), 12)

    def test_after_kill(self):
        """kill -9 at moments spread over the start and the trials: the store opens, nothing is left, and
        every trial that was there stays."""
        self.study(self.serve("child"), trials=30, duration="40ms")
        kept = 0
        for i in range(12):
            culprit = self.start_culprit("find", "study.yaml")
            time.sleep(0.02 + 0.06 * i)
            culprit.kill()
            culprit.wait()
            gone = harness.wait_until(lambda: not harness.processes_with(self.mark), 3)
            self.assertTrue(gone, f"after {i}: {harness.processes_with(self.mark)}")
            now = self.stored()
            self.assertGreaterEqual(now, kept)
            kept = now
        self.run_culprit("runs")
        if kept < 30:
            self.check_resumes(30, kept)

    def test_killed_keeper(self):
        culprit = self.start_culprit("find", self.study(self.serve("child"), trials=8, duration="100ms"))
        self.assertTrue(harness.wait_until(lambda: self.stored() >= 1, 30))
        (keeper,) = (int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()
                     and self.parent_of(p) == culprit.pid)
        os.kill(keeper, signal.SIGKILL)
        self.assertEqual(culprit.wait(60), 0)
        rows = self.trials(1)
        self.assertEqual(len(rows), 8)
        self.assertLessEqual(sum(r["status"] == "failed" for r in rows), 1)

    @staticmethod
    def parent_of(process):
        try:
            return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return 0


class Flask(Find):
    @harness.on_second_thought
    def test_the_seeds_application(self):
        """A real service: the study of examples/flask-mixed, shorter."""
        imports = subprocess.run(["/usr/bin/python3", "-c", "import flask, gevent, gunicorn"],
                                 capture_output=True)
        if imports.returncode or not os.path.exists("/usr/bin/gunicorn"):
            self.skipTest("needs gunicorn python3-flask python3-gevent")
        example = harness.ROOT / "examples/flask-mixed"
        text = (example / "study.yaml").read_text().replace(":5001", f":{self.port}")
        text = text.replace("gunicorn ", f"/usr/bin/gunicorn -n {self.mark} ", 1)
        text = text.replace("trials: 32", "trials: 32, confirm: 0")
        (self.folder / "app.py").write_text((example / "app.py").read_text())
        path = self.write("study.yaml", text)
        done = self.run_culprit("find", path, "--trials", 16, "-d", "700ms", "--warmup", "800ms", "--json",
                                timeout=300)
        result = json.loads(done.stdout)
        self.assertEqual(result["factors"][0]["name"], "fraction_io_bound")
        rows = self.trials()
        self.assertEqual([t["note"] for t in rows if t["status"] != "ok"], [])
        self.assertEqual(len(rows), 16)
        self.assertEqual(harness.processes_with("gunicorn -n " + self.mark), [])


if __name__ == "__main__":
    unittest.main()
