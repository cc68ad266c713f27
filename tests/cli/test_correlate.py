"""culprit correlate as a whole: the seed's story told rightly, CSV as people have it, servers that fail,
what culprit recorded itself; what is printed and kept."""
import csv
import http.server
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import harness

MAKE = harness.ROOT / "examples/django-correlation/make_metrics.py"
STORY = ("--target", "total", "--during", "19:00..21:20")


def table(n=200, start=0, step=60):
    """Two columns that move together, one that does not; times as a function of the row."""
    values = [(37 * i * i + 11 * i) % 101 for i in range(n)]
    other = [(53 * i * i * i + 7 * i) % 97 for i in range(n)]
    return [(start + step * i, a, 2 * a + b % 5, b) for i, (a, b) in enumerate(zip(values, other))]


class Correlate(harness.Case):
    def rows(self, *args, **kwargs):
        """What --csv prints, by name."""
        text = self.run_culprit("correlate", *args, "--csv", **kwargs).stdout
        return {row["name"]: row for row in csv.DictReader(io.StringIO(text))}

    def found(self, *args, **kwargs):
        return {n for n, row in self.rows(*args, **kwargs).items() if row["found"] == "true"}

    def refused(self, *args, code=1, **kwargs):
        """The one sentence that it ends with."""
        done = self.run_culprit("correlate", *args, code=code, **kwargs)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr.removeprefix("culprit correlate: ").strip()


