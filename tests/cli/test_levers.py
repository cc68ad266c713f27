"""Levers on the service as it runs, and what a study does with a service that does not follow. Whether a
lever took hold is asked of somebody else: the lab's own counters, /proc, the load's counts."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

import harness

LAB = "exec \"$CULPRIT\" lab mixed --bind 127.0.0.1:{port} -w {workers}"
SLEEP = "io?min_response_time=0.001&mean_response_time=0.002&std_response_time=0.1"


class Study(harness.Case):
    """What the tests below share; no test of its own."""

    def setUp(self):
        super().setUp()
        self.port = harness.free_port()

    def study(self, factors, command=None, port=None, design="trials: 8", load="", service=""):
        port = port or self.port
        text = f"""
            service:
              command: '{command or LAB.format(port=self.port, workers=1)}'
              ready: http://127.0.0.1:{self.port}/health
              {service}
            load:
              url: http://127.0.0.1:{port}/{SLEEP}
              connections: 6
              warmup: 100ms
              duration: 300ms
              {load}
            factors: {factors}
            design: {{{design}, confirm: 0, seed: 1}}
            """
        return self.write("study.yaml", re.sub(r"(?m)^ {12}", "", text))

    def find(self, path, *more, code=0):
        done = self.run_culprit("find", path, "--json", *more, code=code, timeout=120)
        return json.loads(done.stdout) if done.stdout else None

    def kept(self):
        return json.loads(self.run_culprit("export", "last", "--json").stdout)["trials"]

    def effect(self, result, name):
        return next(f for f in result["factors"] if f["name"] == name)["effect_percent"]


class Levers(Study):
    def test_workers_by_signal(self):
        result = self.find(self.study("{workers: {range: [1, 4], lever: gunicorn-workers}, "
                                      "mean_response_time: {range: [0.002, 0.01], lever: query}}"))
        for t in self.kept():
            self.assertEqual(t["detail"]["levers"]["workers"], str(t["setting"]["workers"]))
        self.assertEqual(result["factors"][0]["name"], "mean_response_time")

    def test_replicas_share_the_load(self):
        command = LAB.format(port="{port}", workers=1)
        path = self.study("{copies: {range: [1, 3], lever: replicas}, "
                          "mean_response_time: {range: [0.002, 0.01], lever: query}}", command,
                          service="")
        text = (self.folder / "study.yaml").read_text().replace(
            f"ready: http://127.0.0.1:{self.port}/", "ready: http://127.0.0.1:{port}/")
        self.write("study.yaml", text)
        self.find(path)
        for t in self.kept():
            shares = t["detail"]["replicas"]
            self.assertEqual(len(shares), t["setting"]["copies"])
            # by turns: no copy has more than one connection more than another
            self.assertLessEqual(max(shares) - min(shares), 1)
            self.assertGreaterEqual(sum(shares), 6)

    def test_a_proxy_adds_its_latency(self):
        front = harness.free_port()
        result = self.find(self.study(
            f"{{latency: {{range: [0ms, 20ms], lever: proxy, listen: {front}, "
            f"upstream: 127.0.0.1:{self.port}}}, noise: {{range: [0, 1], lever: none}}}}", port=front))
        self.assertEqual(result["factors"][0]["name"], "latency")
        self.assertLess(self.effect(result, "latency"), -50)
        for t in self.kept():
            proxy = t["detail"]["proxies"][0]
            self.assertGreaterEqual(proxy["mean_delay_ms"], t["setting"]["latency"])
            self.assertLess(proxy["mean_delay_ms"], t["setting"]["latency"] + 5)
            self.assertEqual(proxy["refused"], 0)

    def test_the_load_is_a_factor(self):
        result = self.find(self.study("{clients: {range: [2, 40], lever: load, option: connections}, "
                                      "noise: {range: [0, 1], lever: none}}"))
        self.assertEqual(result["factors"][0]["name"], "clients")
        for t in self.kept():
            self.assertEqual(t["detail"]["connections"], t["setting"]["clients"])

    def test_cores_are_pinned(self):
        if os.cpu_count() < 2:
            self.skipTest("needs two cores")
        self.find(self.study("{cores: {values: ['0', '0-1'], lever: cores}, "
                             "noise: {range: [0, 1], lever: none}}"))
        self.assertEqual({t["detail"]["levers"]["cores"] for t in self.kept()}, {"0", "0-1"})

    def test_every_trial_says_its_regime(self):
        self.find(self.study("{mean_response_time: {range: [0.002, 0.02], lever: query}, "
                             "noise: {range: [0, 1], lever: none}}"))
        for t in self.kept():
            self.assertIn(t["detail"]["regime"], ("waiting", "cpu", "process", "others"))
            self.assertTrue(t["detail"]["regime_text"].startswith(t["detail"]["regime"] + ": "))

    def test_the_setting_that_fails_is_named(self):
        self.find(self.study("{fault_status: {values: ['200', x503], lever: query}, "
                             "mean_response_time: {range: [0.002, 0.01], lever: query}}"))
        text = self.run_culprit("find", "study.yaml", "--fresh").stdout
        self.assertRegex(text, r"trial 1?[0-9] \(fault_status=x503 mean_response_time=[0-9.]+\) failed")
        self.assertIn("Every trial with fault_status=x503 failed, and no other did.", text)

    def test_wrong_levers_are_refused(self):
        for factors, said in [
            ("{a: {range: [1, 2], lever: proxy}}", "needs listen"),
            ("{a: {range: [1, 2], lever: proxy, listen: 1, upstream: 'x:2', shape: sigm}}", "did you mean 'sigma'"),
            ("{a: {range: [1, 2], lever: load}}", "the load has no option 'a'"),
            ("{a: {range: [1, 2], lever: load, option: url}}", "is a text"),
            ("{a: {range: [0, 2], lever: gunicorn-workers}}", "whole numbers, 1 to 200"),
            ("{a: {range: [1, 2], lever: replicas}}", "say where the command takes its port"),
            ("{a: {range: [1, 2], lever: gunicorn-workers}, b: {range: [1, 3], lever: gunicorn-workers}}",
             "both set"),
            ("{a: {range: [1, 2], lever: body}}", "the body of the load"),
        ]:
            done = self.run_culprit("find", self.study(factors), code=2)
            self.assertIn(said, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_an_upstream_that_is_not_there_is_told(self):
        front, nowhere = harness.free_port(), harness.free_port()
        done = self.run_culprit("find", self.study(
            f"{{latency: {{range: [0ms, 2ms], lever: proxy, listen: {front}, upstream: 127.0.0.1:{nowhere}}}, "
            "noise: {range: [0, 1], lever: none}}"), code=1, timeout=60)
        self.assertIn(f"127.0.0.1:{nowhere}", done.stderr)

    def test_a_proxy_port_that_is_taken_is_told(self):
        done = self.run_culprit("find", self.study(
            f"{{latency: {{range: [0ms, 2ms], lever: proxy, listen: {self.lab_port()}, upstream: 127.0.0.1:1}}, "
            "noise: {range: [0, 1], lever: none}}"), code=1, timeout=60)
        self.assertIn("the proxy of latency", done.stderr)

    def lab_port(self):
        port = harness.free_port()
        self.start_culprit("lab", "mixed", "--bind", f"127.0.0.1:{port}")
        self.assertTrue(harness.wait_until(lambda: harness.listens(port), 10))
        return port

    def test_nothing_is_left_when_culprit_is_killed(self):
        front = harness.free_port()
        path = self.study(f"{{latency: {{range: [0ms, 2ms], lever: proxy, listen: {front}, "
                          f"upstream: 127.0.0.1:{self.port}}}, noise: {{range: [0, 1], lever: none}}}}",
                          port=front, design="trials: 40")
        child = self.start_culprit("find", path)
        self.assertTrue(harness.wait_until(lambda: harness.listens(front), 20))
        time.sleep(1)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        self.assertTrue(harness.wait_until(
            lambda: not harness.listens(front) and not harness.listens(self.port), 10))


class Confirmation(Study):
    def test_the_limit_is_moved(self):
        path = self.study("{mean_response_time: {range: [0.002, 0.02], lever: query}, "
                          "noise: {range: [0, 1], lever: none}}")
        text = (self.folder / "study.yaml").read_text().replace("confirm: 0", "confirm: 4")
        self.write("study.yaml", text)
        result = self.find(path)
        c = result["confirmation"]
        self.assertEqual(c["factor"], "mean_response_time")
        self.assertEqual([p["place"] for p in c["places"]], ["the best setting", "the centre"])
        for p in c["places"]:
            self.assertEqual(p["pairs"], 4)
            self.assertLess(p["low"], p["high"])
        trials = self.kept()
        self.assertEqual(sum(t["detail"].get("kind") == "confirm" for t in trials), 16)
        text = self.run_culprit("show", "last").stdout
        self.assertIn("Confirmed by moving it: ", text)
        # they are no part of the table that is learned from
        self.assertEqual(len(self.run_culprit("export", "last", "--csv").stdout.splitlines()), 1 + 8)


class Redis(harness.Case):
    @harness.on_second_thought
    def test_latency_of_a_real_redis_is_found(self):
        """The study of examples/flask-redis, shorter: the latency of Redis is found, the noise is not."""
        imports = subprocess.run(["/usr/bin/python3", "-c", "import flask, redis, gunicorn"], capture_output=True)
        if imports.returncode or not os.path.exists("/usr/bin/redis-server"):
            self.skipTest("needs gunicorn python3-flask python3-redis redis-server")
        example = harness.ROOT / "examples/flask-redis"
        web, own, front = harness.free_port(), harness.free_port(), harness.free_port()
        text = (example / "study.yaml").read_text().replace(":5001", f":{web}").replace("6391", str(front))
        text = text.replace("6390", str(own)).replace("env: {", f"env: {{PORT: {web}, ")
        text = text.replace("confirm: 4", "confirm: 0").replace("trials: 24", "trials: 12")
        text = text.replace("duration: 2s", "duration: 600ms")
        for name in ("app.py", "run.sh"):
            (self.folder / name).write_text((example / name).read_text())
        path = self.write("study.yaml", text)
        done = self.run_culprit("find", path, "--json", timeout=200)
        factors = {f["name"]: f for f in json.loads(done.stdout)["factors"]}
        self.assertTrue(factors["redis_latency"]["active"])
        self.assertEqual(factors["redis_latency"]["group"], 1)
        self.assertFalse(factors["user"]["active"])
        self.assertTrue(harness.wait_until(lambda: not harness.listens(own) and not harness.listens(web), 10))


if __name__ == "__main__":
    unittest.main()
