"""HdrHistogram logs: what culprit load --hdr writes, read by a reader of its own, which in turn is
held against what HdrHistogram itself wrote."""
import json
import time
import unittest

import harness
import hdr


class Reader(unittest.TestCase):
    def test_reads_what_hdrhistogram_writes(self):
        # tests/data/MakeHdr.java made them
        lines = (harness.ROOT / "tests/data/hdr.tsv").read_text().splitlines()
        self.assertEqual(len(lines), 12)
        for line in lines:
            name, _, _, encoded, total, p50, p99, largest = line.split("\t")
            with self.subTest(name):
                h = hdr.Histogram(encoded)
                self.assertEqual((h.digits, h.lowest, h.highest, h.ratio), (3, 1, 1 << 42, 1))
                self.assertEqual(h.total, int(total))
                self.assertEqual([h.percentile(50), h.percentile(99), h.percentile(100)],
                                 [int(p50), int(p99), int(largest)])


class Log(harness.Case):
    def test_holds_the_run_second_by_second(self):
        lab = self.start_lab()
        before = time.time()
        done = self.run_culprit("load", f"{lab}/health", "-c", 4, "-d", "2500ms", "--warmup", "0s",
                                "--hdr", "run.hlog", "--json")
        result = json.loads(done.stdout)
        start, intervals = hdr.read_log((self.folder / "run.hlog").read_text())
        self.assertTrue(before - 1 <= start <= time.time())
        self.assertEqual(len(intervals), 3)
        self.assertEqual(sum(i.histogram.total for i in intervals), result["latency_ms"]["count"])
        at = 0
        for interval in intervals:
            self.assertAlmostEqual(interval.start_s, at, delta=.05)
            at += interval.seconds
        whole = intervals[0].histogram
        for interval in intervals[1:]:
            whole.add(interval.histogram)
        for percent, name in ((50, "p50"), (99, "p99"), (99.9, "p99_9")):
            self.assertAlmostEqual(whole.percentile(percent) / 1e6, result["latency_ms"][name],
                                   delta=result["latency_ms"][name] / 1000)
        self.assertAlmostEqual(max(i.max_ms for i in intervals), result["latency_ms"]["max"],
                               delta=.001)


if __name__ == "__main__":
    unittest.main()