class Story(Correlate):
    """Made once for all."""
    text = None

    def setUp(self):
        super().setUp()
        if not Story.text:
            Story.text = subprocess.run([sys.executable, MAKE], capture_output=True, text=True,
                                        check=True).stdout
        self.write("metrics.csv", Story.text)

    def test_it_is_told_rightly(self):
        rows = self.rows("metrics.csv", *STORY)
        families = {}
        for name, row in rows.items():
            families.setdefault(row["family"], []).append(name)
        # each family's first is what it was; what grows all day is not found
        self.assertEqual(families["layer"][0], "layer/SQL")
        self.assertEqual(families["time"][0], "apps/data:time")
        self.assertEqual(families["throughput"][0], "endpoints/sparkline:throughput")
        for name in ("layer/SQL", "apps/data:time", "endpoints/sparkline:throughput"):
            self.assertEqual(rows[name]["found"], "true", name)
            self.assertGreater(float(rows[name]["r"]), .4, name)
        for name in ("disk_used_gb", "registered_users"):
            self.assertEqual((rows[name]["found"], rows[name]["changed"]), ("false", "false"), name)
        # parts of the total are named so; traffic is none
        self.assertEqual({rows[n]["mechanical"] for n in families["layer"] + families["time"]}, {"true"})
        self.assertEqual({rows[n]["mechanical"] for n in families["throughput"]}, {"false"})
        # what came first
        for name, began in (("layer/SQL", "19:00"), ("apps/data:time", "19:06"),
                            ("endpoints/sparkline:throughput", "19:50")):
            self.assertEqual(rows[name]["changed"], "true", name)
            self.assertLessEqual(rows[name]["began_low"][11:16], began, name)
            self.assertGreaterEqual(rows[name]["began_high"][11:16], began, name)

    def test_result_as_json_and_its_accounts(self):
        result = json.loads(self.run_culprit("correlate", "metrics.csv", *STORY, "--json").stdout)
        self.assertEqual(result["series"]["times"], 1440)
        self.assertEqual(result["series"]["count"], 314)
        self.assertEqual(result["correlation"]["target"], "total")
        incident = result["incident"]
        self.assertEqual(incident["to_s"] - incident["from_s"], 140 * 60)
        self.assertEqual(incident["rows"]["name"][0], "layer/SQL")
        self.assertEqual(len(set(map(len, incident["rows"].values()))), 1)
        mean, total = sorted(result["accounts"], key=lambda a: a["by"] is None)
        self.assertEqual((mean["of"], mean["by"], total["of"], total["by"]), ("time", "throughput", "layer", None))
        for account in (mean, total):
            parts = sum(p["latency"] + p["mix"] for p in account["parts"])
            self.assertAlmostEqual(parts, account["change"], delta=1e-12 * account["after"])
            self.assertAlmostEqual(account["after"] - account["before"], account["change"], delta=1e-12)
        # half of it are apps/data's times, half the traffic of an endpoint that nobody used before
        self.assertEqual({p["name"] for p in mean["parts"][:2]}, {"apps/data", "endpoints/sparkline"})
        by_name = {p["name"]: p for p in mean["parts"]}
        self.assertGreater(by_name["apps/data"]["latency"], .3 * mean["change"])
        self.assertGreater(by_name["endpoints/sparkline"]["mix"], .3 * mean["change"])
        self.assertLess(abs(by_name["apps/data"]["mix"]), 1)
        self.assertEqual(total["parts"][0]["name"], "layer/SQL")

    def test_kept_and_shown_again(self):
        printed = self.run_culprit("correlate", "metrics.csv", *STORY, "--html", "a.html")
        self.assertRegex(printed.stderr, r"kept as run 1\n")
        self.assertEqual(self.words(self.run_culprit("show", "last").stdout.split("\n\n", 1)[1]),
                         self.words(printed.stdout))
        self.assertIn("correlation", self.run_culprit("runs", "--kind", "correlation").stdout)
        kept = json.loads(self.run_culprit("export", 1, "--json").stdout)
        self.assertEqual(kept["kind"], "correlation")
        self.assertEqual(self.run_culprit("export", 1, "--csv").stdout,
                         self.run_culprit("correlate", "metrics.csv", *STORY, "--csv").stdout)
        self.run_culprit("show", 1, "--html", "b.html")
        for name in ("a.html", "b.html"):
            page = (self.folder / name).read_text()
            self.assertIn("layer/SQL", page)
            self.assertNotRegex(page, r'(src|href)="https?:')
        # what was edited is not believed
        self.assertIn("culprit correlate", self.broken_run(kept))

    def words(self, text):
        """Lines without their courses, which a stored run has as means, or not at all."""
        lines = (re.sub(r"\[?[▁-█]+[▁-█\[\]]*", "", line).rstrip() for line in text.splitlines())
        return [line for line in lines if line]

    def broken_run(self, kept):
        import sqlite3
        kept["result"]["incident"]["rows"]["q"] = 1
        store = sqlite3.connect(self.folder / ".culprit/culprit.db")
        store.execute("UPDATE run SET result = ? WHERE id = 1", (json.dumps(kept["result"]),))
        store.commit()
        store.close()
        return self.run_culprit("show", 1, code=1).stderr

    def test_the_incident_alone_and_options(self):
        text = self.run_culprit("correlate", "metrics.csv", "--during", "2026-11-14 19:00..2026-11-14T21:20Z",
                                "--before", "12h", "--top", 2).stdout
        self.assertRegex(" ".join(text.split()), r"layer/SQL began first, at 19:00")
        explained = self.run_culprit("correlate", "metrics.csv", "-t", "total", "--explain", "--top", 2).stdout
        self.assertIn("total is the mean of time (150 series), each weighted by its throughput", explained)
        self.assertIn("total is the sum of layer (10 series)", explained)
        # with traffic's part taken out, and families by rule
        rows = self.rows("metrics.csv", "-t", "total", "--given", "requests", "--max-lag", "2m", "--family",
                         "slow=^apps/.*:time$")
        self.assertNotIn("requests", rows)
        self.assertEqual({r["family"] for r in rows.values()}, {"slow", ""})
        self.assertTrue(all(abs(int(r["lag"])) <= 2 for r in rows.values()))
        # a part of the day
        part = json.loads(self.run_culprit("correlate", "metrics.csv", "-t", "total", "--from", "-4h", "--to",
                                           "23:29", "--json").stdout)
        self.assertEqual(part["series"]["times"], 211)

    def test_matrix(self):
        self.run_culprit("correlate", "metrics.csv", "-t", "total", "--matrix", "m.csv")
        with open(self.folder / "m.csv", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(len(rows), 315)
        self.assertEqual(rows[0][1:], [r[0] for r in rows[1:]])
        for i in (1, 50, 314):
            self.assertAlmostEqual(float(rows[i][i]), 1, delta=1e-5)
            self.assertEqual(rows[i][3], rows[3][i])
        self.assertIn("cannot be written", self.run_culprit(
            "correlate", "metrics.csv", "-t", "total", "--matrix", "no/m.csv", code=1).stderr)

    def test_what_is_wrong_is_said(self):
        for args, code, part in (
                ((), 2, "say which series is to be explained, with --target NAME, or when the incident was"),
                (("-t", "totl"), 2, "--target: there is no series 'totl' among the 314; did you mean 'total'?"),
                (("-t", "total", "--given", "requets"), 2, "--given: there is no series 'requets'"),
                (("-t", "total", "--during", "21:20"), 2, "write FROM..TO, such as 19:00..21:20"),
                (("-t", "total", "--during", "7pm..9pm"), 2, "--during: '7pm' is no time; write"),
                (("-t", "total", "--during", "00:05..01:00"), 2, "lie before the incident, and 24 are needed"),
                (("-t", "total", "--max-lag", "soon"), 2, "neither a number of steps nor a time"),
                (("-t", "total", "--max-lag", "20h"), 2, "less than half of them can be looked at"),
                (("-t", "total", "--parts", "time"), 2, "they do not make total"),
                (("-t", "total", "--parts", "tme,throughput"), 2, "there is no such family of series; there is"),
                (("-t", "total", "--family", "a"), 2, "write NAME=REGEX"),
                (("-t", "total", "--zone", "Europe/Pariss"), 2, "Europe/Pariss"),
                (("-t", "total", "--from", "2027-01-01"), 1, None),
                (("--given", "requests", "--during", "19:00..21:20"), 2, "--given is about a target"),
                (("-t", "total", "--prometheus", "http://127.0.0.1:1"), 2, "only one source can be read")):
            said = self.refused("metrics.csv", *args, code=code)
            if part:
                self.assertIn(part, said)
        self.assertIn("say where the series are", self.refused("-t", "total", code=2))
        self.assertIn("nothing.csv: No such file", self.refused("nothing.csv", "-t", "total"))
        self.assertFalse((self.folder / ".culprit").exists())


class Files(Correlate):
    """CSV as people have it; each must find b, which is made of a, and not c."""

    def check(self, text, *args, name="t.csv", **kwargs):
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        self.assertEqual(self.found(name, "-t", "a", *args, **kwargs), {"b"})

    def test_forms(self):
        rows = table()
        plain = "".join(f"{t},{a},{b},{c}\n" for t, a, b, c in rows)
        self.check("time,a,b,c\n" + plain)
        self.check(b"\xef\xbb\xbf" + ("time,a,b,c\n" + plain).replace("\n", "\r\n").encode())
        self.check('"time","a","b","c, ""quoted"""\n' + plain)
        self.check("time;a;b;c\n" + plain.replace(",", ";"))
        self.check("when,name,value\n" + "".join(
            f"{t},{n},{v}\n" for t, *values in rows for n, v in zip("abc", values)))
        self.check("".join(f"{n} {v} {t + 1}\n" for t, *values in rows for n, v in zip("abc", values))
                   + "# EOF\n", "--input", "openmetrics", name="t.data")
        text = "time,a,b,c\n" + plain
        done = self.run_culprit("correlate", "-", "-t", "a", "--csv", input=text)
        self.assertIn("\nb,,", "\n" + done.stdout)

    def test_times_and_holes(self):
        rows = table()
        lines = [f"{t},{a},{b if i % 17 else 'NaN'},{c if i % 13 else ''}\n" for i, (t, a, b, c) in enumerate(rows)]
        text = "time,a,b,c\n" + "".join(reversed(lines)) + lines[3]
        self.check(text)
        said = " ".join(self.run_culprit("correlate", "t.csv", "-t", "a").stdout.split())
        self.assertRegex(said, r"gaps")
        result = json.loads(self.run_culprit("correlate", "t.csv", "-t", "a", "--json").stdout)["series"]
        self.assertGreater(result["points_duplicate"], 0)
        self.assertGreater(result["points_unsorted"], 0)
        self.assertEqual(result["times"], 200)

    def test_daylight_saving(self):
        # 2026-10-25 in Berlin: 02:00 to 03:00 comes twice; hours from 2026-10-24 20:00 local
        local = [f"2026-10-{24 + (20 + h) // 24} {(20 + h) % 24:02}:30" for h in range(7)]
        local += [local[6]] + [f"2026-10-25 {h:02}:30" for h in range(3, 24)]
        rows = table(len(local))
        self.write("t.csv", "time,a,b,c\n" + "".join(
            f"{t},{a},{b},{c}\n" for t, (_, a, b, c) in zip(local, rows)))
        result = json.loads(self.run_culprit(
            "correlate", "t.csv", "-t", "a", "--zone", "Europe/Berlin", "--json").stdout)["series"]
        self.assertEqual((result["times"], result["step_s"]), (len(local), 3600))
        self.assertEqual(result["start_s"], 1792866600)

    def test_refused(self):
        rows = table()
        self.write("t.csv", "time;a;b\n" + "".join(f"{t};{a},5;{b}\n" for t, a, b, c in rows))
        said = self.refused("t.csv", "-t", "a")
        self.assertIn("t.csv:2", said)
        self.assertIn("comma", said)
        self.write("t.csv", "time,a,b\n1,2,3\n")
        self.assertTrue(self.refused("t.csv", "-t", "a"))
        self.write("t.csv", "")
        self.assertTrue(self.refused("t.csv", "-t", "a"))

    def test_a_first_signal_ends_it(self):
        process = self.start_culprit("correlate", "-", "-t", "a", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write("time,a,b\n1,2,3\n")
        process.stdin.flush()
        time.sleep(.2)
        syscall = pathlib.Path(f"/proc/{process.pid}/syscall")
        harness.wait_until(lambda: syscall.read_text().startswith("0 "))  # read(): nothing more comes
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 1)
        process.stdin.close()
        self.assertIn("stopped; nothing was kept", process.stderr.read())
        process.stderr.close()
        self.assertFalse((self.folder / ".culprit").exists())


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.hits += 1
        status, body = self.server.say
        if status is None:  # says nothing any more
            self.server.over.wait(20)
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST

    def log_message(self, *args):
        pass


class Prometheus(Correlate):
    ASK = ("--match", "x", "--target", "x{n=\"a\"}", "--from", "1700000000", "--to", "1700011940", "--step", "1m")

    def serve(self, status, body):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.daemon_threads, server.say, server.hits, server.over = True, (status, body), 0, threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(.02,))
        thread.start()
        self.addCleanup(lambda: (server.over.set(), server.shutdown(), thread.join(), server.server_close()))
        self.url = f"http://me:secret@127.0.0.1:{server.server_address[1]}"
        return server

    def test_an_answer_in_part(self):
        rows = table(200, 1700000000)
        self.serve(200, json.dumps({"status": "success", "warnings": ["a store is away"], "data": {
            "resultType": "matrix", "result": [
                {"metric": {"__name__": "x", "n": n}, "values": [[r[0], str(r[k])] for r in rows]}
                for k, n in ((1, "a"), (2, "b"), (3, "c"))]}}))
        done = self.run_culprit("correlate", "--prometheus", self.url, *self.ASK)
        self.assertIn("a store is away", " ".join(done.stdout.split()))
        kept = self.run_culprit("export", "last", "--json").stdout
        self.assertNotIn("secret", kept)
        self.assertNotIn("secret", done.stdout + done.stderr)
        whole = json.loads(kept)["result"]["correlation"]
        found = {whole["shown"]["names"][s]
                 for s, f in zip(whole["rows"]["series"], whole["rows"]["found"]) if f}
        self.assertEqual(found, {'x{n="b"}'})

    def test_an_error(self):
        self.serve(400, json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error: no such"}))
        said = self.refused("--prometheus", self.url, *self.ASK, code=None)
        self.assertIn("parse error: no such", said)
        self.assertNotIn("secret", said)
        self.assertIn("--match", self.refused("--prometheus", self.url, "-t", "x", code=2))

    def test_silence_and_a_signal(self):
        server = self.serve(None, "")
        said = self.refused("--prometheus", self.url, *self.ASK, "--timeout", "300ms")
        self.assertIn("no answer", said)
        server.hits = 0
        process = self.start_culprit("correlate", "--prometheus", self.url, *self.ASK, stderr=subprocess.PIPE)
        self.assertTrue(harness.wait_until(lambda: server.hits))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(5), 1)
        self.assertEqual(len(process.stderr.read().splitlines()), 1)
        process.stderr.close()


