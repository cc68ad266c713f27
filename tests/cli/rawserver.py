"""A server that sends exactly the bytes that a test wants, one thread a connection, and counts for itself.
Its counters lie in shared memory, so that what a forked and killed server counted can still be read.

    answered  whole answers, counted before their last bytes are handed to the kernel: who has read one
              finds it counted
    handed    the same, counted once the kernel took them
"""
import contextlib
import mmap
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

NAMES = ("accepted", "requests", "answered", "handed", "bytes_in", "bytes_out", "early_body")


def answer(body=b"hello", *fields, status="200 OK", version="1.1"):
    """An answer whose length is right."""
    lines = [f"HTTP/{version} {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


class Counts:
    def __init__(self):
        self.memory = mmap.mmap(-1, 8 * len(NAMES))
        self.lock = threading.Lock()

    def add(self, name, n=1):
        at = 8 * NAMES.index(name)
        with self.lock:
            struct.pack_into("q", self.memory, at, struct.unpack_from("q", self.memory, at)[0] + n)

    def __getattr__(self, name):
        if name not in NAMES:
            raise AttributeError(name)
        return struct.unpack_from("q", self.memory, 8 * NAMES.index(name))[0]


class Client:
    """One connection. A test's behaviour is a function of a Client whose request was just read; the
    connection ends when it returns False."""

    def __init__(self, server, connection, number):
        self.counts = server.counts
        self.socket = connection
        self.number = number  # of the connection, from 0
        self.turn = -1        # of the request on it, from 0
        self.behind = b""     # what was read and belongs to later requests

    def receive(self):
        data = self.socket.recv(65536)
        self.counts.add("bytes_in", len(data))
        return data

    def read_until(self, enough):
        while not enough(self.behind):
            data = self.receive()
            if not data:
                return False
            self.behind += data
        return True

    def read_head(self):
        if not self.read_until(lambda got: b"\r\n\r\n" in got):
            return False
        self.head, _, self.behind = self.behind.partition(b"\r\n\r\n")
        return True

    def read_body(self):
        length = 0
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not self.read_until(lambda got: len(got) >= length):
            return False
        self.body, self.behind = self.behind[:length], self.behind[length:]
        return True

    def send(self, data):
        """Bytes that are no whole answer, or no end of one."""
        self.counts.add("bytes_out", len(data))
        self.socket.sendall(data)
        return True

    def answer(self, data):
        self.counts.add("answered")
        self.send(data)
        self.counts.add("handed")
        return True

    def reset(self):
        """The connection ends with a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def end(self):
        """The connection ends, but not before the client has read all; to close with unread requests
        would reset it, and take answers with it."""
        self.socket.shutdown(socket.SHUT_WR)
        return self.wait_for_end()

    def wait_for_end(self):
        while self.receive():
            pass
        return False

    def body_comes_early(self, seconds):
        """Whether anything more comes within the time."""
        self.socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            data = self.receive()
            self.behind += data
            self.counts.add("early_body", len(data) > 0)
        self.socket.settimeout(None)


class RawServer:
    """behave(client) answers a request; expect: it reads the request's body itself, after the head."""

    def __init__(self, behave, tls=None, expect=False):
        self.behave, self.expect = behave, expect
        self.counts = Counts()
        self.tls = tls
        self.listener = None
        self.pid = None
        self.listen(0)
        self.port = self.listener.getsockname()[1]

    def listen(self, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(1024)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/"

    def serve_client(self, connection, number):
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            client = Client(self, connection, number)
            going = True
            while going and client.read_head() and (self.expect or client.read_body()):
                client.turn += 1
                self.counts.add("requests")
                going = self.behave(client)
            connection.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.counts.add("accepted")
                threading.Thread(target=self.serve_client, daemon=True,
                                 args=(connection, self.counts.accepted - 1)).start()

    def start(self):
        """In this process."""
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def fork(self):
        """In a process of its own, which ends with this one; again on the same port after a kill."""
        if self.listener.fileno() < 0:
            self.listen(self.port)
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            threading.Thread(target=self.serve, daemon=True).start()
            while os.getppid() == parent:
                time.sleep(0.1)
            os._exit(0)
        self.listener.close()
        return self

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.pid = None


def self_signed(folder, name="localhost"):
    """(certificate, key) for a name and 127.0.0.1, made by openssl."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def tls_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
