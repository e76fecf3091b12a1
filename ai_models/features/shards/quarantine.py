"""What is done with a damaged shard: it is named ``.bad`` and never read again; what is sound of it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import OutputError
from ai_models.core.logs import get_logger
from ai_models.features.shards.cache_folder import BAD
from ai_models.features.shards.file_format import NewerFormatError, open_shard
from ai_models.features.shards.merging import merge
from ai_models.features.shards.shard import DamagedError, Shard

__all__ = ["check", "rename_bad", "set_aside"]

_PIECE = 16 * 2**20  # bytes read at a time

log = get_logger(__name__)


def rename_bad(path: Path, fault: str) -> bool:
    """Rename a shard so that nobody reads it; False where the folder does not allow it."""
    log.warning("feature cache: '%s' is damaged (%s): set aside, computed again", path, fault)
    try:
        path.replace(path.with_suffix(BAD))
    except OSError as error:
        log.debug("cannot set '%s' aside: %s", path, error)
        return False
    return True


def set_aside(shard: Shard, fault: str) -> tuple[Shard | None, NDArray[np.bool_]]:
    """Write what is sound of a damaged shard as a new one, then rename the damaged one.

    Returns
    -------
    tuple
        The new shard, None where nothing is sound or the folder cannot be written; and which rows are damaged.
    """
    unsound, rescued = np.ones(len(shard), dtype=bool), None
    try:
        unsound = damaged_rows(shard)
        rescued = merge([shard], unsound=unsound)
    except (OSError, OutputError, DamagedError) as error:
        log.debug("cannot keep what is sound of '%s': %s", shard.path, error)
    rename_bad(shard.path, fault)
    return rescued, unsound


def damaged_rows(shard: Shard) -> NDArray[np.bool_]:
    """Read all rows and say of each whether it is not what was written.

    Raises
    ------
    OSError
        When the disk fails.
    """
    unsound = np.ones(len(shard), dtype=bool)
    step = max(1, _PIECE // max(1, shard.row_bytes))
    for start in range(0, len(shard), step):
        rows = np.arange(start, min(start + step, len(shard)))
        try:
            unsound[rows] = ~shard.read(rows)[1]
        except DamagedError as error:
            log.debug("rows from %d on of '%s' cannot be read: %s", start, shard.path, error)
    return unsound


def check(path: Path) -> str:
    """Read a whole shard; return what is wrong with it in a clause, ``""`` for nothing. A damaged one is set aside."""
    try:
        shard = open_shard(path)
        unsound = int(damaged_rows(shard).sum())
    except (FileNotFoundError, NewerFormatError):
        return ""
    except OSError as error:
        return f"'{path}' cannot be read ({error.strerror or error})"
    except DamagedError as fault:
        rename_bad(path, str(fault))
        return f"'{path}' is damaged ({fault})"
    if not unsound:
        return ""
    share = f"{unsound} of its {len(shard)} rows do not match their checksum"
    set_aside(shard, share)
    return f"'{path}' is damaged ({share})"