# Some work now and then, and for a while as busy as a core allows.
WORK = """
import random, time
random.seed(1)
t0 = time.monotonic()
while (t := time.monotonic() - t0) < %g:
    busy = .045 if %g <= t < %g else .005 * random.random()
    end = time.thread_time() + busy
    while time.thread_time() < end:
        pass
    time.sleep(max(0, .05 - (time.monotonic() - t0 - t)))
"""


class Recorded(Correlate):
    def test_a_recording_with_an_incident(self):
        # what busy neighbours take away may hide it, so the work is counted in CPU time
        self.write("work.py", WORK % (12, 10, 11))
        self.run_culprit("watch", "-i", "100ms", "--", sys.executable, "work.py")
        rows = self.rows("last", "-t", "cpu", "--during", "+10s..+11s", "--before", "9s")
        changed = [rows[n] for n in ("cpu", "cpu_user", "cpu_system") if rows.get(n, {}).get("changed") == "true"]
        self.assertTrue(changed, rows)
        # seconds from the recording's start, to which the interpreter's own is added
        self.assertGreaterEqual(float(changed[0]["began_high"]), 10)
        self.assertLess(float(changed[0]["began_low"]), 11)
        self.assertFalse([n for n, r in rows.items() if n.startswith("memory") and r["changed"] == "true"])
        self.assertIn("run 2 is a correlation, which has no series", self.refused(2, "-t", "cpu", code=2))

    @unittest.skipUnless("CULPRIT_LONG" in os.environ, "needs two minutes; set CULPRIT_LONG=1")
    def test_a_load_with_an_incident(self):
        """A thief of CPU time comes in the middle; the latency moves with how much others used."""
        lab = self.start_lab()
        master = self.started[0].pid
        thief = self.start(sys.executable, "-c", """
import os, random, time
random.seed(2)
for _ in range(os.cpu_count() - 1):
    if not os.fork():
        break
time.sleep(60)
while True:
    end = time.monotonic() + random.choice((.5, 1, 2))
    while time.monotonic() < end:
        pass
    time.sleep(random.choice((.5, 1, 2)))
""")
        self.run_culprit("load", f"{lab}/cpu?json_object_length=500&cpu_rounds=20", "-c", 4,
                         "-d", "110s", "--watch", master, timeout=200)
        os.killpg(thief.pid, signal.SIGKILL)
        rows = self.rows("last", "--target", "p99", "--during", "+60s..+105s", "--before", "55s")
        others = rows["machine:others_cpu"]
        # CPU seconds a second: where others take much of it all the time, the thief takes it from them
        if float(others["before"]) > .25 * os.cpu_count():
            self.skipTest(f"others took {others['before']} of {os.cpu_count()} cores before the thief came")
        self.assertEqual(others["found"], "true", others)


if __name__ == "__main__":
    unittest.main()
