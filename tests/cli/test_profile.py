"""culprit profile, load --profile and a study's profile: true, against real programs."""
import collections
import contextlib
import glob
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

import harness

PYTHON = "/usr/bin/python3"
WORK = """\
import sys, time
def spin(ms):
    end = time.thread_time() + ms / 1000
    while time.thread_time() < end:
        pass
def cheap():
    spin(2)
def dear():
    spin(8)
def main(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        cheap()
        dear()
print("begins", flush=True)
main(float(sys.argv[1]))
print("ends", flush=True)
sys.exit(int(sys.argv[2]))
"""
# A service with a function whose CPU time is a factor.
SERVICE = """\
import sys, http.server, urllib.parse
def grinds(n):
    for i in range(n): pass
def always():
    return sum(range(100000))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        always()
        grinds(int(float(query.get("work", 1))))
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STUDY = """\
service: {{command: "{python} service.py {port}", ready: "http://127.0.0.1:{port}/"}}
load: {{url: "http://127.0.0.1:{port}/", connections: 2, duration: 300ms, warmup: 50ms}}
response: requests_per_second
factors:
  work: {{values: [1, 600000], lever: query}}
  nothing: {{range: [1, 100], lever: query}}
design: {{sampler: sobol, trials: 8, seed: 1, confirm: 0}}
profile: true
"""
TASKS = """\
import asyncio, time
async def waits():
    await asyncio.sleep(60)
async def works():
    end = time.time() + .8
    while time.time() < end:
        for i in range(1000): pass
        await asyncio.sleep(0)
async def main():
    t = asyncio.create_task(waits(), name="patient")
    u = [asyncio.create_task(waits()) for i in range(20)]
    await asyncio.create_task(works(), name="busy")
