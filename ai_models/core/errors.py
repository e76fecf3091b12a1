"""What can go wrong by the user's hand: one sentence that says what to do, exit status 2."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AmuletError",
    "BundleError",
    "ClusterError",
    "ConfigError",
    "DataError",
    "ImageError",
    "MissingExtraError",
    "OutputError",
    "SplitRefusedError",
    "UntrustedError",
]


class AmuletError(Exception):
    """A fault that the user can mend; its text is one sentence: what, expected, got, what to do."""

    exit_status = 2


class ConfigError(AmuletError, ValueError):
    """Settings that cannot be used; lists every fault at once.

    Parameters
    ----------
    faults
        One clause a fault, each naming the setting, what was expected and what was got.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        return type(self), (self.faults,)


class DataError(AmuletError, ValueError):
    """A folder, a manifest or a table that cannot be worked with."""


class SplitRefusedError(DataError):
    """No honest split exists for these labels and groups; the text names the class and what works."""


class ImageError(AmuletError, ValueError):
    """One image that cannot be decoded.

    Parameters
    ----------
    verdict
        The value of an `ai_models.core.images.Verdict`.
    detail
        What was found, in a clause.
    """

    def __init__(self, verdict: str, detail: str) -> None:
        self.verdict = verdict
        self.detail = detail
        super().__init__(f"{verdict}: {detail}")

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        return type(self), (self.verdict, self.detail)


class OutputError(AmuletError, OSError):
    """A place that cannot be written, or that holds something which is not ours to replace."""


class BundleError(AmuletError, ValueError):
    """A model directory that is incomplete, altered or of another format."""


class UntrustedError(BundleError):
    """A model directory that may be whole, but that nobody whom the user trusts has vouched for."""


class MissingExtraError(AmuletError, ImportError):
    """An optional part that is not installed; the text carries the pip line."""


class ClusterError(AmuletError, RuntimeError):
    """A cluster that cannot be reached, or whose machines would not give the results of this one."""
