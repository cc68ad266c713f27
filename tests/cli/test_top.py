"""culprit top in tmux: keys are sent, screens are read, and the terminal must be as it was."""
import os
import random
import re
import shutil
import signal
import subprocess
import unittest

import harness

CULPRIT = os.path.abspath(harness.CULPRIT)
PYTHON = "/usr/bin/python3"
# Two threads that compute in the ratio of about 3:1, one that waits; ends by itself.
APP = """\
import threading, time

def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(500))

def checkout():
    spin(.03)

def search():
    spin(.01)

def serve():
    while time.monotonic() < END:
        checkout()
        search()

def waiter():
    time.sleep(300)

END = time.monotonic() + 300
threading.Thread(target=waiter, name="keeper-of-time", daemon=True).start()
serve()
"""
KEYS = ["1", "2", "3", "4", "Tab", "BTab", "Up", "Down", "Left", "Right", "PPage", "NPage", "Home", "End", "Enter",
        "Escape", "BSpace", "Space", "+", "-", "/", "<", ">", "?", "s", "c", "r", "p", "l", "t", "i", "R", "j", "k",
        "g", "G", "h", "x", "Z", "0", "@", "ü", "日", "C-u", "C-l", "F1", "F5", "DC", "IC"]
PROMPT = "READY>"


@unittest.skipUnless(shutil.which("tmux"), "tmux is not there")
class Top(harness.Case):
    def setUp(self):
        super().setUp()
        self.socket = f"culprit-{os.getpid()}-{random.randrange(10**9)}"
        self.addCleanup(subprocess.run, ["tmux", "-L", self.socket, "kill-server"], capture_output=True)
        self.app = self.write("app.py", APP)

    # ---- the terminal ----

    def tmux(self, *args, check=True):
        done = subprocess.run(["tmux", "-L", self.socket, "-f", "/dev/null", *map(str, args)], cwd=self.folder,
                              text=True, capture_output=True, timeout=20,
                              env=self.environment(LC_ALL="C.UTF-8", TERM="xterm-256color"))
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def terminal(self, columns=80, lines=24, **env):
        """A shell in a terminal of that size."""
        given = " ".join(f"{k}={v}" for k, v in {"LC_ALL": "C.UTF-8", **env}.items())
        shell = f"env {given} PS1='{PROMPT} ' CULPRIT_STORE={self.folder}/store.db sh"
        self.tmux("new-session", "-d", "-x", columns, "-y", lines, shell)
        self.tmux("set-option", "-g", "default-size", f"{columns}x{lines}")
        self.see(PROMPT)

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def see(self, *patterns, seconds=20, gone=False):
        """Waits until all of these are on the screen (or none of them)."""
        last = ""

        def there():
            nonlocal last
            last = self.screen()
            found = [re.search(p, last, re.M) for p in patterns]
            return not any(found) if gone else all(found)

        self.assertTrue(harness.wait_until(there, seconds), f"{'still' if gone else 'not'} there: {patterns}\n{last}")
        return last

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def command(self, line):
        self.type(line)
        self.keys("Enter")

    def prompt(self):
        """Waits until the shell does."""
        self.assertTrue(harness.wait_until(lambda: ("\n" + self.screen().rstrip()).endswith("\n" + PROMPT), 20),
                        self.screen())

    def state(self):
        """What stty says of the terminal, where the cursor is seen, which screen it is."""
        tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        with open(tty) as terminal:
            modes = subprocess.run(["stty", "-a"], stdin=terminal, capture_output=True, text=True).stdout
        flags = self.tmux("display-message", "-p", "#{cursor_flag} #{alternate_on} #{keypad_cursor_flag}")
        return re.sub(r"rows \d+; columns \d+;", "", modes), flags

    # ---- the program ----

    def start_app(self):
        process = self.start(PYTHON, self.app)
        return process

    def top(self, *options, pid=None, columns=80, lines=24, **env):
        """A live view of an app in a terminal; the app."""
        app = None if pid else self.start_app()
        self.terminal(columns, lines, **env)
        self.before = self.state()
        self.command(" ".join([CULPRIT, "top", "--pid", str(pid or app.pid), *map(str, options)]))
        self.see(r"culprit top +pid", r"^ *\d+\.\d .*(checkout|spin|serve)")
        return app

    def ended(self, crashed=False):
        """The view is gone, the prompt is there, and the terminal is as it was."""
        self.prompt()
        if not crashed:  # a sanitizer has its say behind the view
            self.assertNotIn("Sanitizer", self.screen())
        self.assertEqual(self.state(), self.before)


