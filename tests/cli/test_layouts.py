"""The numbers of src/pyremote/layout_3_*.c against the headers of the Pythons that are here (those of pyenv, or
Debian's python3-dev): each is offsetof() of the real structure. Pythons without internal headers are left out."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")


def headers():
    """Folders with a Python.h and the internal headers, one a minor version."""
    places = [pathlib.Path("/usr/include")]
    pyenv = pathlib.Path.home() / ".pyenv/versions"
    if pyenv.is_dir():
        places += [version / "include" for version in sorted(pyenv.iterdir())]
    found = {}
    for place in places:
        for folder in place.glob("python3.*"):
            minor = re.fullmatch(r"python3\.(\d+)", folder.name)
            if (minor and (folder / "Python.h").exists() and (folder / "internal").is_dir()
                    and (ROOT / f"src/pyremote/layout_3_{minor[1]}.c").exists()):
                found[int(minor[1])] = folder
    return found


@unittest.skipUnless(COMPILER and headers(), "no Python with internal headers (apt install python3-dev)")
class Layouts(unittest.TestCase):
    def test_numbers_are_those_of_the_headers(self):
        for minor, folder in sorted(headers().items()):
            with self.subTest(minor=minor), tempfile.TemporaryDirectory() as work:
                program = pathlib.Path(work) / "check"
                subprocess.run(
                    [COMPILER, "-w", "-o", program, f"-I{folder}", f"-I{folder}/internal", f"-I{ROOT}/src",
                     f'-DLAYOUT="{ROOT}/src/pyremote/layout_3_{minor}.c"', ROOT / "tests/data/layout_check.c"],
                    check=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
                done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 0, done.stdout)
                checked = int(re.search(r"(\d+) checked", done.stdout)[1])
                self.assertGreater(checked, 50)


if __name__ == "__main__":
    unittest.main()
