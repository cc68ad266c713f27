"""Asking a server for series as culprit does, through tests/unit/series_print."""
import json
import pathlib
import subprocess

import harness

PRINT = pathlib.Path(harness.CULPRIT).parent / "tests/unit/series_print"


class Case(harness.Case):
    def ask(self, url, start, end, step, *matches, target="", timeout=20, max_bytes=0, code=0, token=None):
        """What series_print gives: an object, or the sentence of its error."""
        env = self.environment(**({"TOKEN": token} if token else {}))
        done = subprocess.run([PRINT.resolve(), url, *(format(x, ".3f") for x in (start, end)), str(step), target,
                               str(timeout), str(max_bytes), *matches], capture_output=True, text=True,
                              timeout=60, env=env)
        self.assertEqual(done.returncode, code, done.stdout[:2000] + done.stderr)
        return done.stdout.strip() if code else json.loads(done.stdout)