asyncio.run(main())
"""


def minor(python):
    return int(subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"],
                              capture_output=True, text=True).stdout)


def pythons():
    if "CULPRIT_SANITIZED" in os.environ:  # for culprit they are alike
        return [PYTHON]
    given = os.environ.get("CULPRIT_PYTHONS")
    more = given.split(":") if given else glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))
    return [PYTHON, *sorted(p for p in more if os.access(p, os.X_OK) and minor(p) >= 8)]


class Profile(harness.Case):
    def setUp(self):
        self.addCleanup(self.nothing_left)  # the last one
        super().setUp()
        self.write("work.py", WORK)

    def nothing_left(self):
        self.assertTrue(harness.wait_until(lambda: not harness.processes_with(str(self.folder)), 5))

    def profile(self, *args, code=0, **env):
        return self.run_culprit("profile", *args, code=code, **env)

    def spinner(self, seconds=60):
        """Runs work.py in the background; its pid."""
        process = self.start(PYTHON, self.folder / "work.py", seconds, 0, stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), "begins\n")
        return process

    def functions(self, result, clock="cpu", which="total"):
        return {f["function"].split(".")[-1]: f[clock][which] for f in result["functions"]}

    # ---- a command ----

    def test_a_command(self):
        done = self.profile("--", PYTHON, "work.py", "0.7", "3", code=3)
        self.assertTrue(done.stdout.startswith("begins\nends\n"), done.stdout)
        for word in ("work.py", "dear", "cheap", "spin", "ended with exit code 3", "CPython 3.", "profiler"):
            self.assertIn(word, done.stdout)
        self.assertIn("kept as run 1", done.stderr)
        shown = self.run_culprit("show", "last").stdout
        self.assertIn("dear", shown)
        by_wall = self.run_culprit("show", "last", "--clock", "wall", "--by-thread", "--lines").stdout
        self.assertIn("MainThread", by_wall)
        self.assertIn("work.py:4", by_wall)
        self.assertIn("profile", self.run_culprit("runs", "--kind", "profile").stdout)
        whole = json.loads(self.run_culprit("export", "last", "--json").stdout)
        self.assertGreater(len(whole["profile"]["nodes"]), 0)
        self.assertIn("dear", self.run_culprit("export", "last", "--csv").stdout)
        self.assertIn("dear", self.run_culprit("export", "last", "--html").stdout)
        self.assertRegex(self.run_culprit("export", "last", "--format", "collapsed").stdout, r"dear.*spin.* \d+\n")
        self.run_culprit("show", "last", "--html", "again.html")
        self.assertIn("dear", (self.folder / "again.html").read_text())

    def test_each_python(self):
        for python in pythons():
            done = self.profile("--json", "--rate", "1000", "--", python, "work.py", "0.4", "0")
            result = json.loads(done.stdout)
            self.assertIn("begins\nends\n", done.stderr)
            version = subprocess.run([python, "-V"], capture_output=True, text=True).stdout.split()[1]
            self.assertEqual(result["about"]["python"], f"CPython {version}")
            total = self.functions(result)
            # four standard errors of a fifth where 180 looks are independent; there are some 400
            self.assertAlmostEqual(total["cheap"] / (total["cheap"] + total["dear"]), .2, delta=.12, msg=python)
            self.assertLess(result["about"]["rejected"], .02 * result["about"]["samples"] + 1, python)

    def test_other_forms(self):
        work = ["--", PYTHON, "work.py", "0.3", "0"]
        self.profile("--format", "speedscope", "-o", "s.json", "--html", "p.html", *work)
        self.assertTrue(json.loads((self.folder / "s.json").read_text())["profiles"])
        self.assertIn("dear", (self.folder / "p.html").read_text())
        done = self.profile("--format", "collapsed", *work)
        self.assertRegex(done.stdout, r"(?m)^[^\n]*work.py[^\n]*dear[^\n]* \d+$")
        self.assertNotIn("begins", done.stdout)
        rows = self.profile("--csv", "--lines", *work).stdout.splitlines()
        self.assertEqual(rows[0], "function,file,line,self_s,total_s,samples")
        self.assertTrue(any("spin" in row and ",4," in row for row in rows))
        inverted = self.profile("--invert", "--all", *work).stdout
        self.assertIn("what called it", inverted)

    def test_alone(self):
        code = ("import os\ndef mine():\n    for i in range(4000000): pass\n"
                "def childs():\n    for i in range(4000000): pass\n"
                "if os.fork():\n    mine()\n    os.wait()\nelse:\n    childs()")
        both = self.profile("--json", "--", PYTHON, "-c", code)
        self.assertLessEqual({"mine", "childs"}, set(self.functions(json.loads(both.stdout))))
        alone = self.functions(json.loads(self.profile("--json", "--alone", "--", PYTHON, "-c", code).stdout))
        self.assertIn("mine", alone)
        self.assertNotIn("childs", alone)

    def test_commands_that_are_none(self):
        self.assertIn("cannot run", self.profile("--", "no-such-program", code=127).stderr)
        # it runs, and there is nothing to see of it
        self.assertIn("ls", self.profile("--", "ls", code=1).stderr)
        self.profile("--", "sh", "-c", "exit 5", code=5)

    def test_usage(self):
        for args in ([], ["--pid", "1", "--", "ls"], ["-o", "x", "--", "ls"], ["--rate", "0", "--", "ls"],
                     ["--clock", "sun", "--", "ls"], ["--json", "--format", "collapsed", "--", "ls"]):
            self.profile(*args, code=2)

    def test_tasks(self):
        self.write("tasks.py", TASKS)
        done = self.profile("--tasks", "--clock", "wall", "--all", "--", PYTHON, "tasks.py")
        self.assertIn("works", done.stdout)
        self.assertRegex(done.stdout, r"patient \(waiting\)\n.*waits ")
        self.assertRegex(done.stdout, r"tasks of waits \(waiting\)\n.*waits ")
        self.assertRegex(done.stdout, r" busy\n")

    def test_machine_code(self):
        code = "import hashlib\nfor i in range(20): hashlib.sha256(bytes(60000000)).digest()"
        done = self.profile("--native", "--all", "--", PYTHON, "-c", code)
        self.assertRegex(done.stdout, r"libcrypto|_hashlib|_sha2")
        lab = self.start_lab()
        pid = [p for p in harness.processes_with("lab mixed --bind " + lab[7:])][0]
        refused = self.profile("--pid", pid, "-d", "200ms", code=1)
        self.assertIn("--native", refused.stderr)
        seen = self.profile("--native", "--pid", pid, "-d", "400ms", "--clock", "wall", "--alone").stdout
        self.assertIn("culprit", seen)

    # ---- a process ----

    def test_a_process(self):
        process = self.spinner()
        done = self.profile("--pid", process.pid, "-d", "600ms", "--pause")
        self.assertIn(f"pid {process.pid}", done.stdout)
        self.assertIn("dear", done.stdout)
        self.assertIsNone(process.poll())

    def test_a_process_that_is_killed(self):
        process = self.spinner()
        profiler = self.start_culprit("profile", "--pid", process.pid, "--json", "--rate", "5000",
                                      stdout=subprocess.PIPE)
        time.sleep(.5)
        process.kill()
        process.wait()
        output = profiler.communicate(timeout=20)[0]
        self.assertEqual(profiler.returncode, 0)
        self.assertIn("dear", self.functions(json.loads(output)))

    def test_ctrl_c_keeps(self):
        process = self.spinner()
        profiler = self.start_culprit("profile", "--pid", process.pid, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        time.sleep(.6)
        profiler.send_signal(signal.SIGINT)
        output, errors = profiler.communicate(timeout=20)
        self.assertEqual(profiler.returncode, 0, errors)
        self.assertIn("dear", output)
        self.assertIn("kept as run 1", errors)

    def test_what_cannot_be_profiled(self):
        self.assertIn("there is no process 4194000", self.profile("--pid", "4194000", code=2).stderr)
        process = self.start("sleep", "60")
        self.assertIn("--native", self.profile("--pid", process.pid, code=1).stderr)

    def test_numbers_of_no_program(self):
        """A thread's, and one that has ended and was not waited for."""
        process = self.start(
            PYTHON, "-c", "import os, threading, time\n"
            "t = threading.Thread(target=time.sleep, args=(60,), daemon=True); t.start()\n"
            "child = os.fork()\nif not child: os._exit(0)\nprint(child, t.native_id, flush=True)\ntime.sleep(60)",
            stdout=subprocess.PIPE)
        child, thread = process.stdout.readline().split()
        stat = pathlib.Path(f"/proc/{child}/stat")
        self.assertTrue(harness.wait_until(lambda: ") Z " in stat.read_text()))
        self.assertIn(f"{thread} is a thread, of process {process.pid}", self.profile("--pid", thread, code=1).stderr)
        self.assertIn(f"process {child} has ended", self.profile("--pid", child, code=1).stderr)

    def test_a_process_that_is_stopped(self):
        process = self.spinner()
        process.send_signal(signal.SIGSTOP)
        done = self.profile("--pid", process.pid, "-d", "300ms")
        self.assertIn("Nothing of this clock was seen", done.stdout)
        self.assertIn(f"kill -CONT {process.pid}", done.stderr)
        process.send_signal(signal.SIGCONT)

    def test_the_wait_for_a_core(self):
        """Four that compute on one core have a quarter of it each, and wait for three: the kernel counts both."""
        core = min(os.sched_getaffinity(0))
        self.write("four.py", "import os, time\n"
                   f"os.sched_setaffinity(0, {{{core}}})\n"
                   "for i in range(3):\n    if not os.fork(): break\n"
                   "end = time.time() + 1.2\nwhile time.time() < end: pass\n")
        about = json.loads(self.profile("--json", "--", PYTHON, "four.py").stdout)["about"]
        self.assertGreater(about["core_s"], 0)
        self.assertGreater(about["core_wait_s"], 2 * about["core_s"])
        self.assertLess(about["core_s"] + about["core_wait_s"], 4 * about["seconds"])
        self.assertIn("waited for one", self.run_culprit("show", "last").stdout)

    def test_another_users_process(self):
        if os.getuid():
            self.skipTest("only root can become another user")
        process = self.spinner()
        self.folder.chmod(0o755)
        program = shutil.copy(harness.CULPRIT, self.folder / "culprit")
        done = subprocess.run(
            [program, "profile", "--pid", str(process.pid), "-d", "200ms"], cwd="/", capture_output=True,
            text=True, timeout=60, user=65534, group=65534, extra_groups=[],
            env=self.environment(CULPRIT_STORE="/nonexistent/db"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"(?i)root|same user|CAP_SYS_PTRACE|ptrace")

    def test_gunicorn(self):
        if not shutil.which("gunicorn", path="/usr/bin") or not importlib.util.find_spec("flask", None):
            self.skipTest("gunicorn and flask are not there")
        self.write("app.py", "def first(): return sum(i for i in range(20000))\n"
                             "def app(environ, start):\n    first()\n"
                             "    start('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n")
        port = harness.free_port()
        master = self.start("/usr/bin/gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2", "--log-level", "critical",
                            "--pythonpath", self.folder, "app:app")
        self.assertTrue(harness.wait_until(lambda: harness.listens(port)))
        url = f"http://127.0.0.1:{port}/"
        with contextlib.suppress(OSError):
            harness.get(url)
        done = self.run_culprit("load", url, "-c", "8", "-d", "1500ms", "--warmup", "0s", "--no-keepalive",
                                "--profile", master.pid, "--json", "--html", "load.html")
        result = json.loads(done.stdout)
        self.assertIn("first", self.functions(result["profile"]))
        page = (self.folder / "load.html").read_text()
        self.assertIn('<section id="flame">', page)
        self.assertIn('"first"', page)
        self.assertIn('<section id="flame">', self.run_culprit("export", "last", "--html").stdout)
        shown = self.run_culprit("show", "last").stdout
        self.assertIn("hottest functions", shown)
        self.assertIn("first", shown)
        stacks = self.run_culprit("export", "last", "--format", "collapsed").stdout
        busy = collections.Counter()
        for line in stacks.splitlines():
            worker = re.search(r"\((\d+)\);MainThread", line)
            if worker and "first (" in line:
                busy[worker[1]] += 1
        self.assertEqual(len(busy), 2, "both workers are seen at work")
        self.assertNotIn(str(master.pid), busy)

    # ---- a study ----

    def test_a_study(self):
        self.write("service.py", SERVICE)
        self.write("study.yaml", STUDY.format(python=PYTHON, port=harness.free_port()))
        done = self.run_culprit("find", "study.yaml")
        self.assertRegex(" ".join(done.stdout.split()),
                         r"In the 3 worst settings \d+ % of the CPU time is in service.py:3 grinds")
        found = json.loads(self.run_culprit("export", "last", "--json").stdout)["result"]["profile"]
        self.assertEqual(found["trials"], 3)
        self.assertIn("grinds", self.run_culprit("show", "last").stdout)


if __name__ == "__main__":
    unittest.main()
