"""Clients that are slow on purpose, and one that only asks whether the service lives; processes beside the load."""

from __future__ import annotations

import selectors
import socket
import sys
import time

HEAD = b"POST /predict/file HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def slow_clients(port: int, count: int) -> None:
    """Hold so many connections open for ever: a third sends its head byte by byte, a third a body, a third nothing."""
    selector = selectors.DefaultSelector()
    clients: dict[int, tuple[socket.socket, int, int]] = {}

    def connect(kind: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setblocking(False)
        if kind == 1:
            sock.send(HEAD + b"Content-Length: 2000000\r\n\r\n" + START + bytes(30_000))
        selector.register(sock, selectors.EVENT_READ)
        clients[sock.fileno()] = sock, kind, 0

    for i in range(count):
        connect(i % 3)
    print("there", flush=True)
    while True:
        until = time.perf_counter() + 1.0
        while (left := until - time.perf_counter()) > 0:
            for key, _ in selector.select(left):
                sock, kind, _ = clients[key.fd]
                try:
                    if sock.recv(65536):
                        continue
                except OSError:
                    pass
                selector.unregister(sock)
                del clients[key.fd]
                sock.close()
                connect(kind)  # whoever is cut off comes back
        for number, (sock, kind, sent) in list(clients.items()):
            try:
                if kind == 0 and sent < len(HEAD):
                    sock.send(HEAD[sent : sent + 1])
                elif kind == 1:
                    sock.send(b"x")
                clients[number] = sock, kind, sent + 1
            except OSError:
                continue  # the end is seen when it is read


def probe(port: int) -> None:
    """Ask for ``/livez`` twenty times a second, and write each time taken in milliseconds; -1 where it failed."""
    while True:
        start = time.perf_counter()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                fine = sock.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            fine = False
        took = time.perf_counter() - start
        print(f"{1000 * took:.3f}" if fine else "-1", flush=True)
        time.sleep(max(0.0, 0.05 - took))


if __name__ == "__main__":
    kind, port, *count = sys.argv[1:]
    slow_clients(int(port), int(count[0])) if kind == "slow" else probe(int(port))