class Views(Top):
    def test_functions_lines_tree_threads(self):
        self.top()
        seen = self.see(r"SELF % +TOTAL % +SELF s +SAMPLES +FUNCTION +FILE", r"CPython 3\.", r"GIL held +\d+ %",
                        r"idle \d+ %", r"100 Hz for [\d.]+ % of a core", r"\d+ rejected, \d+ late",
                        r"1 process, 2 threads, \d running", r"CPU time +\d+ % +[▁-█]+", r"cpu, last \d s",
                        r"^ *\d+\.\d +\d+\.\d +\d+\.\d\d +\d+ +spin +app\.py:3")
        self.assertLessEqual(max(map(len, seen.splitlines())), 80)
        self.assertRegex(self.screen("-e"), r"\x1b\[(\d+;)*3[1-6]")  # in colours
        self.assertRegex(seen, r"(?s)q quit.*\Z")
        self.keys("2")
        self.see(r"SAMPLES +LINE +▴?.*FUNCTION", r"app\.py:[456] +spin")
        self.keys("3")
        self.see(r"TOTAL s +CALLS", r"▾ <module>", r"^.* +▾ serve", r" ▾ checkout +app\.py", r" ▾ search",
                 r" spin +app\.py:3")
        self.keys("4")
        self.see(r"CPU % +GIL % +TID STATE +THREAD", r"running +MainThread +(spin|\w+)",
                 r"waiting +(keeper…f-time|Thread-\d\S*).* +waiter")
        self.keys("Tab")
        self.see(r"SELF % .*FUNCTION")
        self.keys("BTab")
        self.see(r"THREAD")
        self.keys("q")
        self.ended()

    def test_sort_filter_clock_span_help(self):
        self.top()
        self.keys("s")
        self.see(r"▾TOTAL %")
        self.see(r"FILE\n +0\.\d +(100\.0|9\d\.\d) ")
        self.keys("<", "<")
        self.see(r"FILE ▴")
        self.keys(">")
        self.see(r"▾SELF %")
        self.type("/SEAR")
        self.see(r"^filter: SEAR +1 row", r"\bsearch\b")
        self.assertNotRegex(self.screen(), r"checkout")
        self.keys("BSpace", "BSpace", "BSpace", "BSpace")
        self.type("checkout")
        self.see(r"^filter: checkout", r"\d +checkout +app\.py")
        self.keys("Enter", "3")
        self.see(r"▾ serve", r"checkout")
        self.see(r"filter: checkout +\d rows; / changes it")
        self.assertNotRegex(self.screen(), r"\bsearch +app")
        self.type("/日本")
        self.see(r"filter: checkout日本", r"no row matches")
        self.keys("Escape")
        self.see(r"q quit", r"search +app")
        self.keys("1", "c")
        self.see(r"wall, last \d s", r"waiter")
        self.keys("c")
        self.see(r"gil, last \d s")
        self.keys("c", "r")
        self.see(r"cpu, all \d")
        self.keys("?")
        self.see(r"\bkeys\b", r"only rows with this text", r"any key closes")
        self.keys("q")
        self.see(r"any key closes", gone=True)
        self.keys("q")
        self.ended()

    def test_the_tree_opens_and_closes(self):
        self.top()
        self.keys("3")
        self.see(r"▾ serve", r"spin +app")
        self.keys("-")
        self.see(r"spin +app", gone=True)
        self.see(r"▸ <module>")
        self.keys("Enter")
        self.see(r"▾ <module>", r"▸ serve")
        self.keys("Down", "Right")
        self.see(r"▾ serve", r"▸ checkout", r"▸ search")
        self.keys("Left")
        self.see(r"▸ serve")
        self.keys("Left", "Left")
        self.see(r"▸ <module>")
        self.keys("+")
        self.see(r"▾ checkout", r"▾ search", r"spin +app")
        self.keys("l")
        self.see(r"cpu, last \d s, lines", r"spin +app\.py:[456]")
        self.keys("l", "i")
        self.see(r"callers", r"▾ spin")
        self.keys("i", "t")
        self.see(r"threads$", r"▾ MainThread")
        self.keys("q")
        self.ended()

    def test_the_picture_is_held(self):
        self.top()
        self.keys("p")
        self.see("PAUSED")
        held = [line for line in self.screen().splitlines()[6:] if re.search(r"\d\.\d\d +\d", line)]
        first = re.search(r"([\d,]+) samples", self.screen())[1]
        self.see(rf"(?!{first})\b[\d,]+ samples", seconds=10)
        self.see(rf"\b{first} samples", gone=True)
        now = [line for line in self.screen().splitlines()[6:] if re.search(r"\d\.\d\d +\d", line)]
        self.assertEqual(held, now)
        self.keys("2", "c")
        self.see(r"wall, last", r"waiter")
        self.keys("c", "c", "1", "Space")
        self.see("PAUSED", gone=True)
        self.assertTrue(harness.wait_until(lambda: held[0] not in self.screen(), 10))
        self.keys("q")
        self.ended()

    def test_the_profile_is_kept(self):
        self.top("--rate", 200)
        self.keys("f")
        self.see(r"kept as run 1; `culprit show 1`")
        self.keys("R")
        self.keys("f")
        self.see(r"kept as run 2;|nothing has been seen yet")
        self.keys("q")
        self.ended()
        self.see(r"kept as run 1")
        listed = self.run_culprit("runs", "--kind", "profile", CULPRIT_STORE=str(self.folder / "store.db"))
        self.assertRegex(listed.stdout, r"(?m)^ *1 .*profile")
        shown = self.run_culprit("show", "1", CULPRIT_STORE=str(self.folder / "store.db"))
        self.assertRegex(shown.stdout, r"checkout")
        self.assertRegex(shown.stdout, r"search")

    def test_what_cannot_be_kept_is_said(self):
        self.top("--store", "/proc/no/store.db")
        self.keys("f")
        self.see(r"^not kept: .*/proc/no")
        self.keys("q")
        self.ended()


