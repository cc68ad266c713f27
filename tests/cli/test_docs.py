"""The documentation: a page for each command that names each of its options, and every example in it
run. An example is a line `$ culprit …` in a ```console block of docs/*.md or README.md; the lines below
it are what it may print, and are not compared. They run in one folder, page by page, with a lab where
the pages say 127.0.0.1:5001, durations cut to a second, and the files trials.csv, study.yaml and
metrics.csv (examples/django-correlation) there."""
import os
import re
import shutil
import subprocess
import sys

import harness

# Other programs, whose options a page may name.
OTHERS = r"\b(wrk2?|hey|oha|h2load|vegeta|k6|locust|culprit (?!%s)\w+|apt-get|man|jq|dev)\b"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.S | re.M)
STUDY = """\
service:
  command: "{culprit} lab mixed --bind 127.0.0.1:{port} -w 2"
  ready: http://127.0.0.1:{port}/health
load:
  url: http://127.0.0.1:{port}/?min_response_time=0.001&mean_response_time=0.002&std_response_time=0.1
  connections: 10
  duration: 150ms
  warmup: 50ms
response: requests_per_second
factors:
  fraction_io_bound:  {{range: [0.05, 0.9], lever: query}}
  json_object_length: {{range: [50, 1000],  lever: query}}
design: {{sampler: sobol, trials: 12, seed: 1}}
"""


def pages():
    return [harness.ROOT / "README.md", *sorted((harness.ROOT / "docs").glob("*.md"))]


def commands():
    listed = subprocess.run([harness.CULPRIT, "completion", "commands"], capture_output=True, text=True)
    return listed.stdout.split()


class Docs(harness.Case):
    def test_every_command_has_its_page(self):
        for name in commands():
            page = harness.ROOT / "docs" / f"{name}.md"
            self.assertTrue(page.exists(), f"docs/{name}.md is missing")
            text = page.read_text()
            words = subprocess.run([harness.CULPRIT, "completion", "options", name],
                                   capture_output=True, text=True).stdout.split()
            for word in words:
                if word not in ("--help", "--store"):
                    self.assertIn(word, text, f"docs/{name}.md does not name {word}")
            for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
                known = word in words or word.replace("--no-", "--") in words
                others = any(word in line for line in text.splitlines() if "culprit " + name not in line
                             and re.search(OTHERS % name, line))
                self.assertTrue(known or others, f"docs/{name}.md names {word}, which is not there")

    def test_every_example_runs(self):
        folder = self.folder / "bin"
        folder.mkdir()
        os.symlink(os.path.abspath(harness.CULPRIT), folder / "culprit")
        lab = self.start_lab()
        shutil.copy(harness.ROOT / "tests/data/seed_mixed.csv", self.folder / "trials.csv")
        port = harness.free_port()
        self.write("study.yaml", STUDY.format(culprit=os.path.abspath(harness.CULPRIT), port=port))
        shutil.copytree(harness.ROOT / "examples", self.folder / "examples")
        with open(self.folder / "metrics.csv", "w") as metrics:
            subprocess.run([sys.executable, "examples/django-correlation/make_metrics.py"],
                           cwd=self.folder, stdout=metrics, check=True)
        ran = 0
        for page in pages():
            for block in BLOCK.findall(page.read_text()):
                for line in re.findall(r"^\$ (culprit .*)$", block, re.M):
                    command = line.replace("http://127.0.0.1:5001", lab)
                    command = re.sub(r"(-d|--duration)[ =]\S+", r"\1 1s", command)
                    done = subprocess.run(
                        ["sh", "-c", command], cwd=self.folder, capture_output=True, text=True,
                        timeout=120, env=self.environment(PATH=f"{folder}:{os.environ['PATH']}"))
                    self.assertEqual(done.returncode, 0,
                                     f"{page.name}: {line}\n{done.stdout}\n{done.stderr}")
                    ran += 1
        self.assertGreater(ran, 10)
