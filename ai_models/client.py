"""A client of the service: the standard library and this one file, so it may be copied to where the package is not.

    from ai_models.client import Client

    with Client("https://amulets.example", key="ak_...") as service:
        answer = service.predict("photograph.jpg")
        print(answer.verdict, answer.predicted_class, answer.confidence)

Judging an image changes nothing on the server, so every request may be repeated. It is, after a pause, where the
server says "not now" (429, 502, 503) or the connection fails. A pause is what ``Retry-After`` asks for, and beyond it a
time drawn evenly from 0 to a bound that doubles each time (full jitter: Brooker, AWS Architecture Blog, 2015), so that
clients that were refused together do not come back together.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import os
import random
import ssl
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = [
    "Answer",
    "BusyError",
    "Client",
    "ImageRefusedError",
    "NotAllowedError",
    "Problem",
    "RateLimitError",
    "RequestError",
    "ServiceError",
    "UnreachableError",
]

Image = str | os.PathLike[str] | bytes
T = TypeVar("T")
_AGAIN = (429, 502, 503)
_FAULTS = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Problem:
    """What the service says of a request, or of an image, that it cannot answer (RFC 9457).

    Attributes
    ----------
    status
        The HTTP status; 0 where there was no answer.
    type, title, detail
        The kind, its name, and one sentence: what, expected, got, what to do.
    request_id
        By which the service's log names the request.
    image_verdict
        Why an image cannot be read: ``empty``, ``unsupported``, ``truncated``, ``corrupt``, ``bomb``; else ``""``.
    """

    status: int
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    request_id: str = ""
    image_verdict: str = ""


@dataclass(frozen=True)
class Answer:
    """What the model says of one image; the fields of `POST /predict`.

    Attributes
    ----------
    predicted_class, confidence
        The likeliest class and its calibrated probability.
    verdict
        ``in_domain``, ``unsure`` or ``ood``: look at it before the class.
    probabilities
        Class -> calibrated probability; empty where not asked for.
    prediction_set, prediction_set_by_class
        The classes that remain possible.
    ood_p_value
        Share of known objects that look at least as unusual.
    reason, detail
        Why the verdict is what it is, as a word and as a clause.
    model_version, processing_time_ms, disclaimer
        As the service gives them.
    """

    predicted_class: str
    confidence: float
    verdict: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    prediction_set: tuple[str, ...] = ()
    prediction_set_by_class: tuple[str, ...] = ()
    ood_p_value: float = 1.0
    reason: str = "none"
    detail: str = ""
    model_version: str = ""
    processing_time_ms: float = 0.0
    disclaimer: str = ""


class ServiceError(Exception):
    """The service did not answer as asked.

    Attributes
    ----------
    problem
        What it said.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail or problem.title or f"the service answered {problem.status}")


class RequestError(ServiceError):
    """The request cannot be used as it is (400, 404, 422 and the like)."""


class ImageRefusedError(RequestError):
    """The image cannot be read, or has too many bytes or pixels (413, 415, 422)."""


class NotAllowedError(ServiceError):
    """The key is missing, unknown, expired, or not for this (401, 403)."""


class RateLimitError(ServiceError):
    """More images in a minute than the key may ask about, also after waiting (429)."""


class BusyError(ServiceError):
    """The service is full, stopping or without a model, also after waiting (502, 503), or took too long (504)."""


class UnreachableError(ServiceError):
    """No connection, or none that lasted, also after trying again."""


