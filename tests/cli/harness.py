"""What the whole-program tests share: running culprit in a folder of its own, free ports, waiting,
and looking for processes that were left behind. Standard library only."""
import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

CULPRIT = os.environ.get("CULPRIT", "build/culprit")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds=10, step=0.02):
    """True as soon as condition() is, False when it was not within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return False


def listens(port):
    """Whether anybody takes a connection on this port of this machine."""
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def get(url, timeout=5):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def processes_with(text):
    """Pids of living processes whose command line contains the text; zombies do not count."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if text in command and state not in "ZX":
                found.append(int(entry.name))
    return found


def on_second_thought(test):
    """For tests of what a real service's figures say: a machine that is busy with other things may hide it once."""
    @functools.wraps(test)
    def twice(self):
        try:
            test(self)
        except AssertionError:
            self.doCleanups()
            self.setUp()
            test(self)
    return twice


class Case(unittest.TestCase):
    """A test with a folder of its own as current folder, and a store in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="culprit-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.started = []
        self.addCleanup(self.stop_all)

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if k not in ("CULPRIT_STORE", "NO_COLOR")}
        env["CULPRIT"] = CULPRIT
        env.update(more)
        return env

    def run_culprit(self, *args, code=0, timeout=120, input=None, **env):
        """Runs culprit to its end; the exit code must be `code` (None: any)."""
        done = subprocess.run([CULPRIT, *map(str, args)], cwd=self.folder, text=True, input=input,
                              capture_output=True, timeout=timeout, env=self.environment(**env))
        if code is not None:
            self.assertEqual(done.returncode, code,
                             f"culprit {' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *command, **kwargs):
        """Starts a program in the background; it is killed, with its group, when the test ends."""
        kwargs.setdefault("stdout", subprocess.DEVNULL)
        kwargs.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen([str(c) for c in command], cwd=self.folder, text=True,
                                   env=self.environment(), start_new_session=True, **kwargs)
        self.started.append(process)
        return process

    def start_culprit(self, *args, **kwargs):
        return self.start(CULPRIT, *args, **kwargs)

    def stop_all(self):
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def start_lab(self, *options, workers=2):
        """A lab `mixed` that answers; its base URL."""
        port = free_port()
        self.start_culprit("lab", "mixed", "--bind", f"127.0.0.1:{port}", "-w", workers, *options)
        url = f"http://127.0.0.1:{port}"

        def answers():
            with contextlib.suppress(OSError):
                return get(url + "/health", timeout=1)

        self.assertTrue(wait_until(answers), "the lab does not answer")
        return url

    def counters(self, url):
        return json.loads(get(url + "/counters"))

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path
