"""The house: which module may include which. Includes only go down (docs/architecture.md)."""
import pathlib
import re
import unittest

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"

# A module, and those that it may include besides itself.
MAY = {
    "base": set(),
    "stats": {"base"},
    "learn": {"base", "stats"},
    "correlate": {"base", "stats", "learn"},
    "design": {"base", "stats"},
    "net": {"base"},
    "load": {"base", "stats", "net"},
    "lab": {"base", "stats", "net"},
    "proc": {"base", "stats", "net"},
    "profile": {"base", "stats"},
    "native": {"base", "proc"},
    "pyremote": {"base", "native"},
    "sampler": {"base", "proc", "native", "pyremote", "profile"},
    "store": {"base"},
    "study": {"base", "stats", "learn", "design", "net", "load", "proc", "profile", "sampler",
              "store"},
    "report": {"base", "stats", "learn", "correlate", "load", "profile"},
    "tui": {"base", "profile"},
    "cli": {"base", "stats", "learn", "correlate", "design", "net", "load", "lab", "proc", "profile", "native",
            "pyremote", "sampler", "store", "study", "report", "tui"},
}
# Made by the build from other files of that folder.
GENERATED = {"assets.h", "flame_assets.h", "html_correlate_assets.h", "profile/pprof.pb-c.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
PRINTS = re.compile(r"\b(printf|puts|putchar|exit|getenv|perror)\s*\(")
STDERR = re.compile(r"\b(stdout|stderr)\b")


def code_of(path):
    """The file without comments and string literals."""
    text = path.read_text()
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', "", text, flags=re.S)


class Layers(unittest.TestCase):
    def test_every_module_is_known(self):
        folders = {p.name for p in SRC.iterdir() if p.is_dir()}
        self.assertEqual(folders, set(MAY))

    def test_includes_go_down(self):
        wrong = []
        for path in SRC.rglob("*.[ch]"):
            module = path.relative_to(SRC).parts[0]
            for name in INCLUDE.findall(path.read_text()):
                if name in GENERATED:
                    continue
                if not (SRC / name).exists():
                    wrong.append(f"{path.relative_to(SRC)}: {name} is not named from src/")
                elif pathlib.PurePath(name).parts[0] not in MAY[module] | {module}:
                    wrong.append(f"{path.relative_to(SRC)}: may not include {name}")
        self.assertEqual(wrong, [])

    def test_the_order_has_no_cycle(self):
        seen, order = set(), dict(MAY)
        while order:
            free = [m for m, needs in order.items() if needs <= seen]
            self.assertTrue(free, f"a cycle among {sorted(order)}")
            for module in free:
                seen.add(module)
                del order[module]

    def test_own_header_first(self):
        wrong = []
        for path in SRC.rglob("*.c"):
            own = path.with_suffix(".h")
            names = INCLUDE.findall(path.read_text())
            if own.exists() and (not names or SRC / names[0] != own):
                wrong.append(str(path.relative_to(SRC)))
        self.assertEqual(wrong, [])

    def test_the_library_does_not_print_or_exit(self):
        # mem.c has the one place where out of memory ends the program
        allowed = {"base/mem.c"}
        wrong = []
        for path in SRC.rglob("*.c"):
            name = str(path.relative_to(SRC))
            if name.startswith("cli/") or name in allowed:
                continue
            code = code_of(path)
            for found in PRINTS.findall(code) + STDERR.findall(code):
                wrong.append(f"{name}: {found}")
        self.assertEqual(wrong, [])

    def test_sql_is_in_the_store_alone(self):
        for path in SRC.rglob("*.[ch]"):
            if path.relative_to(SRC).parts[0] != "store":
                self.assertNotIn("sqlite3", path.read_text(), str(path))


if __name__ == "__main__":
    unittest.main()
