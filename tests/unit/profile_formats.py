"""Reads what test_profile_formats wrote in other tools' formats, knowing those formats only, and holds it
against the profile's JSON. `python3 profile_formats.py FOLDER NAME`; says what is wrong, and exits 1."""
import collections
import gzip
import json
import os
import re
import shutil
import subprocess
import sys

CLOCKS = {"wall": "wall_ns", "cpu": "cpu_ns", "gil": "gil_ns", "samples": "samples"}
MAX_DEPTH = 1000
FRAMES = ("python", "native", "mark")
GAP = ("mark", "(frames left out)", "", 0, 0)


def check(condition, *what):
    if not condition:
        raise SystemExit(" ".join(str(w) for w in what))


class Profile:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            j = json.load(f)
        functions = list(zip(*(j["functions"][k] for k in ("kind", "name", "file", "first_line"))))
        nodes = list(zip(*(j["nodes"][k] for k in ("parent", "function", "line"))))
        self.place = [functions[f] + (line,) for _, f, line in nodes]
        self.parent = [p for p, _, _ in nodes]
        self.self = {n: {c: j["self"][k][i] for c, k in CLOCKS.items()}
                     for i, n in enumerate(j["self"]["node"])}
        self.total = {c: sum(w[c] for w in self.self.values()) for c in CLOCKS}
        self.has_moments = bool(j["moments"]["node"])

    def stack(self, node, cut=True):
        """Nodes below the root, outermost first; of a deep one the middle is left out (None)."""
        s = []
        while node:
            s.append(node)
            node = self.parent[node]
        s.reverse()
        if cut and len(s) > MAX_DEPTH:
            s = s[:MAX_DEPTH // 2] + [None] + s[-MAX_DEPTH // 2:]
        return s

    def places(self, node):
        return [GAP if n is None else self.place[n] for n in self.stack(node)]


def safe(text, first=False):
    text = text.replace(";", ",")
    return "," + text[1:] if first and text.startswith("#") else text


def collapsed(p, folder, name):
    for clock, unit in (("wall", 1000), ("cpu", 1000), ("gil", 1000), ("samples", 1)):
        seen = collections.Counter()
        with open(f"{folder}/{name}.{clock}.collapsed", encoding="utf-8") as f:
            for line in f:
                stack, weight = line.rstrip("\n").rsplit(" ", 1)
                check(int(weight) > 0 and not line.startswith("#"), line)
                seen[stack] += int(weight)
        check(sum(seen.values()) == p.total[clock] // unit, "collapsed", clock, seen, p.total)
        if clock != "samples":
            continue
        expected = collections.Counter()
        for node, w in p.self.items():
            frames = [safe(n, i == 0) + (f" ({safe(file)}" + (f":{line})" if line else ")") if file else "")
                      for i, (_, n, file, _, line) in enumerate(p.places(node))]
            expected[";".join(frames) or "all"] += w["samples"]
        check(seen == expected, "collapsed stacks", seen - expected, expected - seen)


def speedscope(p, folder, name):
    for clock in CLOCKS:
        with open(f"{folder}/{name}.{clock}.speedscope.json", encoding="utf-8") as f:
            j = json.load(f)
        check(j["$schema"] == "https://www.speedscope.app/file-format-schema.json")
        check(set(j) == {"$schema", "name", "exporter", "activeProfileIndex", "shared", "profiles"}, set(j))
        frames = j["shared"]["frames"]
        for f in frames:
            check(set(f) <= {"name", "file", "line", "col"} and isinstance(f["name"], str), f)
            check(isinstance(f.get("line", 1), int) and isinstance(f.get("file", ""), str), f)
        check(0 <= j["activeProfileIndex"] < len(j["profiles"]))
        total, seen = 0, collections.Counter()
        for profile in j["profiles"]:
            check(set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"})
            check(profile["type"] == "sampled", profile["type"])
            check(profile["unit"] == ("none" if clock == "samples" else "nanoseconds"), profile["unit"])
            check(len(profile["samples"]) == len(profile["weights"]))
            check(profile["endValue"] - profile["startValue"] == sum(profile["weights"]))
            for stack, weight in zip(profile["samples"], profile["weights"]):
                check(weight > 0 and all(0 <= i < len(frames) for i in stack), stack)
                if stack or clock != "wall":
                    total += weight
                    at = tuple((frames[i]["name"], frames[i].get("line", 0)) for i in stack)
                    seen[profile["name"], at] += weight
                elif not p.has_moments:
                    total += weight
        if p.has_moments and clock == "wall":  # gaps are no weight, but a thread without frames is
            bare = sum(w["wall"] for n, w in p.self.items() if p.place[n][0] not in FRAMES + ("task",))
            check(total <= p.total[clock] <= total + bare, "speedscope", total, p.total, bare)
            continue
        check(total == p.total[clock], "speedscope", clock, total, p.total)
        expected = collections.Counter()
        for node, w in p.self.items():
            above = p.stack(node, cut=False)
            names = [p.place[n][1] for kind in ("process", "thread") for n in above if p.place[n][0] == kind]
            at = tuple((place[1], place[4]) for place in p.places(node))
            threads = [i for i, place in enumerate(p.places(node)) if place[0] == "thread"]
            if not threads:
                names = []  # those without a thread are one profile
            if w[clock]:
                expected[" / ".join(names) or "all", at[threads[0] + 1:] if threads else at] += w[clock]
        check(seen == expected, "speedscope stacks", clock, seen - expected, expected - seen)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def message(data):
    """Protobuf's wire format: field number to list of values."""
    fields, at = collections.defaultdict(list), 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            check(key & 7 == 2, "wire type", key & 7)
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            check(len(value) == size)
        fields[key >> 3].append(value)
    return fields


def numbers(values):
    """A repeated number, packed or not."""
    out = []
    for v in values:
        if isinstance(v, int):
            out.append(v)
            continue
        at = 0
        while at < len(v):
            value, at = varint(v, at)
            out.append(value)
    return out


def one(fields, number, default=0):
    return fields[number][-1] if fields[number] else default


def pprof(p, folder, name):
    with open(f"{folder}/{name}.pb.gz", "rb") as f:
        raw = f.read()
    data = gzip.decompress(raw)
    check(raw[4:8] == b"\0\0\0\0", "a time in the gzip header")
    top = message(data)
    texts = [t.decode() for t in top[6]]
    check(texts[0] == "" and len(texts) == len(set(texts)))
    types = [message(t) for t in top[1]]
    check([(texts[one(t, 1)], texts[one(t, 2)]) for t in types] ==
          [("samples", "count"), ("wall", "nanoseconds"), ("cpu", "nanoseconds"), ("gil", "nanoseconds")])
    check(texts[one(top, 14)] == "wall" and texts[numbers(top[13])[0]] == name)
    period = message(one(top, 11, b""))
    check((texts[one(period, 1)], texts[one(period, 2)]) == ("wall", "nanoseconds"))
    mappings = {one(message(m), 1) for m in top[3]}
    functions = {one(f, 1): (texts[one(f, 2)], texts[one(f, 4)], one(f, 5)) for f in map(message, top[5])}
    check(len(functions) == len(top[5]) and 0 not in functions)
    locations = {}
    for loc in map(message, top[4]):
        check(one(loc, 2) in mappings and one(loc, 1) not in locations and one(loc, 1) > 0)
        line = message(one(loc, 4, b""))
        locations[one(loc, 1)] = functions[one(line, 1)] + (one(line, 2),)
    seen, expected = collections.Counter(), collections.Counter()
    for s in map(message, top[2]):
        labels = {}
        for label in map(message, s[3]):
            labels[texts[one(label, 1)]] = texts[one(label, 2)]
        values = numbers(s[2])
        check(len(values) == 4)
        at = tuple(locations[i] for i in numbers(s[1]))
        check(at, "a sample without a location")
        for clock, value in zip(("samples", "wall", "cpu", "gil"), values):
            seen[clock, at, tuple(sorted(labels.items()))] += value
    for node, w in p.self.items():
        labels = {}
        for n in p.stack(node, cut=False):
            if p.place[n][0] in ("process", "thread", "task"):
                labels[p.place[n][0]] = p.place[n][1]
        at = [place[1:] for place in reversed(p.places(node)) if place[0] in FRAMES]
        for clock in CLOCKS:
            expected[clock, tuple(at or [p.place[node][1:]]), tuple(sorted(labels.items()))] += w[clock]
    check(seen == expected, "pprof", seen - expected, expected - seen)
    proto = os.path.join(os.path.dirname(__file__), "../../src/profile")
    if shutil.which("protoc"):
        done = subprocess.run(["protoc", "--decode=pprof.Profile", f"--proto_path={proto}", "pprof.proto"],
                              input=data, capture_output=True, check=True)
        check(done.stdout.count(b"\nsample {") + done.stdout.startswith(b"sample {") == len(top[2]))


def inclusive(p):
    """Function → cost of the stacks that it is in, each once. Twins are told apart by their first line."""
    out = collections.defaultdict(collections.Counter)
    for node, w in p.self.items():
        for key in {p.place[n][:4] for n in p.stack(node, cut=False)} | {p.place[0][:4]}:
            out[key].update(w)
    return out


def callgrind(p, folder, name):
    path = f"{folder}/{name}.callgrind"
    names, own, incoming, totals = {}, collections.Counter(), collections.defaultdict(collections.Counter), None
    lines = iter(open(path, encoding="utf-8").read().split("\n"))
    check(next(lines) == "# callgrind format")
    fl = fn = cfl = cfn = events = calls = None

    def known(kind, text):
        number, rest = re.fullmatch(r"\((\d+)\)(?: (.*))?", text).groups()
        if rest is not None:
            check((kind, number) not in names, "said twice", text)
            names[kind, number] = rest
        return names[kind, number]

    for line in lines:
        key, _, value = line.partition("=")
        if key == "fl":
            fl = known("fl", value)
        elif key == "fn":
            fn = known("fn", value)
        elif key in ("cfi", "cfl"):
            cfl = known("fl", value)
        elif key == "cfn":
            cfn = known("fn", value)
        elif key == "calls":
            calls = [int(v) for v in value.split()]
            check(calls[0] > 0)
        elif line.startswith("events: "):
            events = [e.lower() for e in line.split()[1:]]
        elif line.startswith("totals: "):
            totals = dict(zip(events, map(int, line.split()[1:])))
        elif re.match(r"\d", line):
            at, *cost = map(int, line.split())
            cost = dict(zip(events, cost))
            if calls:
                check((cfl, cfn) != (fl, fn), "a call into itself has a cost")
                incoming[cfl, cfn].update(cost)
                calls = None
            else:
                own.update(cost)
                incoming[fl, fn].update({})
        else:
            check(not line or re.match(r"(version|creator|cmd|positions|event): ", line), line)
    check(events and totals == {c: own[c] for c in CLOCKS} == p.total, "callgrind totals", totals, own, p.total)
    expected = collections.Counter()
    twins = collections.Counter((file, n) for _, n, file, _ in {x[:4] for x in p.place})
    for (_, n, file, first), cost in inclusive(p).items():
        if twins[file, n] == 1 and n != "all":
            check(+incoming[file or "???", n] == +cost, "callgrind", n, incoming[file or "???", n], cost)
            if cost["wall"]:
                expected[f"{file or '???'}:{n}"] = cost["wall"]
    if not shutil.which("callgrind_annotate"):
        return
    done = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no",
                           "--show=Wall", path], capture_output=True, text=True, cwd="/")
    check(done.returncode == 0 and not done.stderr, done.stderr)
    seen = {}
    for line in done.stdout.split("\n"):
        row = re.match(r" *([\d,]+) \([ \d.]+%\)  (.+?)(?: \[.*\])?$", line)
        if row:
            seen[row[2]] = int(row[1].replace(",", ""))
    check(seen.get("PROGRAM TOTALS", 0) == p.total["wall"], seen)
    check(len(expected) > 3 or not p.self)
    for key, cost in expected.items():
        check(seen.get(key) == cost, "callgrind_annotate", key, seen.get(key), cost)


def main(folder, name):
    p = Profile(f"{folder}/{name}.json")
    for reader in (collapsed, speedscope, pprof, callgrind):
        reader(p, folder, name)


main(*sys.argv[1:])
