"""culprit load against services that misbehave: every count equals the server's own, and nothing hangs
(each run has a limit in time). Each fault of a single kind in the closed loop is held exactly in
tests/unit/test_load.c (reset, half a response then a reset, an end or silence, one byte at a time,
chunks with trailers, unasked 100 Continue, HTTP/1.0, no length, surplus bytes, headers of 70,000 bytes,
a port that refuses, a file limit of 64), faults at random of the lab and a host without address in
test_load.py. Here is the rest: a server that is truly killed, responses cut in two at each of their
bytes, lengths that lie, headers without end, faults under an open loop, under pipelining and behind TLS,
Expect, and certificates.
"""
import json
import os
import time
import unittest

import harness
import rawserver

TRANSPORT = ("refused", "connect", "tls", "reset", "closed", "truncated", "timeout", "unsent", "malformed")
CHUNKED = (b"HTTP/1.1 200 OK\r\nX-Long: " + b"v" * 30 + b"\r\nTransfer-Encoding: chunked\r\n"
           b"Trailer: X-Sum\r\n\r\n5\r\nhello\r\n6;name=\"v\"\r\n, load\r\n0\r\nX-Sum: 1\r\n\r\n")


class Faults(harness.Case):
    def server(self, behave, **options):
        server = rawserver.RawServer(behave, **options)
        self.addCleanup(server.kill)
        self.addCleanup(server.listener.close)
        return server

    def check(self, result):
        whole = result["whole_run"]
        failed = sum(whole["errors"].get(kind, 0) for kind in TRANSPORT)
        self.assertEqual(whole["started"], whole["finished"] + failed + whole["unfinished"])
        self.assertEqual(whole["finished"], sum(whole["status"].values()))
        return whole

    def load(self, url, *args, code=0, timeout=30):
        done = self.run_culprit("load", url, "--warmup", 0, "--json", *args, code=code, timeout=timeout)
        return self.check(json.loads(done.stdout))

    def failures(self, whole):
        return {kind: n for kind, n in whole["errors"].items() if n}

    # ---- killed ----

    def test_a_killed_server_that_comes_back(self):
        """SIGKILL at any moment: what it had handed over was received, and nothing else. An answer
        that was counted but not known to be handed over, at most one a connection, may be either."""
        server = self.server(lambda c: c.answer(rawserver.answer())).fork()
        with open(self.folder / "out", "w") as out:
            load = self.start_culprit("load", server.url, "-c", 6, "-d", "1800ms", "--warmup", 0,
                                      "--json", stdout=out)
            for pause in (0.5, 0.3):
                time.sleep(pause)
                server.kill()
                time.sleep(0.2)
                server.fork()
            self.assertEqual(load.wait(20), 0)
        result = json.loads((self.folder / "out").read_text())
        whole = self.check(result)
        self.assertLessEqual(server.counts.handed, whole["finished"])
        self.assertLessEqual(whole["finished"], server.counts.answered)
        self.assertLessEqual(server.counts.answered - server.counts.handed, 2 * 6)
        self.assertGreater(whole["errors"]["refused"], 0)
        # the connections of a killed server end at once, each with its request; one more each where
        # the kernel closes the listening socket a moment after them
        gone = whole["errors"]["closed"] + whole["errors"]["reset"] + whole["errors"]["truncated"]
        self.assertGreaterEqual(gone, 6)
        self.assertLessEqual(gone, 2 * 2 * 6)
        self.assertGreater(result["series"][-1]["completed"], 0)

    def test_killed_workers_of_the_lab(self):
        """The lab's own books survive its workers: an answer is lost or it is received."""
        lab = self.start_lab(workers=2)
        with open(self.folder / "out", "w") as out:
            load = self.start_culprit("load", lab + "/cpu?json_object_length=100&cpu_rounds=5", "-c", 8,
                                      "-d", "1500ms", "--warmup", 0, "--json", stdout=out)
            killed = 0
            for _ in range(3):
                time.sleep(0.35)
                for worker in self.counters(lab)["worker"]:
                    if worker["state"] == "serving":
                        os.kill(worker["pid"], 9)
                        killed += 1
            self.assertEqual(load.wait(20), 0)
        whole = self.check(json.loads((self.folder / "out").read_text()))
        counters = self.counters(lab)
        served = counters["routes"]["/cpu"]["answered"]
        self.assertEqual(counters["worker_deaths"], killed)
        self.assertLessEqual(whole["finished"], served)
        self.assertGreaterEqual(whole["finished"], served - counters["requests"]["doubtful"])
        self.assertGreaterEqual(sum(whole["errors"].values()), counters["requests"]["lost"])

    # ---- cut ----

    def test_a_response_cut_in_two_at_each_byte(self):
        """Every place but the ends, of a chunked response with trailers and of one with a length."""
        answers = (CHUNKED, rawserver.answer(b"hello, load", "X-Other: field"))
        cuts = [(a, at) for a in answers for at in range(1, len(a))]
        turns = iter(cuts)

        def behave(client):
            text, at = next(turns)
            client.send(text[:at])
            time.sleep(0.001)
            return client.answer(text[at:])

        server = self.server(behave).start()
        whole = self.load(server.url, "-n", len(cuts), "-c", 4)
        self.assertEqual(whole["finished"], len(cuts))
        self.assertEqual(server.counts.answered, len(cuts))
        self.assertEqual(self.failures(whole), {})
        self.assertEqual(whole["connects"], server.counts.accepted)
        self.assertEqual(whole["bytes_in"], server.counts.bytes_out)
        self.assertEqual(whole["bytes_out"], server.counts.bytes_in)

    def test_a_response_that_ends_at_each_byte(self):
        """Cut there for good: before the first byte it is closed, then truncated; a reset is a reset."""
        text = CHUNKED

        def behave(client):
            at = client.number // 2
            if at:
                client.send(text[:at])
            if client.number % 2 == 0:
                return False
            time.sleep(0.002)  # so that what was sent is read before the reset overtakes it
            return client.reset()

        server = self.server(behave).start()
        whole = self.load(server.url, "-n", 2 * len(text), "-c", 40, "--timeout", "5s", code=1)
        self.assertEqual(server.counts.requests, 2 * len(text))
        self.assertEqual(self.failures(whole),
                         {"closed": 1, "truncated": len(text) - 1, "reset": len(text)})
        self.assertEqual(whole["connects"], server.counts.accepted)

    # ---- lengths that lie ----

    def test_lengths_that_lie(self):
        def too_long(client):  # then the end
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello")
            return False

        def too_long_and_silent(client):
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello")
            return client.wait_for_end()

        def too_short(client):  # with what is too much in the same bytes
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello")
            return client.wait_for_end()

        def two(client):
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
            return client.wait_for_end()

        def huge(client):
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello")
            return client.wait_for_end()

        def last_chunk_missing(client):
            client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            return False

        def bad_chunk(client):
            client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n")
            return client.wait_for_end()

        for lie, kind in ((too_long, "truncated"), (too_long_and_silent, "timeout"),
                          (too_short, "malformed"), (two, "malformed"), (huge, "malformed"),
                          (last_chunk_missing, "truncated"), (bad_chunk, "malformed")):
            with self.subTest(lie.__name__):
                # every other request is answered well
                server = self.server(lambda c: c.answer(rawserver.answer()) if c.turn == 0 else lie(c)).start()
                whole = self.load(server.url, "-n", 24, "-c", 3, "--timeout", "100ms")
                self.assertGreaterEqual(server.counts.requests - server.counts.answered, 10)
                self.assertEqual(self.failures(whole),
                                 {kind: server.counts.requests - server.counts.answered})
                self.assertEqual(whole["finished"], server.counts.answered)
                self.assertEqual(whole["started"], server.counts.requests)
                self.assertEqual(whole["connects"], server.counts.accepted)

    def test_surplus_that_comes_late_belongs_to_nobody(self):
        """It reaches the next request's answer, which is then no HTTP; the first one was whole."""
        def behave(client):
            client.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhel")
            time.sleep(0.02)
            client.send(b"lo")
            return client.wait_for_end()

        server = self.server(behave).start()
        whole = self.load(server.url, "-n", 20, "-c", 2)
        self.assertEqual(whole["finished"], server.counts.answered)
        self.assertEqual(self.failures(whole), {"malformed": 10})
        self.assertEqual(whole["connects"], server.counts.accepted)

    # ---- headers ----

    def test_headers_without_end_are_given_up(self):
        """One line that goes on, or lines that go on: nobody may keep the engine reading for ever."""
        def endless(piece):
            def behave(client):
                client.send(b"HTTP/1.1 200 OK\r\nA: ")
                for _ in range(64):  # 4 MiB, if anybody reads them
                    client.send(piece * (65536 // len(piece)))
                return client.wait_for_end()
            return behave

        for piece in (b"x", b"x\r\nA: "):
            server = self.server(endless(piece)).start()
            whole = self.load(server.url, "-n", 6, "-c", 2, code=1)
            self.assertEqual(self.failures(whole), {"malformed": 6})
            self.assertLess(whole["bytes_in"], 6 << 20)

    def test_long_headers_within_the_limit_are_read(self):
        server = self.server(lambda c: c.answer(rawserver.answer(b"x", "A: " + "y" * 60000))).start()
        whole = self.load(server.url, "-n", 12, "-c", 3)
        self.assertEqual(whole["finished"], server.counts.answered)
        self.assertEqual(whole["finished"], 12)
        self.assertEqual(whole["bytes_in"], server.counts.bytes_out)

    # ---- Expect ----

    def test_expect_sends_the_body_after_100(self):
        def behave(client):
            client.body_comes_early(0.03)
            client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return client.read_body() and client.answer(rawserver.answer(client.body[:5]))

        server = self.server(behave, expect=True).start()
        whole = self.load(server.url, "-n", 12, "-c", 3, "-m", "POST", "-b", "b" * 5000, "--expect")
        self.assertEqual(whole["finished"], server.counts.answered)
        self.assertEqual(whole["finished"], 12)
        self.assertEqual(server.counts.early_body, 0)
        self.assertEqual(whole["bytes_out"], server.counts.bytes_in)
        self.assertEqual(whole["bytes_in"], server.counts.bytes_out)

    def test_expect_that_is_refused_sends_no_body(self):
        def behave(client):
            client.answer(rawserver.answer(b"", status="417 Expectation Failed"))
            return client.wait_for_end()

        server = self.server(behave, expect=True).start()
        whole = self.load(server.url, "-n", 9, "-c", 3, "-m", "POST", "-b", "b" * 5000, "--expect", code=1)
        self.assertEqual(whole["status"], {"417": 9})
        self.assertEqual(server.counts.requests, 9)
        self.assertEqual(whole["bytes_out"], server.counts.bytes_in)
        self.assertLess(whole["bytes_out"], 9 * 1000)

    def test_a_server_that_knows_no_100_gets_the_body_in_time(self):
        server = self.server(lambda c: c.read_body() and c.answer(rawserver.answer()), expect=True).start()
        whole = self.load(server.url, "-n", 3, "-c", 3, "-m", "POST", "-b", "b" * 5000, "--expect")
        self.assertEqual(whole["finished"], 3)
        self.assertEqual(whole["bytes_out"], server.counts.bytes_in)

    # ---- HTTP/1.0 ----

    def test_http_1_0_keeps_a_connection_where_it_says_so(self):
        fields = ("Connection: keep-alive",)
        server = self.server(lambda c: c.answer(rawserver.answer(b"hi", *fields, version="1.0"))).start()
        whole = self.load(server.url, "-n", 30, "-c", 3)
        self.assertEqual(whole["finished"], server.counts.answered)
        self.assertLessEqual(server.counts.accepted, 3)
        self.assertEqual(whole["connects"], server.counts.accepted)

    # ---- other ways to load ----

    def test_faults_in_the_open_loop(self):
        """The lab's faults at random, with a schedule instead of waiting clients."""
        lab = self.start_lab()
        faults = ("fault_reset=0.1&fault_close=0.1&fault_truncate=0.1&fault_malformed=0.1"
                  "&fault_silence=0.03&fault_status=503&fault_status_rate=0.1")
        whole = self.load(f"{lab}/health?{faults}", "-n", 1000, "-r", 1000, "-c", 100, "--arrivals", "poisson",
                          "--timeout", "200ms")
        counters = self.counters(lab)
        made = counters["faults"]
        self.assertEqual(self.failures(whole), {
            "reset": made["reset"], "closed": made["close"], "truncated": made["truncate"],
            "malformed": made["malformed"], "timeout": made["silence"], "status": made["status"]})
        self.assertEqual(whole["started"], 1000)
        # one more asked whether the lab is ready
        self.assertEqual(counters["requests"]["received"], 1000 + 1)

    def test_a_dead_service_in_the_open_loop(self):
        """The schedule goes on; each request is a failure of its own, and none is forgotten."""
        port = harness.free_port()
        began = time.monotonic()
        whole = self.load(f"http://127.0.0.1:{port}/", "-r", 200, "-d", "1s", "-c", 5, "--drain", "200ms",
                          "--timeout", "300ms", code=1)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(set(self.failures(whole)) - {"refused", "unsent"}, set())
        self.assertGreaterEqual(whole["started"], 190)

    def test_a_pipeline_that_ends_in_the_middle(self):
        """Three of eight answers, then the end: five requests were for nothing, each counted once."""
        def behave(client):
            client.answer(rawserver.answer())
            return client.turn < 2 or client.end()

        server = self.server(behave).start()
        whole = self.load(server.url, "-n", 160, "-c", 2, "-p", 8)
        self.assertEqual(whole["finished"], server.counts.answered)
        self.assertEqual(whole["connects"], server.counts.accepted)
        self.assertEqual(whole["started"], 160)
        self.assertEqual(whole["unfinished"], 0)
        self.assertLessEqual(set(self.failures(whole)), {"closed", "reset"})

    # ---- certificates ----

    def test_certificates(self):
        cert, key = rawserver.self_signed(self.folder)
        tls = rawserver.tls_context(cert, key)
        server = self.server(lambda c: c.answer(rawserver.answer()), tls=tls).start()
        # a certificate that nobody vouches for: nothing is requested, and the mend is named
        done = self.run_culprit("load", server.url, "-n", 6, "-c", 2, code=1, timeout=20)
        self.assertIn("certificate", done.stderr)
        self.assertIn("--insecure", done.stderr + done.stdout)
        self.assertEqual(server.counts.requests, 0)
        for options in (["--insecure"], ["--ca", cert], ["--ca", cert, "--server-name", "localhost"]):
            before = server.counts.answered
            whole = self.load(server.url, "-n", 20, "-c", 2, *options)
            self.assertEqual(whole["finished"], 20)
            self.assertEqual(server.counts.answered - before, 20)
            self.assertEqual(whole["tls_handshakes"], whole["connects"])
        before = server.counts.answered
        done = self.run_culprit("load", server.url, "-n", 4, "-c", 2, "--ca", cert, "--server-name",
                                "other.example", code=1, timeout=20)
        self.assertIn("the certificate is for localhost", done.stderr)
        self.assertEqual(server.counts.answered, before)

    def test_no_tls_where_tls_is_asked(self):
        """A plain server that is spoken TLS to, and a TLS server that is spoken plain HTTP to."""
        plain = self.start_lab().replace("http:", "https:")
        done = self.run_culprit("load", plain + "/health", "-n", 4, "-c", 2, "--insecure", "--timeout", "1s",
                                code=1, timeout=20)
        self.assertIn("TLS", done.stderr)
        cert, key = rawserver.self_signed(self.folder)
        tls = rawserver.tls_context(cert, key)
        server = self.server(lambda c: c.answer(rawserver.answer()), tls=tls).start()
        whole = self.load(server.url.replace("https:", "http:"), "-n", 4, "-c", 2, code=1)
        self.assertEqual(whole["finished"], 0)
        self.assertEqual(server.counts.requests, 0)


if __name__ == "__main__":
    unittest.main()
