"""culprit lab as a person meets it: the list, the ready line, bad names and ports, Ctrl-C."""
import json
import re
import signal
import subprocess

import harness


class Lab(harness.Case):
    def test_without_a_name_it_lists(self):
        self.assertRegex(self.run_culprit("lab").stdout, r"(?m)^mixed +\S")

    def test_bad_names_and_ports(self):
        self.assertIn("did you mean 'mixed'", self.run_culprit("lab", "mixde", code=2).stderr)
        url = self.start_lab()
        done = self.run_culprit("lab", "mixed", "--bind", url.removeprefix("http://"), code=1)
        self.assertIn(url.removeprefix("http://"), done.stderr)
        self.assertIn("choose another", done.stderr)
        self.assertIn("127.0.0.1:5001", self.run_culprit("lab", "mixed", "-b", "x", code=2).stderr)

    def test_it_says_where_it_is_and_the_example_works(self):
        lab = self.start_culprit("lab", "mixed", "-b", "127.0.0.1:0", "-w", 1, "--seed", 7,
                                 stderr=subprocess.PIPE)
        lines = [lab.stderr.readline() for _ in range(3)]
        example = re.search(r"try (http://\S+)", lines[1])[1]
        base = re.search(r"lab mixed at (http://[\d.:]+), 1 worker, ", lines[0])[1]
        self.assertTrue(example.startswith(base + "/?"), lines)
        self.assertEqual(harness.get(example), "ok")
        counters = json.loads(harness.get(re.search(r"counters at (\S+)", lines[2])[1]))
        self.assertEqual(counters["routes"]["/"]["status"], {"200": 1})
        self.assertEqual(counters["seed"], 7)
        lab.send_signal(signal.SIGINT)
        self.assertEqual(lab.wait(timeout=20), 0)
