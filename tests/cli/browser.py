"""Pages as a browser makes them, where there is one: chromium without a window, which ends by itself."""
import shutil
import subprocess
import unittest

import harness

CHROMIUM = shutil.which("chromium")


@unittest.skipUnless(CHROMIUM, "no chromium")
class Case(harness.Case):
    def look(self, page, state):
        """The document after its scripts, with `state` behind the # of its address; they complain of nothing."""
        errors = self.folder / "errors"
        with open(errors, "w") as log:
            browser = self.start(
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--enable-logging=stderr", f"--user-data-dir={self.folder}/chromium",
                "--virtual-time-budget=2000", "--dump-dom", f"file://{self.folder}/{page}#{state}",
                stdout=subprocess.PIPE, stderr=log)
            document, _ = browser.communicate(timeout=60)
        self.assertEqual([line for line in errors.read_text().splitlines() if "CONSOLE" in line], [])
        self.assertTrue("</html>" in document, "the browser did not end by itself")
        return document
