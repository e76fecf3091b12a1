"""Stage 0: a CSV of web addresses -> a folder of images by class, and a ledger of where each comes from.

``read_list`` checks the list, ``fetch`` asks for one file over a connection to an address that was checked,
``download`` does all of it with workers, retries and a ledger by which a later run goes on.
"""

from ai_models.downloading.addresses import is_public
from ai_models.downloading.consolidation import Consolidated, consolidate
from ai_models.downloading.ledger import Record
from ai_models.downloading.listing import Entry, read_list
from ai_models.downloading.outcome import Outcome
from ai_models.downloading.stage import Download, check_list, download
from ai_models.downloading.summary import printable, summary
from ai_models.downloading.wire import Network

__all__ = [
    "Consolidated",
    "Download",
    "Entry",
    "Network",
    "Outcome",
    "Record",
    "check_list",
    "consolidate",
    "download",
    "is_public",
    "printable",
    "read_list",
    "summary",
]
