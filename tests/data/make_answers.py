#!/usr/bin/env python3
"""Records answers/*.http: what real servers answer, byte by byte, and answers/table.csv: what Python's
http.client reads out of them, which the tests hold the parser against.

    tests/data/make_answers.py

Needs the packages of Debian 12: nginx-light 1.22.1, gunicorn 20.1.0, python3-flask 2.2.2,
python3-uvicorn 0.17.6; and Node (recorded with 20.20.2). Each server runs on a free port of
127.0.0.1 while it is recorded. The requests are the same for all of them: CASES.

Columns of the table: file; method of the request; status; keepalive (1: the connection may be used
again); body_bytes; continued (1: a 100 Continue came before); fields (of the final answer); closed
(1: the server closed the connection after it). A file with two answers has two rows.
"""
import csv
import gzip
import http.client
import io
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

OUT = pathlib.Path(__file__).resolve().parent / "answers"
BODY = ("0123456789abcdef" * 64 + "\n") * 3
QUIET_S = .7  # a connection that is silent for so long has said everything

NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; default_type text/plain; keepalive_timeout 65;
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3;
  scgi_temp_path {dir}/4; uwsgi_temp_path {dir}/5;
  server {{
    listen 127.0.0.1:{port}; root {dir}/www;
    location = /gzip {{ gzip on; gzip_min_length 1; gzip_types text/plain; try_files /plain =404; }}
    location = /chunked {{ ssi on; ssi_types text/plain; try_files /chunked =404; }}
    location = /204 {{ return 204; }}
    location = /redirect {{ return 302 /plain; }}
    location = /large {{ try_files /plain =404; {large} }}
    location = /post {{ proxy_pass http://127.0.0.1:{port}/taken; }}
    location = /taken {{ return 200 "taken\\n"; }}
  }}
}}
"""

FLASK = """
import flask, gzip
app = flask.Flask(__name__)
BODY = open({dir!r} + "/www/plain").read()

def plain(): return flask.Response(BODY, content_type="text/plain")

@app.get("/plain")
def get_plain():
    answer = plain()
    answer.set_etag("one")
    return answer.make_conditional(flask.request)

@app.get("/chunked")
def chunked(): return flask.Response(BODY.splitlines(True), content_type="text/plain")

@app.get("/204")
def nothing(): return "", 204

@app.get("/redirect")
def redirect(): return flask.redirect("/plain")

@app.get("/large")
def large():
    answer = plain()
    for i in range(4):
        answer.headers[f"X-Large-{{i}}"] = "x" * 1500
    return answer

@app.get("/gzip")
def zipped():
    return flask.Response(gzip.compress(BODY.encode()), headers={{"Content-Encoding": "gzip"}})

@app.post("/post")
def post(): return f"taken {{len(flask.request.get_data())}}\\n"
"""

ASGI = """
import gzip
BODY = open({dir!r} + "/www/plain", "rb").read()
LENGTH = [(b"content-length", str(len(BODY)).encode())]

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path, headers = scope["path"], dict(scope["headers"])
    status, fields, parts = 200, LENGTH, [BODY]
    if path == "/plain" and headers.get(b"if-none-match") == b'"one"':
        status, fields, parts = 304, [(b"etag", b'"one"')], [b""]
    elif path == "/chunked":
        fields, parts = [], BODY.splitlines(True)
    elif path == "/204":
        status, fields, parts = 204, [], [b""]
    elif path == "/redirect":
        status, fields, parts = 302, [(b"location", b"/plain"), (b"content-length", b"0")], [b""]
    elif path == "/large":
        fields = LENGTH + [(b"x-large-%d" % i, b"x" * 1500) for i in range(4)]
    elif path == "/gzip":
        parts = [gzip.compress(BODY)]
        fields = [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(parts[0]))]
    elif path == "/post":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body")
        fields, parts = [], [b"taken %d" % len(body)]
    elif path != "/plain":
        status, fields, parts = 404, [(b"content-length", b"5")], [b"none\\n"]
    await send({{"type": "http.response.start", "status": status, "headers": fields}})
    for i, part in enumerate(parts):
        await send({{"type": "http.response.body", "body": part, "more_body": i + 1 < len(parts)}})
