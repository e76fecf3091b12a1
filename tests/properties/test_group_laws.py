"""Laws of the duplicate graph, against SciPy's connected components."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ai_models.core.records import ImageRecord
from ai_models.duplicates import DuplicateEdge, connected_groups, merged_user_groups

N = 12
ROWS = [ImageRecord(f"{i}.jpg", sha256=f"{i * 7919 % 97:064x}"[::-1]) for i in range(N)]
pairs = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=15)
named = st.dictionaries(st.integers(0, N - 1), st.sampled_from(["x", "y", "z"]))


@given(pairs, named, st.randoms())
def test_groups_are_the_components_of_edges_and_user_groups(edges, user, shuffle):
    evidence = [DuplicateEdge(f"{min(e)}.jpg", f"{max(e)}.jpg", "near") for e in edges]
    given_groups = {f"{i}.jpg": name for i, name in user.items()}
    groups = connected_groups(ROWS, evidence, given_groups)

    links = [*edges, *((i, j) for i in user for j in user if user[i] == user[j]), *((i, i) for i in range(N))]
    first, second = np.array(links).T
    components = connected_components(coo_array((np.ones(len(links)), (first, second)), shape=(N, N)), directed=False)[
        1
    ]
    ours = [groups[f"{i}.jpg"] for i in range(N)]
    assert [[a == b for b in ours] for a in ours] == (components[:, None] == components).tolist()

    for path, name in given_groups.items():
        assert groups[path] <= name
    merged = merged_user_groups(groups, given_groups)
    assert sum(len(names) - 1 for names in merged) == len(set(user.values())) - len({groups[p] for p in given_groups})

    rows = list(ROWS)
    shuffle.shuffle(rows)
    shuffle.shuffle(evidence)
    assert connected_groups(rows, evidence, given_groups) == groups
