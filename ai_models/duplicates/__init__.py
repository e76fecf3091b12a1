"""Which images show one object: fingerprints -> edges of several kinds -> graph -> groups.

``symmetry`` the eight flips and turns · ``fingerprint`` what is kept of an image · ``matching`` near pairs ·
``search`` images to edges · ``graph`` edges to groups. Further evidence (embeddings, local features) is a further kind
of edge beside ``matching``; nothing after the edges changes.
"""

from ai_models.duplicates.fingerprint import Fingerprint, fingerprint
from ai_models.duplicates.graph import DuplicateEdge, EdgeKind, connected_groups, merged_user_groups
from ai_models.duplicates.search import duplicate_edges, find_duplicates
from ai_models.duplicates.symmetry import SYMMETRIES, Symmetry

__all__ = [
    "SYMMETRIES",
    "DuplicateEdge",
    "EdgeKind",
    "Fingerprint",
    "Symmetry",
    "connected_groups",
    "duplicate_edges",
    "find_duplicates",
    "fingerprint",
    "merged_user_groups",
]
