"""Series of a real Prometheus server (src/correlate/prometheus.c) that scrapes a lab under a changing load,
held against the lab's own counts and the server's own arithmetic."""
import json
import math
import time
import unittest
import urllib.error
import urllib.parse

import harness
import series_print

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
- job_name: lab
  static_configs: [{{targets: ["{lab}"]}}]
"""


class RealServer(series_print.Case):
    def start_prometheus(self, lab):
        port = harness.free_port()
        config = self.write("prometheus.yml", CONFIG.format(lab=lab.removeprefix("http://")))
        self.start("prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb",
                   f"--web.listen-address=127.0.0.1:{port}", "--query.max-samples=2000",
                   "--log.level=error")
        url = f"http://127.0.0.1:{port}"

        def scraped():
            try:
                return self.query(url, "lab_workers")
            except OSError:
                return None

        self.assertTrue(harness.wait_until(scraped, 30), "Prometheus does not scrape")
        return url

    def query(self, url, expression, at=None):
        """[(labels, value)] of an instant query, by other means than culprit's."""
        form = {"query": expression, **({"time": format(at, ".3f")} if at else {})}
        answer = json.loads(harness.get(f"{url}/api/v1/query?" + urllib.parse.urlencode(form)))
        return [(r["metric"], float(r["value"][1])) for r in answer["data"]["result"]]

    def raw(self, url, selector, end):
        """[(time, value)] as they were scraped."""
        form = {"query": selector + "[1h]", "time": format(end, ".3f")}
        answer = json.loads(harness.get(f"{url}/api/v1/query?" + urllib.parse.urlencode(form)))
        result = answer["data"]["result"]
        return [(t, float(v)) for t, v in result[0]["values"]] if result else []

    def test_a_lab_under_a_changing_load(self):
        lab = self.start_lab("--seed", 1)
        url = self.start_prometheus(lab)
        start = math.ceil(time.time()) + .5  # between two scrapes, or near one: both must be right
        io = f"{lab}/io?min_response_time=0.005&mean_response_time=0.005&std_response_time=1"
        self.run_culprit("load", io, "-c", 4, "--stages", "1s:50,4s:50-300,1s:100", "--warmup", "0s", "--no-live")
        time.sleep(1.6)
        end = time.time()
        counters = self.counters(lab)
        count = 'lab_requests_total{instance="%s",job="lab",route="/io"}' % lab.removeprefix("http://")
        match = '{job="lab"}'
        got = self.ask(url, start - 1, end, 1, match, target="sum(rate(lab_requests_total[3s]))")

        # what grew between the first and the last scrape, second by second, is what the lab counted
        self.assertTrue(got["series"][count]["counter"])
        self.sum_is(got, count, self.raw(url, count, end), start - 1, end)
        self.assertEqual(counters["routes"]["/io"]["received"], self.raw(url, count, end)[-1][1])
        # a step that is no multiple of the scrapes' is not higher where two of them lie in it
        wide = self.ask(url, start - 1, end, 1.5, match)
        self.sum_is(wide, count, self.raw(url, count, end), start - 1, end)
        # a gauge is as it was scraped; half a second later it is still the same scrape: a gap
        workers = count.replace("lab_requests_total", "lab_workers").replace(',route="/io"', "")
        half = self.ask(url, start, end, .5, "lab_workers", "lab_requests_total")
        known = [v for v in half["series"][workers]["values"] if v is not None]
        self.assertEqual(set(known), {2})
        scrapes = sum(start - 1 <= t <= end for t, _ in self.raw(url, workers, end))
        self.assertLessEqual(abs(len(known) - scrapes), 3)
        self.assertIn("shorter than the time between scrapes", half["notes"])
        # the target is the expression, as the server computes it
        self.assertEqual(got["target"], "sum(rate(lab_requests_total[3s]))")
        values = got["series"][got["target"]]["values"]
        for i in range(4, 7):
            self.assertAlmostEqual(values[i], self.query(url, got["target"], start - 1 + i)[0][1], 6)
        self.quantiles(url, got, lab, start, end)
        self.pieces(url, got, match, start, end)
        self.errors(url, start, end)

    def sum_is(self, got, name, raw, start, end):
        """Σ rate × its own time between scrapes = the counter's growth."""
        values = got["series"][name]["values"]
        seen = {}
        for i in range(len(values)):
            at = got["start"] + i * got["step"]
            newest = [(t, v) for t, v in raw if t <= at + 1e-6]
            if newest:
                seen[i] = newest[-1]
        before, total = None, 0
        for i, value in enumerate(values):
            if i not in seen:
                self.assertIsNone(value)
                continue
            if before and seen[i][0] > before[0]:
                self.assertAlmostEqual(value, (seen[i][1] - before[1]) / (seen[i][0] - before[0]), 6)
                total += value * (seen[i][0] - before[0])
            else:
                self.assertIsNone(value)
            before = seen[i]
        first = seen[min(seen)]
        self.assertAlmostEqual(total, before[1] - first[1], 4)
        self.assertGreater(total, 500)

    def quantiles(self, url, got, lab, start, end):
        """Of the buckets of a step, as the server's histogram_quantile() has them from the same scrapes."""
        labels = 'instance="%s",job="lab",route="/io"' % lab.removeprefix("http://")
        self.assertFalse([name for name in got["series"] if "_bucket" in name])
        compared = 0
        for q, name in ((.5, "p50"), (.9, "p90"), (.99, "p99")):
            values = got["series"]["lab_answer_seconds %s{%s}" % (name, labels)]["values"]
            for i in range(2, 8):
                at = got["start"] + i
                # of what lies between the two scrapes that the steps saw: no extrapolation
                bucket = "lab_answer_seconds_bucket{%s}" % labels
                want = self.query(url, f"histogram_quantile({q}, ({bucket} @ {at:.3f}) - ({bucket} @ {at - 1:.3f}))",
                                  at)
                if values[i] is None or not want or math.isnan(want[0][1]):
                    continue
                self.assertAlmostEqual(values[i], want[0][1], 7)
                compared += 1
        self.assertGreater(compared, 12)
        count, total = (got["series"]["lab_answer_seconds_%s{%s}" % (what, labels)]["values"]
                        for what in ("count", "sum"))
        mean = got["series"]["lab_answer_seconds mean{%s}" % labels]["values"]
        for c, s, m in zip(count, total, mean):
            if c:
                self.assertAlmostEqual(m, s / c, 9)

    def pieces(self, url, got, match, start, end):
        """The server refuses more than 2,000 samples at once, which a step of 10 ms is: asked in pieces."""
        form = {"query": "lab_requests_total", "start": start, "end": end, "step": .01}
        with self.assertRaises(urllib.error.HTTPError) as refused:
            harness.get(f"{url}/api/v1/query_range?" + urllib.parse.urlencode(form))
        self.assertEqual(refused.exception.code, 422)
        refused.exception.close()
        fine = self.ask(url, start, end, .01, 'lab_requests_total')
        name = next(name for name in got["series"] if name.startswith("lab_requests_total") and '"/io"' in name)
        coarse = [v for v in got["series"][name]["values"] if v is not None]
        self.assertEqual(len(fine["series"]), 6)
        known = [v for v in fine["series"][name]["values"] if v is not None]
        self.assertLessEqual(abs(len(known) - len(coarse)), 3)

    def errors(self, url, start, end):
        self.assertIn("has no values", self.ask(url, start, end, 1, "nothing_such", code=1))
        self.assertIn("has no values", self.ask(url, start, end, 1, "lab_workers", target="nothing_such", code=1))
        self.assertIn("has no values", self.ask(url, 1e9, 1e9 + 60, 1, "lab_workers", code=1))
        self.assertIn("refuses the question", self.ask(url, start, end, 1, "rate(lab_workers", code=1))
        self.assertIn("several series", self.ask(url, start, end, 1, "lab_workers",
                                                 target="rate(lab_requests_total[5s])", code=1))
        self.assertIn("would have to read too much",
                      self.ask(url, start, end, 1, 'count_over_time({job="lab"}[1h:1ms])', code=1))
        got = self.ask(url, start, end, 1, "lab_workers", "nothing_such")
        self.assertIn("'nothing_such' has no values", got["notes"])


if __name__ == "__main__":
    unittest.main()
