"""culprit compare, the whole program: runs and files, what cannot be compared; and the pages of profiles in
a real browser, where there is one: drawn, searched, zoomed, without an error on its console."""
import json
import re
import unittest

import browser
import harness

BEFORE = "main;parse 300\nmain;<script>alert(1)</script> 100\nmain;render;escape 600\n"
AFTER = "main;parse 300\nmain;<script>alert(1)</script> 100\nmain;render;escape 200\nmain;cache 400\n"
# Two functions whose times are in the ratio that the number says.
PROGRAM = """\
import sys, time
def heavy(n):
    x = 0
    for i in range(n):
        x += i
def light(n):
    x = 0
    for i in range(n):
        x += i
end = time.process_time() + .5
while end > time.process_time():
    heavy(int(sys.argv[1]))
    light(2000)
"""


class Compare(harness.Case):
    def setUp(self):
        super().setUp()
        self.write("before.txt", BEFORE)
        self.write("after.txt", AFTER)

    def profile(self, n):
        self.write("app.py", PROGRAM)
        self.run_culprit("profile", "--", "/usr/bin/python3", "app.py", n)

    def test_files_of_collapsed_stacks(self):
        done = self.run_culprit("compare", "before.txt", "after.txt")
        self.assertIn("clock   samples", done.stdout)
        self.assertRegex(done.stdout, r"60 % +20 % +−40\.0 .*escape")
        self.assertRegex(done.stdout, r"0\.0 % +40 % +\+40\.0 .*cache")
        self.assertIn("What is noise cannot be told", done.stdout)
        self.assertTrue(all(100 >= len(line) for line in done.stdout.splitlines()))
        seen = json.loads(self.run_culprit("compare", "before.txt", "after.txt", "--json").stdout)
        rows = {row["name"]: row for row in seen["functions"]}
        self.assertAlmostEqual(rows["escape"]["before"]["self"], .6)
        self.assertAlmostEqual(rows["escape"]["after"]["self"], .2)
        self.assertEqual((seen["before"], seen["after"], seen["clock"]), ("before.txt", "after.txt", "samples"))
        self.assertFalse(seen["timed"])
        done = self.run_culprit("compare", "-", "after.txt", "--rows", 1, input=BEFORE)
        self.assertEqual(done.stdout.split("own time\n")[1].split("\n\n")[0].count("\n"), 0)

    def test_two_runs(self):
        self.profile(2000)
        self.profile(8000)
        for pair in (("last~1", "last"), ("1", "2")):
            seen = json.loads(self.run_culprit("compare", *pair, "--json").stdout)
            rows = {row["name"]: row for row in seen["functions"]}
            # half of the time, then four fifths: 250 samples and more on each side, so 0.1 is 3 sigma
            self.assertEqual(seen["clock"], "cpu")
            self.assertGreater(rows["heavy"]["after"]["self"] - rows["heavy"]["before"]["self"], .1)
        done = self.run_culprit("compare", "1", "2", "--all", "--html", "diff.html")
        self.assertIn("run 1: /usr/bin/python3 app.py 2000", done.stdout)
        self.assertIn("heavy", done.stdout)
        self.assertIn("id=\"flame-data\"", (self.folder / "diff.html").read_text())

    def test_what_cannot_be_compared(self):
        self.run_culprit("watch", "true")
        self.write("broken.txt", "main;f 12\nmain;g twelve\n")
        for args, text in [
            (("before.txt",), "needs BEFORE AFTER"),
            (("last", "before.txt"), "run 1 is a recording without a profile"),
            (("before.txt", "last~3"), "there is no last~3: the store has 1 run;"),
            (("before.txt", "last~x"), "last~: 'x' is not a whole number"),
            (("7", "before.txt"), "has no run 7"),
            (("before.txt", "nothing"), "'nothing' is neither a run"),
        ]:
            done = self.run_culprit("compare", *args, code=2)
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stdout, "")
        done = self.run_culprit("compare", "before.txt", "broken.txt", code=1)
        self.assertIn("line 2", done.stderr)


class Browser(browser.Case):
    def test_a_difference(self):
        before = self.write("before.txt", BEFORE)
        after = self.write("after.txt", AFTER)
        self.run_culprit("compare", before, after, "--html", "diff.html")
        document = self.look("diff.html", "clock=before&search=esc.pe|alert")
        for text in ("70&nbsp;% in or below 2 functions", "&lt;script&gt;alert(1)&lt;/script&gt;"):
            self.assertTrue(text in document, text)
        self.assertEqual(document.count("<script"), 3)

    def test_a_profile(self):
        self.write("app.py", PROGRAM)
        self.run_culprit("profile", "--html", "p.html", "--", "/usr/bin/python3", "app.py", 8000)
        for state in ("search=heavy&clock=wall&invert=1", "order=time&table=lines"):
            document = self.look("p.html", state)
            drawn = re.search(r'class="flame-scroll" style="height: (\d+)px', document)
            self.assertGreater(int(drawn[1]), 30)
            for text in ("heavy</button>", '<td class="code">        x += i</td>'):  # a row, the source
                self.assertTrue(text in document, text)


if __name__ == "__main__":
    unittest.main()
