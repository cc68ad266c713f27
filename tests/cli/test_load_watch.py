"""culprit load --watch PID: what the service used, on the load's own axis of time."""
import json
import os
import pathlib
import unittest

import harness


def cpu_seconds(pid):
    """Of a process and its children, from /proc."""
    total = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid or int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Watch(harness.Case):
    def test_the_service_is_recorded(self):
        lab = self.start_lab()
        master = self.started[0].pid
        url = f"{lab}/cpu?json_object_length=2000&cpu_rounds=20"
        before = cpu_seconds(master)
        result = json.loads(self.run_culprit("load", url, "-c", 4, "--stages", "1s:50,2s:400", "--warmup", "0s",
                                             "--watch", master, "--json").stdout)
        used = cpu_seconds(master) - before
        recording = result["recording"]
        self.assertRegex(recording["what"], rf"^pid {master} \(\S*culprit lab")
        # the kernel's ticks are 10 ms, for each of three processes
        self.assertAlmostEqual(recording["series"]["cpu"]["summary"]["total"], used, delta=.06)
        # it began a little before the load
        self.assertLess(recording["start_s"], 0)
        self.assertGreater(recording["start_s"], -2)
        # on one axis: while 400 came a second, not 50, the service worked; of the middles of both stretches
        self.assertGreater(self.cores(recording, 1.5, 2.5), 2 * self.cores(recording, .1, .9))
        shown = " ".join(self.run_culprit("show", "last").stdout.split())
        self.assertRegex(shown, rf"service +pid {master} \(\S*culprit lab[^)]*\): \S+ cores, \S+ MB, \S+ switches/s")
        self.assertRegex(self.run_culprit("load", url, "-d", "200ms", "--watch", master).stdout, r"\nservice +pid ")

    def cores(self, recording, start, end):
        times = [t / 1e6 + recording["start_s"] for t in recording["time_us"]]
        inside = [(t, c / 1e6) for t, c in zip(times, recording["series"]["cpu"]["values"]) if start <= t <= end]
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])

    def test_nobody_there(self):
        lab = self.start_lab()
        done = self.run_culprit("load", lab, "-d", "100ms", "--watch", 4194304, code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("4194304", done.stderr)


if __name__ == "__main__":
    unittest.main()
