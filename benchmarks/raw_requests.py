"""Requests that no client would send, as bytes: what they are, and what comes back. For `service_attacks.py`."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["KINDS", "Attack", "answer_of", "attack"]

Chunks = Iterator[bytes]
_PATHS = (
    "/predict",
    "/predict/file",
    "/predict/batch",
    "/explain",
    "/v2/models/amulet/infer",
    "/",
    "/metrics",
    "/health",
)
_JSON, _FORM = "application/json", "multipart/form-data; boundary=B"


@dataclass(frozen=True)
class Attack:
    """One connection: its kind, and the bytes that are sent, piece after piece."""

    kind: str
    pieces: Callable[[], Chunks]
    patience: float = 12.0


def attack(number: int, key: str, picture: bytes) -> Attack:
    """Return the attack of that number; the same for the same number.

    Parameters
    ----------
    number
        Says kind and every choice.
    key
        An API key that is sent along in half of them; empty for none.
    picture
        An image file.
    """
    rng = np.random.default_rng([6, number])
    kind = list(KINDS)[number % len(KINDS)]
    held = f"X-API-Key: {key}\r\n" if key and rng.random() < 0.5 else ""
    return Attack(kind, lambda: KINDS[kind](np.random.default_rng([7, number]), held, picture))


def answer_of(host: str, port: int, what: Attack) -> str:
    """Return the status of the first answer, ``closed`` where the service hung up, ``silent`` where nothing came."""
    end = time.monotonic() + what.patience
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.settimeout(1.0)
        try:
            for piece in what.pieces():
                if piece:
                    connection.sendall(piece)
        except OSError:
            pass  # it hung up while we sent: what it said before may still be there
        received = b""
        while time.monotonic() < end and len(received) < 2**16:
            try:
                part = connection.recv(2**14)
            except TimeoutError:
                if received:
                    break
                continue
            except OSError:
                break
            if not part:
                break
            received += part
            if received[:5] == b"HTTP/" and len(received) > 12 and not received.startswith(b"HTTP/1.1 100"):
                break
        else:
            return "silent"
    start = received.find(b"HTTP/1.1 ", 1) if received.startswith(b"HTTP/1.1 100") else 0
    status = received[start + 9 : start + 12] if received else b""
    return status.decode("ascii", "replace") if status.isdigit() else "closed"


def _head(path: str, kind: str, *lines: str, method: str = "POST") -> bytes:
    more = "".join(f"{line}\r\n" for line in lines if line)
    return f"{method} {path} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: {kind}\r\n{more}\r\n".encode("latin-1")


def _with_body(path: str, kind: str, body: bytes, held: str = "") -> bytes:
    return _head(path, kind, held.strip(), f"Content-Length: {len(body)}") + body


def _path(rng: np.random.Generator, paths: tuple[str, ...] = _PATHS) -> str:
    return paths[int(rng.integers(len(paths)))]


def _conflicting_lengths(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    first, second = (int(n) for n in rng.integers(0, 100, 2))
    yield _head(_path(rng), _JSON, held.strip(), f"Content-Length: {first}", f"Content-Length: {second}") + bytes(100)


def _length_and_chunks(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield _head(_path(rng), _JSON, held.strip(), "Content-Length: 5", "Transfer-Encoding: chunked")
    yield b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: [::1]\r\n\r\n"


def _wrong_length(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    wrong = ("-1", "+5", "5, 5", "1e3", "0x10", "99999999999999999999", "", " ", "٥", "1_0")
    length = wrong[int(rng.integers(len(wrong)))]
    head = f"POST {_path(rng)} HTTP/1.1\r\nHost: [::1]\r\n{held}Content-Type: {_JSON}\r\n"
    head += f"Content-Length: {length}\r\n\r\n"
    yield head.encode() + b"{}"


def _short_body(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield _head(_path(rng), _JSON, held.strip(), f"Content-Length: {int(rng.integers(10, 100_000))}") + b'{"image_data'


def _huge_length(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield _head(_path(rng), _JSON, held.strip(), f"Content-Length: {10 ** int(rng.integers(9, 18))}")
    for _ in range(40):
        yield bytes(2**15)


def _endless_chunks(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    kind = (_JSON, _FORM)[int(rng.integers(2))]
    yield _head(_path(rng), kind, held.strip(), "Transfer-Encoding: chunked")
    size = int(rng.integers(1, 2**15))
    for _ in range(min(4000, 2**22 // size)):
        yield f"{size:x}\r\n".encode() + b"A" * size + b"\r\n"


def _wrong_chunks(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    wrong = (
        b"zz\r\n",
        b"-5\r\nhello\r\n",
        b"ffffffffffffffffffff\r\n",
        b"5;" + b"x" * 70_000 + b"\r\n",
        b"5\r\nhelloworld",
    )
    yield _head(_path(rng), _JSON, held.strip(), "Transfer-Encoding: chunked") + wrong[int(rng.integers(len(wrong)))]


def _unknown_coding(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield (
        _head(_path(rng), _JSON, held.strip(), "Transfer-Encoding: gzip, chunked", "Content-Encoding: br")
        + b"5\r\n12345\r\n0\r\n\r\n"
    )


def _many_parts(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    names = (
        b'name="files"; filename="f"',
        b'name="file"; filename="f"',
        b'name="x"',
        b"name=confidence_threshold",
        b"",
    )
    part = b"--B\r\nContent-Disposition: form-data; " + names[int(rng.integers(len(names)))] + b"\r\n\r\n1\r\n"
    yield _with_body(_path(rng, _PATHS[1:4]), _FORM, part * 10_000 + b"--B--\r\n", held)


def _odd_form(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    file = b'--B\r\nContent-Disposition: form-data; name="file"; filename="f.png"\r\n\r\n' + picture
    odd: tuple[tuple[str, bytes], ...] = (
        ("multipart/form-data", file),
        ("multipart/form-data; boundary=" + "B" * 5000, file),
        ("multipart/form-data; boundary=\xff\xfe", file),
        ("multipart/form-data; boundary=B; charset=nonsense", file + b"\r\n--B--\r\n"),
        ("multipart/mixed; boundary=B", file + b"\r\n--B--\r\n"),
        (_FORM, b"--B\r\n" + b"X: " + b"y" * 50_000 + b"\r\n\r\n1\r\n--B--\r\n"),
        (_FORM, b"--B\r\n" + b"X: y\r\n" * 20_000 + b"\r\n1\r\n--B--\r\n"),
        (_FORM, b'--B\r\nContent-Disposition: form-data; name="' + b"n" * 50_000 + b'"\r\n\r\n1\r\n--B--\r\n'),
        (_FORM, b'--B\r\nContent-Disposition: form-data; name="file"; filename="../../\x00\xff"\r\n\r\nx\r\n--B--\r\n'),
        (_FORM, b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-9''%ff%00\r\n\r\nx\r\n--B--\r\n"),
        (_FORM, b"--B\r\n\r\n\r\n--B--\r\n"),
        (_FORM, b"--C\r\n"),
        (_FORM, b""),
        (_FORM, b"\r\n" * 50_000),
        (_FORM, file),
        ("application/x-www-form-urlencoded", b"file=" + b"%ff" * 30_000),
        ("application/x-www-form-urlencoded", b"a&" * 90_000),
    )
    kind, body = odd[int(rng.integers(len(odd)))]
    yield _with_body(_path(rng, _PATHS[1:4]), kind, body, held)


def _bad_base64(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    text = bytearray(base64.b64encode(picture))
    for place in rng.integers(0, len(text), int(rng.integers(1, 4))):
        text[place] = int(rng.choice(list(b"!-_= \t%\x7f")))
    body = b'{"image_data": "' + bytes(text) + b'"}' if rng.random() < 0.5 else b'{"images": ["' + bytes(text) + b'"]}'
    yield _with_body(_path(rng, _PATHS[:3:2]), _JSON, body, held)


def _odd_json(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    odd = (
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"{" + b'"a":1,' * 30_000 + b'"b":1}',
        b"\xff\xfe{",
        b"\xef\xbb\xbf{}",
        b"\x00" * 100,
        b'{"image_data": "\\ud800"}',
        b'{"image_data": 1e999999}',
        b'{"image_data": ' + b"9" * 100_000 + b"}",
        b"NaN",
        b"null",
        b'{"image_data": "YQ==", "image_data": 5}',
        b'{"images": ' + b"[[]," * 5000 + b"[]" + b"]" * 5000 + b"}",
        b'"' + b"\\u0041" * 30_000,
        '{"image_data": "'.encode("utf-16") + b"Y\x00" * 1000,
        b'{"inputs": [{"name": "pixels", "shape": [1, 2, 2, 3], '
        b'"datatype": "UINT8", "data": [' + b"255, " * 11 + b"256]}]}",
        b'{"inputs": [{"name": "pixels", "shape": [1, 1, 1, 3], '
        b'"datatype": "UINT8", "data": ' + b"[" * 900 + b"1" + b"]" * 900 + b"}]}",
    )
    yield _with_body(_path(rng, _PATHS[:5]), _JSON, odd[int(rng.integers(len(odd)))], held)


def _odd_keys(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    odd = (
        "กุญแจ".encode(),
        b"\xff" * 200,
        b"ak_" + b"0" * 8 + b"_" + "é".encode() * 43,
        b"\x80",
        b"ak_" * 2000,
        b"",
        b"Bearer",
        b"\t",
    )
    key = odd[int(rng.integers(len(odd)))]
    name = (b"X-API-Key: ", b"Authorization: Bearer ", b"Authorization: ", b"authorization: bearer\t")[
        int(rng.integers(4))
    ]
    body = b'{"image_data": "YQ=="}'
    yield b"POST /predict HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n" + name + key + b"\r\n"
    yield f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def _header_flood(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield f"GET {_path(rng)} HTTP/1.1\r\nHost: [::1]\r\n{held}".encode()
    if rng.random() < 0.5:
        yield b"X: " + b"y" * int(rng.integers(2**15, 2**20)) + b"\r\n\r\n"
    for i in range(int(rng.integers(100, 20_000))):
        yield b"X-%d: y\r\n" % i
    yield b"\r\n"


def _odd_head(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    odd = (
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nX : a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: [::1]\n\n",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nX: \x00\r\n\r\n",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"GET http://other.example/health HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"GET /%00%ff/../../etc/passwd?%ff=%00 HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"GET //health HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"\r\n\r\n\r\nGET /health HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"G" * 70_000,
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: YWJjZGVmZ2hpamtsbW5vcA==\r\n\r\n",
        b"BREW /predict HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"HEAD /health HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"GET /v2/models/%2e%2e%2f/ready HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: [::1]\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n12345",
        b"GET /health HTTP/1.1\r\nHost: [::1]\r\nX-Request-ID: \xff\r\nX-Forwarded-For: \xff, 9.1\r\nOrigin: a\r\n\r\n",
    )
    yield odd[int(rng.integers(len(odd)))]


def _noise(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield rng.bytes(int(rng.integers(1, 5000)))


def _pipelined(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield (f"GET {_path(rng)} HTTP/1.1\r\nHost: [::1]\r\n{held}\r\n" * 50).encode()


def _broken_picture(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    data = bytearray(picture[: int(rng.integers(1, len(picture) + 1))])
    for place in rng.integers(0, len(data), int(rng.integers(0, 20))):
        data[place] = int(rng.integers(256))
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + bytes(data) + b"\r\n--B--\r\n"
    yield _with_body(
        _path(rng, _PATHS[1:4]), _FORM, body.replace(b'"file"', b'"files"') if rng.random() < 0.3 else body, held
    )


def _slow_body(rng: np.random.Generator, held: str, picture: bytes) -> Chunks:
    yield _head(_path(rng), (_JSON, _FORM)[int(rng.integers(2))], held.strip(), "Content-Length: 1000")
    for _ in range(int(rng.integers(1, 6))):
        time.sleep(0.1)
        yield b"{"


KINDS: dict[str, Callable[[np.random.Generator, str, bytes], Chunks]] = {
    function.__name__.strip("_").replace("_", " "): function
    for function in (
        _conflicting_lengths,
        _length_and_chunks,
        _wrong_length,
        _short_body,
        _huge_length,
        _endless_chunks,
        _wrong_chunks,
        _unknown_coding,
        _many_parts,
        _odd_form,
        _bad_base64,
        _odd_json,
        _odd_keys,
        _header_flood,
        _odd_head,
        _noise,
        _pipelined,
        _broken_picture,
        _slow_body,
    )
}
"""What is sent, by name: generator, a line with a key or nothing, an image file -> pieces."""
