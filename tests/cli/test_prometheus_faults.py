"""Servers that speak as Prometheus does, but err, answer in part, or stop answering half-way; and others
that have no types and no clocks (src/correlate/prometheus*.c)."""
import http.server
import json
import threading
import unittest
import urllib.parse

import harness
import series_print


class Fake(http.server.BaseHTTPRequestHandler):
    """Answers what the test puts into `server.say`: a function of the handler, the page and the form."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.respond(dict(urllib.parse.parse_qsl(self.rfile.read(length).decode())))

    def do_GET(self):
        self.respond(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)))

    def respond(self, form):
        page = urllib.parse.urlsplit(self.path).path
        self.server.seen.append((self.command, page, form, dict(self.headers)))
        self.server.say(self, page, form)

    def send(self, text, status=200, kind="application/json", length=None, **headers):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        pass


def matrix(n, form, more="", values=None):
    """n series over the times that were asked for."""
    start, end, step = (float(form[k]) for k in ("start", "end", "step"))
    times = [start + i * step for i in range(int((end - start) / step + 1.5))]
    series = [{"metric": {"__name__": "x", "n": str(i)}, "values": [[t, str(i + t % 7)] for t in times]}
              for i in range(n)]
    text = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}})
    return text[:-1] + more + "}"


class FakeServer(series_print.Case):
    def serve(self, say):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
        server.daemon_threads = True
        server.say, server.seen, server.over = say, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(.02,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.over.set)
        return server, f"http://127.0.0.1:{server.server_port}"

    def says(self, code=1, **how):
        """The sentence that comes of an answer, by Fake.send's arguments."""
        server, url = self.serve(lambda h, page, form: h.send(**how))
        return self.ask(url, 1000, 1060, 1, "sum(x)", code=code).replace(url, "URL")

    def test_error_answers(self):
        error = '{"status":"error","errorType":"%s","error":"%s"}'
        self.assertEqual(self.says(text=error % ("bad_data", "parse error: x"), status=400),
                         "URL refuses the question: parse error: x")
        self.assertIn("took too long for itself (HTTP 503): query timed out",
                      self.says(text=error % ("timeout", "query timed out"), status=503))
        self.assertIn("HTTP 422, execution: many-to-many",
                      self.says(text=error % ("execution", "many-to-many"), status=422))
        self.assertIn("HTTP 500, internal: \x1b".replace("\x1b", " "),
                      self.says(text=error % ("internal", "\\u001b[31m"), status=500))
        self.assertIn("HTTP 200, internal: no", self.says(text=error % ("internal", "no")))
        said = self.says(text="<html><h1>Bad\n Gateway</h1>", status=502, kind="text/html")
        self.assertIn("HTTP 502 with text/html, not with Prometheus's JSON", said)
        self.assertIn("<html><h1>Bad Gateway</h1>", said)
        self.assertIn("is this the server's own URL", self.says(text="hello", kind="text/plain"))
        self.assertIn("not with Prometheus's JSON", self.says(text=""))
        self.assertIn("wants other credentials (HTTP 401", self.says(text="", status=401))
        self.assertIn("without a result", self.says(text='{"status":"success"}'))
        self.assertIn("no matrix",
                      self.says(text='{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'))
        said = self.says(text="", status=302, Location="http://me:secret@other/login?x=1")
        self.assertIn("sends elsewhere (HTTP 302, to http://other/login)", said)

    def test_nobody_there(self):
        url = f"http://127.0.0.1:{harness.free_port()}"
        self.assertIn(f"{url} cannot be asked: ", self.ask(url, 0, 60, 1, "up", code=1))
        self.assertIn("no URL", self.ask("http://", 0, 60, 1, "up", code=2))
        self.assertIn("not by 'ftp'", self.ask("ftp://x/", 0, 60, 1, "up", code=2))
        self.assertIn("before --to", self.ask(url, 60, 0, 1, "up", code=2))
        self.assertIn("--step", self.ask(url, 0, 60, 0, "up", code=2))
        self.assertIn("steps", self.ask(url, 0, 1e9, .001, "up", code=1))

    def test_half_an_answer(self):
        text = '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1000,"1"],'
        self.assertIn("ended its answer in the middle", self.says(text=text))

        def break_off(handler, page, form):
            handler.send(text, length=100000)
            handler.close_connection = True
            handler.connection.shutdown(2)

        _, url = self.serve(break_off)
        self.assertIn("ended its answer in the middle", self.ask(url, 1000, 1060, 1, "sum(x)", code=1))

        def stall(handler, page, form):
            handler.send(text, length=100000)
            handler.server.over.wait(20)
            handler.close_connection = True

        _, url = self.serve(stall)
        said = self.ask(url, 1000, 1060, 1, "sum(x)", code=1, timeout=.5)
        self.assertIn("stopped answering in the middle", said)

        def silence(handler, page, form):
            handler.server.over.wait(20)
            handler.close_connection = True

        _, url = self.serve(silence)
        self.assertIn("gave no answer within 500 ms", self.ask(url, 1000, 1060, 1, "sum(x)", code=1, timeout=.5))

    def test_partial_answers_are_said(self):
        _, url = self.serve(lambda h, page, form: h.send(matrix(2, form, ',"warnings":["a store is down"]')))
        got = self.ask(url, 1000, 1060, 1, "sum(x)")
        self.assertEqual(got["notes"], "The answer may be partial; the server says: a store is down\n")
        self.assertEqual(got["series"]['x{n="1"}']["values"], [1 + t % 7 for t in range(1000, 1061)])

    def test_too_much(self):
        _, url = self.serve(lambda h, page, form: h.send(matrix(50001, form)))
        said = self.ask(url, 1000, 1003, 1, "sum(x)", code=1)
        self.assertIn("more than 50,000 series", said)
        self.assertIn("narrow it", said)
        _, url = self.serve(lambda h, page, form: h.send(matrix(100, form)))
        self.assertIn("answers with more than 10.0 kB", self.ask(url, 1000, 1060, 1, "sum(x)", code=1, max_bytes=10000))
        self.assertIn("values together are the most", self.ask(url, 1000, 4000000, 1, "sum(x)", code=1))

    def test_pieces_get_smaller(self):
        error = '{"status":"error","errorType":"execution","error":"query processing would load too many samples"}'

        def say(handler, page, form):
            if float(form["end"]) - float(form["start"]) >= 10:
                handler.send(error, status=422)
            else:
                handler.send(matrix(1, form))

        server, url = self.serve(say)
        got = self.ask(url, 1000, 1060, 1, "sum(x)")
        self.assertEqual(got["series"]['x{n="0"}']["values"], [t % 7 for t in range(1000, 1061)])
        asked = [(float(f["start"]), float(f["end"])) for _, _, f, _ in server.seen]
        self.assertEqual(asked[0], (1000, 1003))

    def test_credentials_and_get(self):
        def say(handler, page, form):
            if handler.command == "POST":
                handler.send("no", status=405, kind="text/plain")
            else:
                handler.send(matrix(1, form))

        server, url = self.serve(say)
        self.ask(url.replace("//", "//me:a%40b@") + "/below/", 1000, 1060, 1, "sum(x)")
        commands = [(command, page) for command, page, _, _ in server.seen]
        self.assertEqual(commands, [("POST", "/below/api/v1/query_range")] + 2 * [("GET", "/below/api/v1/query_range")])
        self.assertEqual(server.seen[0][3]["Authorization"], "Basic bWU6YUBi")
        self.ask(url, 1000, 1060, 1, "sum(x)", token="secret")
        self.assertEqual(server.seen[-1][3]["Authorization"], "Bearer secret")
        server.say = lambda h, page, form: h.send("", status=403)
        said = self.ask(url.replace("//", "//me:a%40b@"), 1000, 1060, 1, "sum(x)", code=1)
        self.assertNotIn("a@b", said)
        self.assertIn("credentials", said)

    def test_a_server_without_types_and_clocks(self):
        """As others have that speak Prometheus' language: counters by their names, rates by the steps."""
        def say(handler, page, form):
            if page.endswith("metadata"):
                handler.send("not found", status=404, kind="text/plain")
            elif "up" in form["query"]:
                handler.send('{"status":"success","data":{"resultType":"matrix","result":[]}}')
            else:
                start, end = float(form["start"]), float(form["end"])
                values = [[t, str(3 * (t - 1000) if t < 1030 else t - 1030)] for t in range(int(start), int(end) + 1)]
                handler.send(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [
                    {"metric": {"__name__": "a_total", "job": "j", "instance": "i"}, "values": values}]}}))

        _, url = self.serve(say)
        got = self.ask(url, 1000, 1060, 1, "a_total")
        one = got["series"]['a_total{instance="i",job="j"}']
        self.assertEqual(one["values"], [None] + 29 * [3] + [0] + 30 * [1])
        self.assertEqual(one["resets"], 1)
        self.assertIn("tells no types", got["notes"])
        self.assertIn("it is not known when they were read", got["notes"])


if __name__ == "__main__":
    unittest.main()