"""

NODE = """
const http = require("http"), fs = require("fs"), zlib = require("zlib");
const BODY = fs.readFileSync("{dir}/www/plain");
http.createServer((request, answer) => {{
  const path = request.url;
  if (path === "/plain" && request.headers["if-none-match"] === '"one"') {{
    answer.writeHead(304, {{ETag: '"one"'}}).end();
  }} else if (path === "/plain") {{
    answer.setHeader("Content-Length", BODY.length);
    answer.end(BODY);
  }} else if (path === "/chunked") {{
    for (const line of BODY.toString().split(/(?<=\\n)/)) answer.write(line);
    answer.end();
  }} else if (path === "/204") {{
    answer.writeHead(204).end();
  }} else if (path === "/redirect") {{
    answer.writeHead(302, {{Location: "/plain"}}).end();
  }} else if (path === "/large") {{
    for (let i = 0; i < 4; i++) answer.setHeader("X-Large-" + i, "x".repeat(1500));
    answer.end(BODY);
  }} else if (path === "/gzip") {{
    answer.setHeader("Content-Encoding", "gzip");
    answer.end(zlib.gzipSync(BODY));
  }} else if (path === "/post") {{
    let n = 0;
    request.on("data", part => n += part.length);
    request.on("end", () => answer.end("taken " + n));
  }} else {{
    answer.writeHead(404).end("none\\n");
  }}
}}).listen({port}, "127.0.0.1");
"""


def get(path, *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *fields, "", ""])


CASES = {  # the requests; {etag} is what /plain said
    "plain": [get("/plain")],
    "chunked": [get("/chunked")],
    "head": [get("/plain", method="HEAD")],
    "head-chunked": [get("/chunked", method="HEAD")],
    "304": [get("/plain", "If-None-Match: {etag}")],
    "404": [get("/nowhere")],
    "204": [get("/204")],
    "close": [get("/plain", "Connection: close")],
    "http10": [get("/plain", version="1.0")],
    "http10-chunked": [get("/chunked", version="1.0")],
    "http10-keepalive": [get("/plain", "Connection: keep-alive", version="1.0")],
    "redirect": [get("/redirect")],
    "continue": [get("/post", "Expect: 100-continue", "Content-Length: 5", method="POST") + "hello"],
    "broken": ["GET / HTTP/1.1\r\nHost: a\r\nbroken field\r\n\r\n"],
    "large": [get("/large")],
    "pipelined": [get("/plain"), get("/204")],
    "gzip": [get("/gzip", "Accept-Encoding: gzip")],
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def start(name, folder, port):
    def write(file, text):
        (folder / file).write_text(text)

    large = " ".join(f'add_header X-Large-{i} "{"x" * 1500}";' for i in range(4))
    if name == "nginx":
        write("nginx.conf", NGINX.format(dir=folder, port=port, large=large))
        command = ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", "nginx.conf"]
    elif name == "gunicorn":
        write("flask_app.py", FLASK.format(dir=str(folder)))
        command = ["gunicorn", "-k", "gthread", "-b", f"127.0.0.1:{port}", "flask_app:app"]
    elif name == "uvicorn":
        write("asgi_app.py", ASGI.format(dir=str(folder)))
        command = ["/usr/bin/python3", "-m", "uvicorn", "--port", str(port), "asgi_app:app"]
    else:
        write("app.js", NODE.format(dir=folder, port=port))
        command = ["node", "app.js"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL,
                            stderr=(folder / "log").open("w"), start_new_session=True)


def connect(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(.1)
    raise SystemExit("the server does not start")


def record(port, request):
    """All that comes, and whether the server closed."""
    data = b""
    with connect(port) as s:
        s.settimeout(QUIET_S)
        head, mark, body = request.partition("\r\n\r\n")
        s.sendall((head + mark).encode())
        if body and "Expect" in head:  # as the one who waits for the word
            data += s.recv(65536)
        if body:
            s.sendall(body.encode())
        try:
            while piece := s.recv(65536):
                data += piece
            return data, True
        except TimeoutError:
            return data, False
        except ConnectionResetError:
            return data, True


class Recorded:
    """As much of a socket as http.client wants."""

    def __init__(self, data):
        self.file = io.BytesIO(data)
        self.file.close = lambda: None

    def makefile(self, _):
        return self.file


def rows(name, requests, data, closed):
    sock = Recorded(data)
    for i, request in enumerate(requests):
        if i and sock.file.tell() == len(data):
            return  # gunicorn's threads leave a pipelined request unread until more comes
        method = request.split()[0]
        continued = data[sock.file.tell():].startswith(b"HTTP/1.1 100")
        answer = http.client.HTTPResponse(sock, method=method)
        answer.begin()
        body = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            assert gzip.decompress(body).decode() == BODY
        yield [name, method, answer.status, int(not answer.will_close), len(body), int(continued),
               len(answer.headers), int(closed and sock.file.tell() == len(data))]
    assert not sock.file.read(), f"{name}: bytes behind the answers"


def main():
    table = []
    for old in OUT.glob("*.http"):
        old.unlink()
    for server in ("nginx", "gunicorn", "uvicorn", "node"):
        with tempfile.TemporaryDirectory() as name:
            folder, port = pathlib.Path(name), free_port()
            folder.chmod(0o755)
            (folder / "www").mkdir()
            (folder / "www/plain").write_text(BODY)
            (folder / "www/chunked").write_text(BODY)
            process = start(server, folder, port)
            try:
                etag = '"one"'
                for line in record(port, get("/plain"))[0].decode().split("\r\n"):
                    if line.lower().startswith("etag:"):
                        etag = line[5:].strip()
                for case, requests in CASES.items():
                    file = f"{server}-{case}.http"
                    data, closed = record(port, "".join(requests).replace("{etag}", etag))
                    (OUT / file).write_bytes(data)
                    table += rows(file, requests, data, closed)
            except Exception:
                print((folder / "log").read_text(), file=sys.stderr)
                raise
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    with (OUT / "table.csv").open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["file", "method", "status", "keepalive", "body_bytes", "continued", "fields",
                         "closed"])
        writer.writerows(table)


main()
