"""culprit watch, the whole program: commands, pids, cgroups, forms of the result, ends. What was used is told
by somebody else: wait4() of a wrapper, the process itself."""
import contextlib
import csv
import io
import json
import os
import pathlib
import signal
import shutil
import subprocess
import sys
import time
import unittest

import harness

# Uses so much CPU time, then ends; says how much the kernel counted.
BURN = ("import time,resource\nend=%s\nwhile time.process_time()<end: pass\n"
        "u=resource.getrusage(resource.RUSAGE_SELF)\nprint(u.ru_utime+u.ru_stime)\n")


class Watch(harness.Case):
    def watch(self, *args, **kwargs):
        return json.loads(self.run_culprit("watch", "--json", *args, **kwargs).stdout)

    def total(self, seen, name):
        return seen["series"][name]["summary"]["total"]

    # ---- a command ----

    def test_its_output_goes_through_and_its_exit_code(self):
        done = self.run_culprit("watch", "--", "sh", "-c", "cat; echo bad >&2; exit 3", code=3, input="good\n")
        self.assertTrue(done.stdout.startswith("good\n"), done.stdout)
        self.assertIn("bad\n", done.stderr)
        self.assertIn("ended with exit code 3", done.stdout)
        done = self.run_culprit("watch", "sh", "-c", "kill -9 $$", code=137)
        self.assertIn("ended by signal 9", done.stdout)
        self.assertIn("cannot run no-such-command", self.run_culprit("watch", "no-such-command", code=127).stderr)
        self.write("not-a-program", "")
        self.run_culprit("watch", "./not-a-program", code=126)

    def test_json_and_csv_have_stdout_for_themselves(self):
        done = self.run_culprit("watch", "--json", "sh", "-c", "echo from it; exit 4", code=4)
        self.assertEqual(json.loads(done.stdout)["exit_code"], 4)
        self.assertIn("from it\n", done.stderr)
        done = self.run_culprit("watch", "--csv", "sh", "-c", "echo from it; sleep 0.1")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertGreaterEqual(len(rows), 3)
        self.assertEqual(float(rows[0]["cpu_s"]), 0)
        self.assertIn("from it\n", done.stderr)

    def test_the_total_is_what_wait4_tells(self):
        # culprit's own children are its subreaper's: what the shell leaves behind counts as well
        program = "import subprocess,sys\n" + BURN % .2 + (
            "for _ in range(20): subprocess.run(['true'])\n"
            "subprocess.Popen([sys.executable,'-c',%r],start_new_session=True)\n" % (BURN % .1))
        seen = self.watch("-o", "out", "--", sys.executable, "-c", program)
        told = sum(map(float, (self.folder / "out").read_text().split()))
        self.assertGreaterEqual(self.total(seen, "cpu"), told)
        self.assertGreaterEqual(told, .3)
        self.assertTrue(seen["ended"])
        # exactly: of one process that does nothing but burn, whose end costs next to nothing
        seen = self.watch("-o", "out", "--", sys.executable, "-c", BURN % .5 + "import os\n"
                          "import sys\nsys.stdout.flush()\nos._exit(0)\n")
        told = float((self.folder / "out").read_text())
        self.assertAlmostEqual(self.total(seen, "cpu"), told, delta=.01 * told)

    def test_a_thousandth_of_a_second_each(self):
        loop = "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"
        # os.times() of a shell that has waited for the loop: its children's user and system time
        program = ("import os,subprocess\np=subprocess.Popen(['sh','-c',%r])\nu=os.wait4(p.pid,0)[2]\n"
                   "print(u.ru_utime+u.ru_stime, time.process_time(), flush=True)\nos._exit(0)\n" % loop)
        seen = self.watch("-o", "out", "--", sys.executable, "-c", "import time\n" + program)
        whole, own = map(float, (self.folder / "out").read_text().split())
        self.assertGreater(whole, 0)
        total = self.total(seen, "cpu")
        # none of 300 is lost; what the wrapper's own end costs comes on top
        self.assertGreaterEqual(total, whole + own - 1e-4)
        self.assertLessEqual(total, whole + own + .02)

    def test_a_daemon_is_waited_for_and_ended(self):
        mark = f"culprit-test-{os.getpid()}-daemon"
        daemon = f"(setsid sh -c 'trap \"\" TERM; : {mark}; while :; do sleep 0.1; done' &) ; exit 0"
        seen = self.watch("-d", "500ms", "sh", "-c", daemon)
        self.assertGreaterEqual(seen["seconds"], .5)
        self.assertFalse(seen["ended"])
        self.assertEqual(harness.processes_with(mark), [])

    def test_ctrl_c_ends_it_and_keeps(self):
        mark = f"culprit-test-{os.getpid()}-deaf"
        process = self.start_culprit("watch", "-o", "out", "--", "sh", "-c",
                                     f"trap '' INT; echo here; : {mark}; while :; do sleep 0.1; done")
        self.assertTrue(harness.wait_until(lambda: (self.folder / "out").exists()
                                           and (self.folder / "out").read_text()))
        time.sleep(.3)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=20), 0)
        self.assertEqual(harness.processes_with(mark), [])
        kept = json.loads(self.run_culprit("export", "last", "--json").stdout)
        self.assertEqual(kept["kind"], "recording")
        self.assertGreater(kept["result"]["samples"], 5)
        self.assertIsNone(kept["result"]["exit_code"])

    # ---- a pid ----

    def test_a_pid_until_it_ends(self):
        process = self.start("sh", "-c", "sleep 0.5")
        seen = self.watch("--pid", process.pid)
        process.wait()
        self.assertTrue(seen["ended"])
        self.assertIn(f"pid {process.pid} (", seen["what"])
        self.assertLess(seen["seconds"], 10)

    def test_a_killed_one_in_the_middle(self):
        process = self.start("sleep", "60")
        watcher = self.start_culprit("watch", "--json", "--pid", process.pid, stdout=subprocess.PIPE)
        time.sleep(.3)
        process.kill()
        process.wait()
        self.assertTrue(json.loads(watcher.communicate(timeout=10)[0])["ended"])

    def test_the_tree_below_it(self):
        process = self.start(sys.executable, "-c",
                             "import os,time\nfor _ in range(4):\n if os.fork()==0: break\ntime.sleep(60)")
        self.assertTrue(harness.wait_until(lambda: self.watch(
            "--pid", process.pid, "-d", "50ms")["series"]["processes"]["values"][-1] == 5))
        seen = self.watch("--pid", process.pid, "-d", "300ms")
        self.assertEqual(seen["series"]["processes"]["summary"]["max"], 5)
        self.assertFalse(seen["ended"])
        self.assertEqual(seen["denied"], [])
        times = seen["time_us"]
        self.assertEqual(sorted(set(times)), times)
        # rows and missed ticks are the time; one row at 0, one at the end that is off the grid
        self.assertAlmostEqual(seen["samples"] + seen["missed"], times[-1] // 10000 + 2, delta=1)

    def test_disk(self):
        program = ("import os,sys\nf=open('big','wb')\nsys.stdin.readline()\nf.write(b'x'*(8<<20))\nf.flush()\n"
                   "os.fsync(f.fileno())\nprint(open('/proc/self/io').read())\n")
        done = self.watch("-o", "out", "--", "sh", "-c", f"echo | {sys.executable} -c \"{program}\"")
        io_told = dict(line.split(": ") for line in (self.folder / "out").read_text().split("\n") if line)
        told = int(io_told["write_bytes"])
        if told == 0:
            self.skipTest("the folder is not on a disk")
        self.assertGreaterEqual(self.total(done, "disk_written"), told)
        self.assertLess(self.total(done, "disk_written"), told + (2 << 20))

    def test_another_users_process(self):
        if os.getuid():
            self.skipTest("only root can become another user")
        process = self.start("sleep", "60")
        # nobody looks at a process of root's
        # the program may lie in a folder of root's
        self.folder.chmod(0o755)
        program = shutil.copy(harness.CULPRIT, self.folder / "culprit")
        done = subprocess.run(
            [program, "watch", "--pid", str(process.pid), "-d", "400ms", "--store", "/tmp/nobody.db",
             "--no-live"], cwd="/", capture_output=True, text=True, timeout=60, user=65534, group=65534,
            extra_groups=[], env=self.environment(CULPRIT_STORE="/nonexistent/db"))
        with contextlib.suppress(OSError):
            for path in pathlib.Path("/tmp").glob("nobody.db*"):
                path.unlink()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("belong to another user: files, disk_read, disk_written", done.stdout)
        self.assertIn("of a core", done.stdout)

    def test_pss_only_on_request(self):
        process = self.start("sleep", "60")
        self.assertNotIn("pss", self.watch("--pid", process.pid, "-d", "100ms")["series"])
        seen = self.watch("--pid", process.pid, "-d", "100ms", "--pss")["series"]
        self.assertGreater(seen["pss"]["summary"]["max"], 0)
        self.assertLessEqual(seen["pss"]["summary"]["max"], seen["rss"]["summary"]["max"] + (1 << 20))

    # ---- a cgroup ----

    def test_a_cgroup(self):
        name = f"culprit-test-{os.getpid()}"
        for root in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup"):
            group = pathlib.Path(root, name)
            count = "cpuacct.usage" if "cpuacct" in root else "cpu.stat"
            with contextlib.suppress(OSError):
                group.mkdir()
                if (group / count).exists():
                    break
                group.rmdir()
        else:
            self.skipTest("cgroups cannot be made here")
        process = self.start(sys.executable, "-c", "import time\ninput()\n" + BURN % .3,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            (group / "cgroup.procs").write_text(str(process.pid))
            watcher = self.start_culprit("watch", "--json", "--cgroup", name, stdout=subprocess.PIPE)
            time.sleep(.3)
            before = time.process_time()
            told = float(process.communicate("\n", timeout=20)[0].split()[-1])
            seen = json.loads(watcher.communicate(timeout=20)[0])
            self.assertGreaterEqual(before, 0)
            self.assertTrue(seen["ended"])
            # the start of Python was before it was put there
            self.assertGreaterEqual(self.total(seen, "cpu"), .2)
            self.assertLessEqual(self.total(seen, "cpu"), told + .05)
            self.assertEqual(seen["series"]["processes"]["summary"]["max"], 1)
        finally:
            process.kill()
            process.wait()
            harness.wait_until(lambda: not (group / "cgroup.procs").read_text())
            group.rmdir()

    # ---- what is kept, what is refused ----

    def test_show_and_export(self):
        first = self.run_culprit("watch", "--", "sleep", "0.2").stdout
        self.assertIn(first, self.run_culprit("show", "last").stdout)
        rows = list(csv.DictReader(io.StringIO(self.run_culprit("export", "last", "--csv").stdout)))
        kept = json.loads(self.run_culprit("export", "last", "--json").stdout)["result"]
        self.assertEqual(len(rows), kept["samples"])
        page = self.run_culprit("export", "last", "--html").stdout
        self.assertIn("</html>", page)
        self.assertIn("sleep 0.2", page)
        self.run_culprit("watch", "--html", "r.html", "--", "sleep", "0.1")
        self.assertIn("</html>", (self.folder / "r.html").read_text())

    def test_what_was_over_before_a_look(self):
        said = self.run_culprit("watch", "--interval", "20s", "--", "true").stdout
        self.assertIn("It was over before it was looked at", said)
        self.assertNotIn("0 B, at most 0 B", said)
        self.assertNotIn("0 processes", said)

    def test_wrong_command_lines(self):
        for args, text in (((), "say what to record"), (("--pid", "1", "true"), "only one"),
                           (("--pid", "4194304"), "no process 4194304"),
                           (("--cgroup", "no/such"), "no cgroup 'no/such'"), (("--pid", "0"), "--pid"),
                           (("--interval", "10us", "true"), "--interval"), (("-o", "f", "--pid", "1"), "--output")):
            self.assertIn(text, self.run_culprit("watch", *args, code=2).stderr)


if __name__ == "__main__":
    unittest.main()
