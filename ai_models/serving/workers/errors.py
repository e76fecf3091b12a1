"""Why a question to the workers has no answer."""

from __future__ import annotations

__all__ = ["BusyError", "NoAnswerError", "StoppingError", "TimeLimitError", "WorkerLostError"]


class NoAnswerError(Exception):
    """A question that is not answered."""


class BusyError(NoAnswerError):
    """The queue is full.

    Parameters
    ----------
    seconds
        After which it may be tried again: what waits, at the pace of late.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"as many images wait as may: try again in {seconds:.1f} s")


class StoppingError(NoAnswerError):
    """The service stops."""


class TimeLimitError(NoAnswerError):
    """The worker took too long and was killed."""


class WorkerLostError(NoAnswerError):
    """The worker ended: a fault in a decoder, or memory that ran out."""
