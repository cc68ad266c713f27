"""The frame of all commands: help, usage errors and exit codes, manual pages, completion, the store's
own errors as a person meets them."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

import harness


class Frame(harness.Case):
    def commands(self):
        return self.run_culprit("completion", "commands").stdout.split()

    def test_help_lists_every_command(self):
        text = self.run_culprit().stdout
        self.assertEqual(self.run_culprit("--help").stdout, text)
        for name in self.commands():
            self.assertRegex(text, rf"(?m)^  {name} +\w")
        self.assertTrue(all(len(line) <= 100 for line in text.splitlines()))

    def test_help_of_each_command(self):
        for name in self.commands():
            text = self.run_culprit(name, "-h").stdout
            self.assertIn(f"Usage: culprit {name}", text)
            self.assertEqual(self.run_culprit("help", name).stdout, text)
            table = text.split("\nExamples\n")[0]
            self.assertTrue(all(len(line) <= 100 for line in table.splitlines()), text)
            for option in self.run_culprit("completion", "options", name).stdout.split():
                self.assertIn(option, text)

    def test_manual_pages(self):
        for name in self.commands():
            page = self.run_culprit("help", "--man", name).stdout
            self.assertTrue(page.startswith(".TH CULPRIT\\-"))
            if shutil.which("man"):
                shown = subprocess.run(["man", "--warnings", "-l", "-"], input=page, text=True,
                                       capture_output=True, env={**os.environ, "MANWIDTH": "100"})
                self.assertEqual(shown.stderr, "")

    def test_completion_is_valid(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.run_culprit("completion", shell).stdout
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True)
                self.assertEqual(done.stderr, "", shell)
        done = subprocess.run(
            ["bash", "-c", "source /dev/stdin; COMP_WORDS=(culprit lo); COMP_CWORD=1; _culprit; "
             "echo ${COMPREPLY[@]}; COMP_WORDS=(culprit load --conn); COMP_CWORD=2; _culprit; "
             "echo ${COMPREPLY[@]}"],
            input=self.run_culprit("completion", "bash").stdout, text=True, capture_output=True)
        self.assertEqual(done.stdout.split(), ["load", "--connections"], done.stderr)

    def test_usage_errors(self):
        for args, text in [
            (["lod"], "no command 'lod', did you mean 'load'?"),
            (["zzzzz"], "no command 'zzzzz'; `culprit help` lists them"),
            (["--json"], "a command comes first"),
            (["load"], "a URL is missing"),
            (["find"], "needs STUDY.yaml"),
            (["show", "1", "extra"], "'extra' is one argument too many"),
            (["load", "http://x/", "--conections", "5"], "did you mean --connections?"),
            (["load", "http://x/", "-c", "many"], "-c: 'many' is not a whole number"),
            (["load", "http://x/", "-c", "0"], "-c: 0 is out of range"),
            (["load", "http://x/", "-d", "5 parsecs"], "is not a duration such as"),
            (["load", "http://x/", "-c"], "-c needs"),
            (["load", "http://x/", "--json", "--csv"], "--json and --csv exclude each other"),
            (["show", "x"], "'x' names no run: a number does, last, and last~1 for the one before it"),
            (["show", "0"], "RUN: 0 is out of range"),
            (["export", "last~x", "--json"], "last~: 'x' is not a whole number"),
            (["runs", "--remove", "last~1"], "the store has no runs yet"),
            (["show", "99"], "has no run 99; `culprit runs` lists"),
            (["show"], "the store has no runs yet"),
            (["export", "1"], "say which form"),
            (["help", "nothing"], "no command 'nothing'"),
            (["completion", "tcsh"], "no completion for 'tcsh'"),
        ]:
            done = self.run_culprit(*args, code=2)
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_names_of_runs(self):
        """All commands know a run by the same names, and a file of such a name with its folder."""
        for code in range(4):
            self.run_culprit("watch", "--no-live", "--", "sh", "-c", f"sleep .06; exit {code}", code=code)
        for name, run in (("last", 4), ("last~0", 4), ("last~1", 3), ("last~3", 1), ("2", 2)):
            self.assertIn(f"exit {run - 1}", self.run_culprit("show", name).stdout)
            whole = json.loads(self.run_culprit("export", name, "--json").stdout)
            self.assertEqual(whole["run"], run)
            done = self.run_culprit("correlate", name, "--target", "no such series", code=2)
            self.assertIn("no such series", done.stderr)
        for args in (["show"], ["export", "--json"], ["correlate", "-t", "x"], ["compare", "last~4"],
                     ["runs", "--remove"]):
            done = self.run_culprit(*args, "last~4", code=2)
            self.assertIn("there is no last~4: the store has 4 runs; `culprit runs` lists them", done.stderr)
        self.write("2", "time,a\n1,2\n2,3\n")
        done = self.run_culprit("correlate", "./2", "-t", "b", code=2)
        self.assertIn("'b'", done.stderr)
        done = self.run_culprit("runs", "--remove", "last", "--remove", "last~1")  # both as they are now
        self.assertEqual(done.stderr, "culprit: run 4 is removed\nculprit: run 3 is removed\n")
        self.assertEqual(self.run_culprit("runs", "--csv").stdout.count("recording"), 2)

    def test_runs_of_an_empty_store(self):
        done = self.run_culprit("runs")
        self.assertEqual(done.stdout, "")
        self.assertIn("has no runs yet", done.stderr)
        self.assertEqual(self.run_culprit("runs", "--json").stdout.split(), ["[]"])

    def test_store_in_another_place(self):
        self.run_culprit("runs", "--store", "a/b/c.db")
        self.assertTrue((self.folder / "a/b/c.db").exists())
        self.run_culprit("runs", CULPRIT_STORE="d.db")
        self.assertTrue((self.folder / "d.db").exists())

    def test_store_of_a_newer_culprit(self):
        self.run_culprit("runs", "--store", "s.db")
        with sqlite3.connect(self.folder / "s.db") as db:
            db.execute("PRAGMA user_version = 1000")
        done = self.run_culprit("runs", "--store", "s.db", code=1)
        self.assertIn("s.db: was written by a newer culprit (schema 1000", done.stderr)

    def test_what_is_no_store(self):
        self.write("x.db", "this is a letter, not a database\n" * 100)
        done = self.run_culprit("runs", "--store", "x.db", code=1)
        self.assertIn("x.db: is not a store of culprit", done.stderr)
        done = self.run_culprit("runs", "--store", "/proc/none/x.db", code=1)
        self.assertIn("/proc/none", done.stderr)

    def test_full_disk(self):
        """A result is printed even where it cannot be kept; what was kept before stays."""
        place = self.folder / "small"
        place.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", place],
                                 capture_output=True)
        if mounted.returncode:
            self.skipTest("needs the right to mount a small file system")
        try:
            shutil.copy(harness.ROOT / "tests/data/seed_mixed.csv", self.folder / "t.csv")
            rank = ["rank", "t.csv", "--response", "requests_per_second", "--store", place / "s.db"]
            kept = 0
            for _ in range(40):
                done = self.run_culprit(*rank)
                self.assertIn("fraction_io_bound", done.stdout)
                if "no room left on the disk" in done.stderr:
                    break
                kept += 1
            else:
                self.fail("the small disk did not fill")
            listed = self.run_culprit("runs", "--csv", "--store", place / "s.db").stdout
            self.assertEqual(len(listed.splitlines()), 1 + kept)
        finally:
            subprocess.run(["umount", place], check=True)

    def test_colour_only_on_a_terminal(self):
        self.assertNotIn("\x1b", self.run_culprit("help").stdout)

    def test_a_closed_pipe_is_no_error(self):
        done = subprocess.run(f"'{pathlib.Path(harness.CULPRIT).resolve()}' help | head -1",
                              shell=True, capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
