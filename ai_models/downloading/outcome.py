"""What came of one address of the list, and whether asking again may help."""

from __future__ import annotations

from enum import StrEnum

from ai_models.core.formats import Verdict

__all__ = ["VERDICTS", "FetchError", "Outcome", "StoppedError", "may_pass"]


class Outcome(StrEnum):
    """Why there are no bytes to look at; for bytes that are no image the verdicts of `Verdict` stand in the ledger."""

    OK = "ok"
    BAD_URL = "bad_url"
    """No address that is asked: not http(s), a password in it, a port that is not for the web, no host."""
    ADDRESS_REFUSED = "address_refused"
    """The host, or that of a redirect, has an address that is not public."""
    REDIRECT_REFUSED = "redirect_refused"
    """A redirect in a circle, too many, without encryption after it, or to what is no web address."""
    UNREACHABLE = "unreachable"
    """The name is not known or nobody answers."""
    TLS = "tls"
    """No encrypted connection: a certificate that is not trusted, or for another name."""
    TIMEOUT = "timeout"
    """Silence for too long, or not whole in time."""
    HTTP_ERROR = "http_error"
    """A status other than 200."""
    ENCODED = "encoded"
    """Compressed though plain bytes were asked for: the original bytes are not known."""
    TOO_LARGE = "too_large"
    """More bytes, or a longer header, than the limits."""
    CUT_SHORT = "cut_short"
    """Fewer bytes came than were promised."""
    PROTOCOL = "protocol"
    """An answer that is no HTTP."""
    OCCUPIED = "occupied"
    """Another file stands where this one belongs; it was left alone."""


VERDICTS = frozenset(map(str, (*Outcome, *Verdict)))
_PASSING = {Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.CUT_SHORT, Outcome.PROTOCOL}
_PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}


def may_pass(verdict: str, status: int) -> bool:
    """Return whether a fault is of the kind that goes away: silence, a cut, a server that is busy."""
    return verdict in _PASSING or (verdict == Outcome.HTTP_ERROR and status in _PASSING_STATUS)


class FetchError(Exception):
    """One request that brought no file.

    Parameters
    ----------
    outcome
        The kind.
    detail
        What was found, in a clause.
    status
        HTTP status, 0 where there was none.
    wait
        Seconds that the server asks to wait; 0 where it does not say.
    """

    def __init__(self, outcome: Outcome, detail: str, *, status: int = 0, wait: float = 0.0) -> None:
        self.outcome, self.detail, self.status, self.wait = outcome, detail, status, wait
        super().__init__(f"{outcome}: {detail}")


class StoppedError(Exception):
    """The run ends; what was asked for is dropped."""