class Sizes(Top):
    def test_every_size_is_drawn(self):
        self.top()
        for columns, lines in (120, 40), (60, 15), (40, 10), (40, 8):
            self.tmux("resize-window", "-x", columns, "-y", lines)
            for key in "1234":
                self.keys(key)
                view = ["functions", "lines", "tree", "threads"][int(key) - 1]
                self.see(rf"{key} {view}", r"q quit")
            seen = self.screen().splitlines()
            self.assertLessEqual(len(seen), lines)
            self.assertLessEqual(max(map(len, seen)), columns)
        self.tmux("resize-window", "-x", 39, "-y", 24)
        self.see("39x24 is too small", "needs 40x8; q quits")
        self.keys("3", "?", "x", "/", "x", "Escape")
        self.tmux("resize-window", "-x", 80, "-y", 24)
        self.see(r"3 tree", r"CALLS", "q quit")
        self.tmux("resize-window", "-x", 120, "-y", 40)
        self.keys("1")
        self.see(r"CPython 3\.\S+ +\d+:\d\d$", r"R reset")
        self.tmux("resize-window", "-x", 80, "-y", 24)
        self.keys("q")
        self.ended()

    def test_ascii_without_colours(self):
        self.top(NO_COLOR="1", LC_ALL="C")
        self.keys("3")
        seen = self.see(r"- <module>", r"- serve", r"vTOTAL %")
        self.assertTrue(seen.isascii(), seen)
        self.assertNotRegex(self.screen("-e"), r"\x1b\[(\d+;)*[349][0-7]")
        self.keys("q")
        self.ended()