class Client:
    """Asks one service; threads may share it, each has a connection of its own.

    Parameters
    ----------
    address
        Of the service, such as ``https://amulets.example``.
    key
        The API key; empty where none is asked for.
    timeout
        Seconds for connecting, and for each wait for more bytes.
    attempts
        How often a request is sent at most.
    patience
        Seconds for all attempts and pauses of one request; a pause that would pass it is not begun.
    first_pause, longest_pause
        Seconds: bounds of the first pause and of every later one, where the service names no time itself.
    context
        How TLS is checked; the system's certificates when None.
    sleep, draw
        How to pause, and a number from [0, 1): for tests.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str = "",
        timeout: float = 30.0,
        attempts: int = 5,
        patience: float = 60.0,
        first_pause: float = 0.25,
        longest_pause: float = 8.0,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], object] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"address must be like https://amulets.example, got {address!r}")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path, self._key = parts.path.rstrip("/"), key
        self._timeout, self._attempts, self._patience = timeout, max(1, attempts), patience
        self._first, self._longest = first_pause, longest_pause
        self._context, self._sleep, self._draw = context, sleep, draw
        self._mine = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def predict(self, image: Image, *, confidence_threshold: float = 0.5, return_probabilities: bool = True) -> Answer:
        """Return what the model says of an image.

        Parameters
        ----------
        image
            A file, or the bytes of one.
        confidence_threshold
            Below this confidence the verdict is at least ``unsure``.
        return_probabilities
            Whether `Answer.probabilities` lists every class.

        Raises
        ------
        ServiceError
            One of its kinds.
        OSError
            When the file cannot be read.
        """
        body, kind = _form({"file": [image]}, confidence_threshold, return_probabilities)
        return _made(Answer, self._asked("POST", "/predict/file", body, kind))

    def predict_batch(
        self, images: Sequence[Image], *, confidence_threshold: float = 0.5, return_probabilities: bool = True
    ) -> list[Answer | Problem]:
        """Return an answer for each image, in order; of one that cannot be used, the problem."""
        if not images:
            return []
        body, kind = _form({"files": images}, confidence_threshold, return_probabilities)
        results = self._asked("POST", "/predict/batch", body, kind)["results"]
        return [_made(Answer, r) if r.get("success") else _made(Problem, r) for r in results]

    def health(self) -> dict[str, Any]:
        """Return how the service is; raises as `predict`."""
        return self._asked("GET", "/health")

    def ready(self) -> bool:
        """Return whether images would be judged now; asked once, False where the service cannot be reached."""
        try:
            status, _, _ = self._sent("GET", "/readyz", b"", {})
        except _FAULTS:
            return False
        return status == 200

    def close(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._mine = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- asking ----------------------------------------------------------------------------------------------

    def _asked(self, method: str, path: str, body: bytes = b"", kind: str = "") -> dict[str, Any]:
        """Return the answer's JSON; asks again where that may help."""
        name = uuid.uuid4().hex
        headers = {"Accept": "application/json", "X-Request-ID": name}
        if kind:
            headers["Content-Type"] = kind
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        until = time.monotonic() + self._patience
        for attempt in range(1, self._attempts + 1):
            least, failed = 0.0, ServiceError(Problem(0))
            try:
                status, given, data = self._sent(method, path, body, headers)
            except ssl.SSLCertVerificationError as error:  # it will not be another one next time
                raise UnreachableError(self._unreachable(error, name)) from error
            except _FAULTS as error:
                failed = UnreachableError(self._unreachable(error, name))
            else:
                if status < 300:
                    return dict(json.loads(data))
                failed = _error(status, data, name)
                if status not in _AGAIN:
                    raise failed
                least = _seconds(given.get("retry-after", ""))
            bound = min(self._longest, self._first * 2 ** (attempt - 1))
            pause = least + self._draw() * bound
            if attempt == self._attempts or time.monotonic() + pause > until:
                raise failed
            self._sleep(pause)
        raise AssertionError("not reached")

    def _sent(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self._connection()
            self._opened.append(connection)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before reading all
                connection.request(method, self._path + path, body=body or None, headers=dict(headers))
            answer = connection.getresponse()
            data = answer.read()
        except BaseException:
            connection.close()  # what was left of the old exchange is not to be read as part of the next
            raise
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = self._context or ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)

    def _unreachable(self, error: BaseException, name: str) -> Problem:
        where = f"{self._host}:{self._port}" if self._port else self._host
        told = f"the service at {where} cannot be reached ({error or type(error).__name__}): is it running?"
        return Problem(0, title="unreachable", detail=told, request_id=name)


def _form(files: Mapping[str, Sequence[Image]], threshold: float, probabilities: bool) -> tuple[bytes, str]:
    """Return a body of multipart/form-data and its content type."""
    boundary = f"amulet-{uuid.uuid4().hex}"
    plain = {"confidence_threshold": repr(float(threshold)), "return_probabilities": str(probabilities).lower()}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in plain.items()
    ]
    for name, images in files.items():
        for i, image in enumerate(images):
            data = image if isinstance(image, bytes) else Path(image).read_bytes()
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{i}"\r\n'
            parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + data + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def _made(kind: type[T], told: Mapping[str, Any]) -> T:
    """Return a result from JSON: fields that are not known here are passed over, null stands for the default."""
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    values = {name: value for name, value in told.items() if name in known and value is not None}
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _error(status: int, data: bytes, name: str) -> ServiceError:
    """Return the error of an answer, whatever its body is: a proxy before the service answers with pages of its own."""
    try:
        told = json.loads(data)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    text = {key: value for key, value in told.items() if isinstance(value, str)}
    problem = _made(Problem, {"request_id": name, **text, "status": status})
    if status in (401, 403):
        return NotAllowedError(problem)
    if status == 429:
        return RateLimitError(problem)
    if status in (502, 503, 504):
        return BusyError(problem)
    if problem.image_verdict or status in (413, 415):
        return ImageRefusedError(problem)
    return RequestError(problem) if 400 <= status < 500 else ServiceError(problem)


def _seconds(retry_after: str) -> float:
    """Return the pause that ``Retry-After`` asks for: seconds, or until a date."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
