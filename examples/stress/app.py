"""An evaluator of log patterns, as in "Optimización del Evaluador en el Sistema de Log Detector": each
request runs a new Python process. Standard library only: python3 app.py [PORT]

    POST /eval          {"pattern": …, "log": …}   runs it, and answers {"matches": N}
    POST /eval-launch   the same, but answers {"id": …} at once
    GET /eval-result/ID {"state": "running"}, or {"state": "done", "matches": N}
    GET /counters       requests by path
"""
import collections
import itertools
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODE = """\
import json, re, sys
job = json.load(sys.stdin)
print(sum(1 for line in job["log"].split("|") if re.search(job["pattern"], line)))
"""
KEPT = 10000  # results; the oldest go

lock = threading.Lock()
ids = itertools.count(1)
results = collections.OrderedDict()
counts = collections.Counter()


def evaluate(job):
    done = subprocess.run([sys.executable, "-I", "-S", "-c", CODE], input=json.dumps(job), text=True,
                          capture_output=True, check=True)
    return {"matches": int(done.stdout)}


def launch(job):
    with lock:
        name = str(next(ids))
        results[name] = {"state": "running"}
        while len(results) > KEPT:
            results.popitem(last=False)

    def run():
        result = evaluate(job)
        with lock:
            results[name] = {"state": "done", **result}

    threading.Thread(target=run).start()
    return {"id": name}


class Evaluator(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        job = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        with lock:
            counts[self.path] += 1
        if self.path == "/eval":
            self.answer(200, evaluate(job))
        elif self.path == "/eval-launch":
            self.answer(202, launch(job))
        else:
            self.answer(404, {})

    def do_GET(self):
        folder, _, name = self.path.rpartition("/")
        with lock:
            counts[folder or self.path] += 1
            result = results.get(name) if folder == "/eval-result" else None
            seen = dict(counts)
        if self.path == "/counters":
            self.answer(200, seen)
        else:
            self.answer(200 if result else 404, result or {})

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer(address, Evaluator).serve_forever()
