"""A TLS server for test_tls.c: Python's ssl, which tells what it saw.

    tls_server.py FOLDER CERT [ask] [tls1.2] [alpn=NAME,…]

Listens on a free port of 127.0.0.1 and prints it; ends when its standard input does. FOLDER holds
CERT.pem (certificate and key). With "ask" a client must show a certificate that ca.pem signed. Each
connection is a thread, which reads lines:

    who           answers "resumed=… version=… alpn=… sni=… client=…"
    send N        sends N bytes: 0, 1, … 250, 0, 1, …
    take N        reads N bytes, slowly, and answers their sum
    bye           close_notify, then closes
    drop          closes without one
    reset         resets the connection
"""
import os
import socket
import ssl
import struct
import sys
import threading
import time

FOLDER, CERT, *FLAGS = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{FOLDER}/{CERT}.pem")
names = {}


def context_by_name(sock, name, _):
    names[sock] = name


context.sni_callback = context_by_name
for flag in FLAGS:
    if flag == "ask":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(f"{FOLDER}/ca.pem")
    elif flag == "tls1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    elif flag.startswith("alpn="):
        context.set_alpn_protocols(flag[5:].split(","))


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_line(conn):
    line = b""
    while not line.endswith(b"\n"):
        byte = conn.recv(1)
        if not byte:
            return None
        line += byte
    return line.decode().split()


def obey(conn, command, number=0):
    """False: the connection is over."""
    number = int(number)
    if command == "who":
        client = dict(x[0] for x in conn.getpeercert()["subject"]) if conn.getpeercert() else {}
        conn.sendall(f"resumed={int(conn.session_reused)} version={conn.version()} "
                     f"alpn={conn.selected_alpn_protocol() or ''} sni={names.get(conn) or ''} "
                     f"client={client.get('commonName', '')}\n".encode())
    elif command == "send":
        conn.sendall((bytes(range(251)) * (number // 251 + 1))[:number])
    elif command == "take":
        total = 0
        while number:
            got = conn.recv(min(number, 65536))
            if not got:
                return False
            total += sum(got)
            number -= len(got)
            time.sleep(0.001)
        conn.sendall(f"{total}\n".encode())
    elif command == "bye":
        conn.settimeout(0)
        try:
            conn.unwrap()
        except ssl.SSLWantReadError:
            pass  # ours is sent; theirs is not waited for
        conn.close()
        return False
    elif command == "drop":
        os.close(conn.detach())
        return False
    elif command == "reset":
        reset(conn)
        return False
    return True


def serve(sock):
    try:
        conn = context.wrap_socket(sock, server_side=True)
        while (words := read_line(conn)) and obey(conn, *words):
            pass
        if not words:
            conn.close()
    except (OSError, ValueError):
        sock.close()


listener = socket.create_server(("127.0.0.1", 0))


def accept():
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
os._exit(0)
