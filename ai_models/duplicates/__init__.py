"""Which images show one object: looks -> edges of several kinds -> graph -> groups.

``symmetry`` the eight flips and turns · ``fingerprint``, ``keypoints`` what an image is reduced to · ``looks`` many of
them, on disk · ``matching`` near-equal pictures · ``candidates``, ``registration``, ``empirical_null`` pictures that
lie over one another · ``hints`` names and cameras · ``search`` images to edges · ``graph`` edges to groups. Further
evidence is a further kind of edge; nothing after the edges changes.
"""

from ai_models.duplicates.empirical_null import EmpiricalNull
from ai_models.duplicates.fingerprint import Fingerprint, fingerprint
from ai_models.duplicates.graph import DuplicateEdge, EdgeKind, connected_groups, merged_user_groups
from ai_models.duplicates.hints import burst_edges, edges_within, pattern_groups
from ai_models.duplicates.looks import Look, Looks, look_at
from ai_models.duplicates.search import Evidence, duplicate_evidence, find_duplicates
from ai_models.duplicates.symmetry import SYMMETRIES, Symmetry

__all__ = [
    "SYMMETRIES",
    "DuplicateEdge",
    "EdgeKind",
    "EmpiricalNull",
    "Evidence",
    "Fingerprint",
    "Look",
    "Looks",
    "Symmetry",
    "burst_edges",
    "connected_groups",
    "duplicate_evidence",
    "edges_within",
    "find_duplicates",
    "fingerprint",
    "look_at",
    "merged_user_groups",
    "pattern_groups",
]
