"""culprit load against servers that others wrote: nginx, gunicorn and nghttpd. The engine's counts equal
the lines of their access logs, and its bytes the ones that nginx logs."""
import collections
import json
import os
import re
import shutil
import signal
import unittest

import harness
import rawserver

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
NGHTTPD = shutil.which("nghttpd") or "/usr/sbin/nghttpd"
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{ worker_connections 1024; }}
http {{
    log_format counted '$status $server_protocol $ssl_protocol $ssl_session_reused $connection'
                       ' $remote_addr $bytes_sent $request_length';
    access_log {folder}/access.log counted;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    default_type text/plain; gzip_min_length 1; gzip_types text/plain;
    server {{
        {listen};
        {more}
        location / {{ return 200 "hello, load\\n"; }}
        location /missing {{ return 404; }}
        location = /big {{ alias {folder}/big; }}
    }}
}}
"""
TLS = """ssl_certificate {cert}; ssl_certificate_key {key}; ssl_session_cache shared:s:1m;"""
APP = """
def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body) + 5))])
    return [b"hello" + body]
"""
BODY = "x" * 2000
Line = collections.namedtuple("Line", "status protocol tls reused connection address bytes_out bytes_in")


class Protocols(harness.Case):
    def setUp(self):
        super().setUp()
        self.port = harness.free_port()

    def load(self, url, *args, code=0):
        done = self.run_culprit("load", url, "--warmup", 0, "--json", *args, code=code, timeout=30)
        result = json.loads(done.stdout)
        whole = result["whole_run"]
        failed = sum(n for kind, n in whole["errors"].items() if kind not in ("status", "check"))
        self.assertEqual(whole["started"], whole["finished"] + failed + whole["unfinished"])
        return result

    def nginx(self, listen=None, more="", tls=False):
        """Its URL. With tls, under a certificate of its own, cert.pem."""
        if tls:
            self.cert, key = rawserver.self_signed(self.folder)
            more += TLS.format(cert=self.cert, key=key)
        listen = listen or f"listen 127.0.0.1:{self.port}" + (" ssl" if tls else "")
        config = self.write("nginx.conf", CONFIG.format(
            folder=self.folder, listen=listen, more=more, user="user root;" if os.geteuid() == 0 else ""))
        process = self.start(NGINX, "-c", config, "-e", self.folder / "error.log")
        self.assertTrue(harness.wait_until((self.folder / "pid").exists), "nginx does not start")
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.send_signal, signal.SIGTERM)
        return f"http{'s' if tls else ''}://127.0.0.1:{self.port}/"

    def lines(self, result):
        """nginx's log, which has as many lines as the engine has answers; nginx may still be writing."""
        log = self.folder / "access.log"
        finished = result["whole_run"]["finished"]
        harness.wait_until(lambda: log.read_text().count("\n") >= finished, 3)
        lines = [Line(*text.split()) for text in log.read_text().splitlines()]
        log.write_text("")
        self.assertEqual(len(lines), finished)
        self.assertEqual(collections.Counter(line.status for line in lines), result["whole_run"]["status"])
        return lines

    def check_bytes(self, result, lines, body=0):
        """nginx does not count a body that it throws away."""
        self.assertEqual(sum(int(line.bytes_out) for line in lines), result["whole_run"]["bytes_in"])
        self.assertEqual(sum(int(line.bytes_in) + body for line in lines), result["whole_run"]["bytes_out"])

    def check_clean(self, result, n):
        whole = result["whole_run"]
        self.assertEqual({k: v for k, v in whole["errors"].items() if v}, {})
        self.assertEqual((whole["started"], whole["finished"]), (n, n))

    # ---- HTTP/1.1 ----

    def test_nginx(self):
        url = self.nginx()
        for args in (["-c", 5], ["-c", 5, "-p", 16], ["-c", 3, "--no-keepalive"],
                     ["-c", 4, "--requests-per-connection", 7], ["-c", 4, "-r", 2000],
                     ["-c", 4, "-m", "POST", "-b", BODY], ["-c", 4, "-m", "HEAD"],
                     ["-c", 4, "-m", "POST", "-b", BODY, "--expect"]):
            with self.subTest(args=args[:6]):
                result = self.load(url, "-n", 400, *args)
                self.check_clean(result, 400)
                lines = self.lines(result)
                if "--expect" not in args:  # nginx does not log the 100 Continue
                    self.check_bytes(result, lines, body=len(BODY) if "-b" in args else 0)
                by_connection = collections.Counter(line.connection for line in lines)
                self.assertEqual(len(by_connection), result["whole_run"]["connects"])
                if "--requests-per-connection" in args:
                    self.assertEqual(max(by_connection.values()), 7)
                    self.assertGreaterEqual(len(by_connection), 400 // 7)
                if "--no-keepalive" in args:
                    self.assertEqual(len(by_connection), 400)
                self.assertEqual({line.protocol for line in lines}, {"HTTP/1.1"})

    def test_nginx_that_ends_connections(self):
        """keepalive_requests: it closes after 10 answers, and says so; nothing fails for that."""
        url = self.nginx(more="keepalive_requests 10;")
        result = self.load(url, "-n", 300, "-c", 4)
        self.check_clean(result, 300)
        lines = self.lines(result)
        self.assertEqual(len({line.connection for line in lines}), result["whole_run"]["connects"])
        self.assertGreaterEqual(result["whole_run"]["connects"], 30)

    def test_compressed_bodies_count_as_they_travel(self):
        url = self.nginx(more="gzip on;")
        result = self.load(url, "-n", 60, "-c", 3, "-H", "Accept-Encoding: gzip")
        self.check_clean(result, 60)
        self.check_bytes(result, self.lines(result))

    def test_statuses_and_targets(self):
        url = self.nginx()
        result = self.load(url, "-n", 300, "-c", 4, "--target", "2x /missing")
        status = result["whole_run"]["status"]
        self.lines(result)
        self.assertEqual(set(status), {"200", "404"})
        # two thirds of 300 at random: within 5 deviations (6e-7)
        self.assertLess(abs(status["404"] - 200), 5 * (300 * 2 / 9) ** 0.5)
        self.assertEqual(result["whole_run"]["errors"]["status"], status["404"])

    def test_unix_socket(self):
        path = self.folder / "socket"
        self.nginx(listen=f"listen unix:{path}")
        result = self.load("http://any.example/", "-n", 300, "-c", 4, "--unix-socket", path)
        self.check_clean(result, 300)
        self.check_bytes(result, self.lines(result))

    def test_sources(self):
        url = self.nginx()
        result = self.load(url, "-n", 300, "-c", 6, "--source", "127.0.0.2", "--source", "127.0.0.3")
        self.check_clean(result, 300)
        addresses = {line.connection: line.address for line in self.lines(result)}
        self.assertEqual(collections.Counter(addresses.values()), {"127.0.0.2": 3, "127.0.0.3": 3})
        done = self.run_culprit("load", url, "-n", 5, "--source", "192.0.2.1", code=1)
        self.assertIn("cannot connect from 192.0.2.1; `ip address` lists what this machine has", done.stderr)

    def test_big_bodies(self):
        """Many records of TLS, many frames of HTTP/2, more than a socket holds."""
        self.write("big", "b" * 1000000)
        for tls, http2 in ((False, False), (True, False), (False, True), (True, True)):
            with self.subTest(tls=tls, http2=http2):
                self.port = harness.free_port()
                (self.folder / "pid").unlink(missing_ok=True)
                listen = f"listen 127.0.0.1:{self.port}" + " ssl" * tls + " http2" * http2
                url = self.nginx(listen=listen, tls=tls)
                result = self.load(url + "big", "-n", 60, "-c", 3, "--timeout", "2s",
                                   *(["--ca", self.cert] if tls else []), *(["--http", "2"] if http2 else []))
                self.check_clean(result, 60)
                lines = self.lines(result)
                if not http2:
                    self.check_bytes(result, lines)

    # ---- TLS ----

    def test_tls(self):
        for version in ("TLSv1.2", "TLSv1.3"):
            with self.subTest(version):
                self.port = harness.free_port()
                (self.folder / "pid").unlink(missing_ok=True)
                url = self.nginx(tls=True, more=f"ssl_protocols {version};")
                for args in ([], ["-p", 8]):
                    result = self.load(url, "-n", 300, "-c", 5, "--ca", self.cert, *args)
                    self.check_clean(result, 300)
                    lines = self.lines(result)
                    self.check_bytes(result, lines)
                    self.assertEqual({line.tls for line in lines}, {version})
                    self.assertEqual(result["tls"]["version"], version)
                    self.assertEqual(result["whole_run"]["tls_handshakes"],
                                     len({line.connection for line in lines}))
                for resume in (True, False):
                    result = self.load(url, "-n", 60, "-c", 3, "--ca", self.cert, "--no-keepalive",
                                       *([] if resume else ["--no-tls-resume"]))
                    self.check_clean(result, 60)
                    reused = sum(line.reused == "r" for line in self.lines(result))
                    self.assertEqual(reused, result["whole_run"]["tls_resumed"])
                    self.assertEqual(result["whole_run"]["tls_handshakes"], 60)
                    # all but the first of each thread or connection
                    self.assertGreaterEqual(reused, 50 if resume else 0)
                    self.assertLessEqual(reused, 60 if resume else 0)

    def test_a_certificate_of_ones_own(self):
        rawserver.self_signed(self.folder, "me")
        url = self.nginx(tls=True, more=f"ssl_client_certificate {self.folder}/me.pem; ssl_verify_client on;")
        with_own = self.load(url, "-n", 40, "-c", 2, "--ca", self.cert, "--cert", self.folder / "me.pem",
                             "--key", self.folder / "me.key")
        self.check_clean(with_own, 40)
        self.lines(with_own)
        without = self.load(url, "-n", 4, "-c", 2, "--ca", self.cert, code=1)
        self.assertEqual(without["whole_run"]["status"].get("200", 0), 0)

    # ---- HTTP/2 ----

    def test_http2_by_alpn(self):
        url = self.nginx(listen=f"listen 127.0.0.1:{self.port} ssl http2", tls=True)
        for args in (["--http", "2"], ["--http", "auto"], ["--http", "2", "-p", 20],
                     ["--http", "2", "-m", "POST", "-b", "x" * 100000], ["--http", "2", "--no-keepalive"]):
            with self.subTest(args=args[:4]):
                result = self.load(url, "-n", 200, "-c", 3, "--ca", self.cert, *args)
                self.check_clean(result, 200)
                lines = self.lines(result)
                self.assertEqual({line.protocol for line in lines}, {"HTTP/2.0"})
                self.assertEqual(result["protocol"], "h2")
                self.assertEqual(len({line.connection for line in lines}), result["whole_run"]["connects"])

    def test_auto_takes_what_there_is(self):
        url = self.nginx(tls=True)
        result = self.load(url, "-n", 40, "-c", 2, "--ca", self.cert, "--http", "auto")
        self.check_clean(result, 40)
        self.assertEqual({line.protocol for line in self.lines(result)}, {"HTTP/1.1"})
        self.assertEqual(result["protocol"], "HTTP/1.1")
        result = self.load(url, "-n", 4, "-c", 2, "--ca", self.cert, "--http", "2", code=1)
        self.assertEqual(result["whole_run"]["finished"], 0)

    def test_http2_with_prior_knowledge(self):
        url = self.nginx(listen=f"listen 127.0.0.1:{self.port} http2")
        for args in ([], ["-p", 50], ["-r", 2000]):
            result = self.load(url, "-n", 400, "-c", 3, "--http", "2", *args)
            self.check_clean(result, 400)
            lines = self.lines(result)
            self.assertEqual({line.protocol for line in lines}, {"HTTP/2.0"})
            self.assertLessEqual(result["whole_run"]["connects"], 3)

    def test_http2_goaway(self):
        """keepalive_requests: GOAWAY after 20 streams, with others under way. nginx answers each stream
        that it took, and logs it; each other one is sent again or counted as failed, once."""
        url = self.nginx(listen=f"listen 127.0.0.1:{self.port} http2", more="keepalive_requests 20;")
        for depth in (1, 10):
            result = self.load(url, "-n", 400, "-c", 2, "--http", "2", "-p", depth)
            lines = self.lines(result)
            self.assertEqual(result["whole_run"]["unfinished"], 0)
            self.assertEqual(len({line.connection for line in lines}), result["whole_run"]["connects"])
            if depth == 1:
                self.check_clean(result, 400)

    def test_nghttpd(self):
        self.write("index.html", "hello, load\n")
        cert, key = rawserver.self_signed(self.folder)
        for tls in (False, True):
            port = harness.free_port()
            with open(self.folder / "log", "w") as log:
                server = self.start(NGHTTPD, "-v", "-a", "127.0.0.1", "-d", self.folder,
                                    *([port, key, cert] if tls else ["--no-tls", port]), stdout=log)
                url = f"http{'s' if tls else ''}://127.0.0.1:{port}/index.html"
                self.assertTrue(harness.wait_until(lambda: "listen" in (self.folder / "log").read_text()))
                result = self.load(url, "-n", 300, "-c", 3, "-p", 10, "--http", "2", "--insecure")
                server.send_signal(signal.SIGTERM)
                server.wait(10)
            self.check_clean(result, 300)
            text = (self.folder / "log").read_text()
            self.assertEqual(len(re.findall(r"recv \(stream_id=\d+\) :path: /index.html", text)), 300)
            connections = set(re.findall(r"^\[id=(\d+)\]", text, re.M))
            self.assertEqual(len(connections), result["whole_run"]["connects"])

    # ---- gunicorn ----

    def test_gunicorn_on_a_unix_socket(self):
        self.write("app.py", APP)
        path, log = self.folder / "socket", self.folder / "access.log"
        self.start("gunicorn", "-b", f"unix:{path}", "-k", "gthread", "-w", 1, "--threads", 4,
                   "--access-logfile", log, "--access-logformat", "%(s)s %(m)s", "app:app")
        self.assertTrue(harness.wait_until(path.exists))
        for args in ([], ["-m", "POST", "-b", "body"], ["--no-keepalive"]):
            result = self.load("http://localhost/", "-n", 200, "-c", 4, "--unix-socket", path, *args)
            self.check_clean(result, 200)
        harness.wait_until(lambda: log.read_text().count("\n") >= 600, 3)
        self.assertEqual(collections.Counter(log.read_text().splitlines()), {"200 GET": 400, "200 POST": 200})


if __name__ == "__main__":
    unittest.main()