class Ends(Top):
    def test_signals(self):
        app = self.top()
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGSEGV:
            if number == signal.SIGINT:
                self.keys("C-c")
            else:
                self.command(f"clear; {CULPRIT} top --pid {app.pid}")
                self.see(r"culprit top +pid", r"^ *\d+\.\d .*(checkout|spin|serve)")
                found = harness.processes_with(f"top --pid {app.pid}")
                self.assertEqual(len(found), 1)
                os.kill(found[0], number)
            self.ended(crashed=number == signal.SIGSEGV)

    def test_the_terminal_goes_away(self):
        app = self.top()
        self.tmux("kill-server")
        self.assertTrue(harness.wait_until(lambda: not harness.processes_with(f"top --pid {app.pid}"), 10))
        self.assertIsNone(app.poll())

    def test_the_target_is_killed(self):
        app = self.top()
        self.keys("3")
        self.see("CALLS")
        app.kill()
        app.wait()
        self.see(r"it has ended \(exit status unknown\): q quits, f keeps", r"▾ serve")
        self.keys("4")
        self.see("MainThread")
        self.keys("f")
        self.see(r"kept as run 1;")
        self.keys("q")
        self.ended()

    def test_a_command(self):
        self.terminal()
        self.before = self.state()
        code = "import time\ndef work():\n while time.time() < end: sum(range(99))\n" \
               "end = time.time() + 1.5\nprint(input.__name__); work(); raise SystemExit(7)"
        self.write("short.py", code)
        self.command(f"{CULPRIT} top -o out.txt -- {PYTHON} short.py")
        self.see(r"culprit top +/usr/bin/python3 short.py", r"\bwork\b", r"it has ended with exit code 7")
        self.keys("q")
        self.prompt()
        self.command("echo is $?")
        self.see(r"^is 7")
        self.assertEqual((self.folder / "out.txt").read_text(), "input\n")
        self.assertEqual(self.state(), self.before)

    def test_a_command_is_ended_with_the_view(self):
        self.terminal()
        self.before = self.state()
        self.command(f"{CULPRIT} top -- {PYTHON} {self.app}")
        self.see(r"\bspin\b")
        self.keys("q")
        self.ended()
        self.assertEqual(harness.processes_with(f"{PYTHON} {self.app}"), [])

    def test_the_duration(self):
        app = self.start_app()
        self.terminal()
        self.before = self.state()
        self.command(f"{CULPRIT} top -d 1s --pid {app.pid}")
        self.see(r"\bspin\b")
        self.ended()

    def test_no_terminal(self):
        for term in "xterm", "dumb":
            done = self.run_culprit("top", "--pid", os.getpid(), code=2, TERM=term)
            self.assertIn("needs a terminal", done.stderr)
        self.terminal(columns=120)
        for term, text in ("dumb", "cannot move its cursor"), ("no-such-terminal", "not known here"):
            self.command(f"clear; TERM={term} {CULPRIT} top --pid $$; echo is $?")
            self.see(text, r"^is 2")

    def test_wrong_calls(self):
        self.assertIn("say what to look at", self.run_culprit("top", code=2).stderr)
        self.assertIn("only one", self.run_culprit("top", "--pid", 1, "--", "true", code=2).stderr)
        self.assertIn("--output", self.run_culprit("top", "--pid", 1, "-o", "x", code=2).stderr)
        self.terminal(columns=160)
        before = self.state()
        self.command(f"clear; {CULPRIT} top --pid 4194303; echo is $?")
        self.see(r"culprit top: .*4194303", r"^is 2")
        self.command(f"clear; {CULPRIT} top -- ./no-such-program; echo is $?")
        self.see(r"no-such-program", r"^is 127")
        self.assertEqual(self.state(), before)

    def test_any_keys(self):
        """2,000 keys at random: it lives, and is what it was."""
        self.top()
        rng = random.Random(5)
        for _ in range(20):
            self.keys(*rng.choices(KEYS, k=100))
        self.keys("Escape", "Escape")
        self.keys("1")
        self.see(r"culprit top +pid")
        self.keys("x", "Escape", "3")
        self.see(r"3 tree", r"CALLS")
        self.keys("q")
        self.ended()


del Top

if __name__ == "__main__":
    unittest.main()
