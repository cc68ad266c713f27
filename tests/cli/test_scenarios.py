"""Scenarios as a whole: what the service saw against what culprit counted, and the examples."""
import collections
import hashlib
import http.server
import json
import sys
import threading

import harness

# One thread: with two, the users of the first may have sent all requests before the second has its core.
SHOP = """\
load: {{url: '{url}', connections: 4, threads: 1, requests: {requests}, data: users.csv, order: in-order}}
start:
  - post: /login
    name: log in
    json: {{user: "{{name}}", password: "{{password}}"}}
    take:
      token: {{json: /token}}
      me: {{json: /me}}
    check: {{status: 200, json: {{/ok: true}}}}
steps:
  - get: /items?me={{me}}
    name: items
    headers: {{Authorization: 'Bearer {{token}}'}}
    take:
      item: {{regex: 'item=([0-9]+)'}}
    check: {{contains: item, header: {{Content-Type: text/html}}, latency: 1m}}
  - post: /cart
    name: cart
    form: {{item: '{{item}}', me: '{{me}}'}}
    check: {{status: [201, 204]}}
"""


class Shop(http.server.BaseHTTPRequestHandler):
    """Gives out a token and a cookie, and refuses who comes without them or with another's item."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status, body, kind="text/html; charset=utf-8", **headers):
        self.server.seen[f"{self.path.partition('?')[0]} {status}"] += 1
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def signed_in(self, me):
        return f"session=s-{me}" in self.headers.get("Cookie", "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with self.server.lock:
            if self.path == "/login":
                user = json.loads(body)
                if user["password"] != "p-" + user["user"]:
                    return self.answer(403, "no")
                me = user["user"]
                self.answer(200, json.dumps({"ok": True, "token": "t " + me, "me": me}),
                            "application/json", Set_Cookie=f"session=s-{me}; Path=/; HttpOnly")
            else:
                item, me = [part.partition("=")[2] for part in body.split("&")]
                right = self.signed_in(me) and item in self.server.given.get(me, ())
                self.answer(201 if right else 400, "")

    def do_GET(self):
        with self.server.lock:
            me = self.path.partition("me=")[2]
            if not self.signed_in(me) or self.headers.get("Authorization") != f"Bearer t {me}":
                return self.answer(401, "no")
            self.server.next += 1
            self.server.given[me].add(str(self.server.next))
            sold_out = self.server.sold_out and self.server.next % self.server.sold_out == 0
            self.answer(200, "sold out" if sold_out else f"<a item={self.server.next}>")

    def log_message(self, *args):
        pass


class Scenarios(harness.Case):
    def start_shop(self, sold_out=0):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
        server.daemon_threads = True
        server.seen, server.given = collections.Counter(), collections.defaultdict(set)
        server.lock, server.next, server.sold_out = threading.Lock(), 0, sold_out
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.write("users.csv", "name,password\n" + "".join(f"u{i},p-u{i}\n" for i in range(50)))
        return server, f"http://127.0.0.1:{server.server_address[1]}"

    def load(self, *args, code=0):
        return json.loads(self.run_culprit("load", *args, "--json", code=code).stdout)

    def test_log_in_take_and_cookies(self):
        server, url = self.start_shop()
        self.write("shop.yaml", SHOP.format(url=url, requests=204))
        result = self.load("-s", "shop.yaml")
        self.assertEqual(result["failed"], 0, result)
        self.assertEqual(result["whole_run"]["finished"], 204)
        self.assertEqual(server.seen["/login 200"], 4)
        self.assertEqual(sum(server.seen.values()), 204)
        self.assertEqual(server.seen["/items 200"] + server.seen["/cart 201"], 200)
        steps = {step["name"]: step["completed"] for step in result["targets"]}
        self.assertEqual(steps, {"log in": 4, "items": server.seen["/items 200"],
                                 "cart": server.seen["/cart 201"]})
        files = result["asked"]["files"]
        self.assertEqual(files["scenario"]["text"], (self.folder / "shop.yaml").read_text())
        users = (self.folder / "users.csv").read_bytes()
        self.assertEqual(files["data"], {"bytes": len(users), "sha256": hashlib.sha256(users).hexdigest()})
        checks = {check["name"]: (check["passed"], check["failed"]) for check in result["checks"]}
        self.assertEqual(checks["log in: /ok is true"], (4, 0))
        self.assertEqual(checks["items: contains item"], (server.seen["/items 200"], 0))
        self.assertEqual(checks["cart: status 201 or 204"], (server.seen["/cart 201"], 0))

    def test_a_failed_step_ends_its_turn(self):
        server, url = self.start_shop(sold_out=3)
        self.write("shop.yaml", SHOP.format(url=url, requests=304))
        result = self.load("-s", "shop.yaml")
        items = server.seen["/items 200"]
        self.assertEqual(result["errors"]["check"], items // 3)
        self.assertEqual(result["failed"], items // 3)
        self.assertEqual(server.seen["/cart 400"], 0)
        # at the end some of the four have had their item and not yet put it into the cart
        self.assertLessEqual(items - items // 3 - server.seen["/cart 201"], 4)
        checks = {check["name"]: (check["passed"], check["failed"]) for check in result["checks"]}
        self.assertEqual(checks["items: contains item"], (items - items // 3, items // 3))

    def test_without_cookies_nobody_is_let_in(self):
        server, url = self.start_shop()
        self.write("shop.yaml", "cookies: false\n" + SHOP.format(url=url, requests=24))
        result = self.load("-s", "shop.yaml")
        self.assertEqual(server.seen["/items 401"], 20)
        self.assertEqual(result["errors"]["status"], 20)
        self.assertEqual(server.seen["/cart 201"] + server.seen["/cart 400"], 0)

    def test_mistakes_are_said_with_their_line(self):
        self.write("bad.yaml", "load: {url: http://127.0.0.1:1}\nsteps:\n  - get: /\n    chekc: {}\n")
        done = self.run_culprit("load", "-s", "bad.yaml", code=2)
        self.assertIn("bad.yaml:4: unknown key 'chekc' in a step; did you mean 'check'?", done.stderr)
        done = self.run_culprit("load", "-s", "bad.yaml", "-m", "PUT", code=2)
        self.assertIn("--method and the scenario bad.yaml", done.stderr)


class Examples(harness.Case):
    def start_evaluator(self):
        port = harness.free_port()
        self.start(sys.executable, harness.ROOT / "examples/stress/app.py", port)
        url = f"http://127.0.0.1:{port}"
        self.assertTrue(harness.wait_until(lambda: self.answers(url)), "the evaluator does not answer")
        return url

    def answers(self, url):
        try:
            return harness.get(url + "/counters")
        except OSError:
            return None

    def test_stress(self):
        url = self.start_evaluator()
        for name, requests in (("eval", 60), ("launch", 20)):
            done = self.run_culprit("load", "-s", harness.ROOT / f"examples/stress/{name}.yaml", url,
                                    "-n", requests, "--json")
            result = json.loads(done.stdout)
            self.assertEqual((result["completed"], result["failed"]), (requests, 0), result["errors"])
        seen = json.loads(harness.get(url + "/counters"))
        self.assertEqual(seen["/eval"], 60)
        self.assertEqual(seen["/eval-launch"] + seen["/eval-result"], 20)
        done = self.run_culprit("load", "-s", harness.ROOT / "examples/stress/eval.yaml", url, "-n", 20,
                                "--csv")
        self.assertGreater(len(done.stdout.splitlines()), 1)

    def test_mixed(self):
        url = self.start_lab()
        done = self.run_culprit("load", "-s", harness.ROOT / "examples/mixed-scenario.yaml", url, "-n",
                                420, "-t", 1, "--json")
        result = json.loads(done.stdout)
        counters = self.counters(url)
        self.assertEqual((result["completed"], result["failed"]), (420, 0))
        self.assertEqual(counters["routes"]["/io"]["answered"] + counters["routes"]["/cpu"]["answered"], 400)
