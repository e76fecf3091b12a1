"""One spelling of each value, and no other is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_models.artifacts.canonical import canonical, read_canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
)


@given(VALUES)
def test_what_is_written_is_read(value):
    assert read_canonical(canonical(value)) == value


@given(VALUES, st.data())
def test_no_other_bytes_are_read_as_the_same(value, data):
    text = canonical(value)
    other = data.draw(st.sampled_from([json.dumps(value, indent=1).encode(), text + b"\n", b" " + text, text + b" "]))
    if other != text:
        with pytest.raises(ValueError, match=r"canonical|JSON|Expecting"):
            read_canonical(other)


def test_known_spellings():
    """Those of RFC 8785, section 3.2: order by code unit, no escapes but the shortest."""
    assert canonical({"b": [1, True, None], "a": 'é\n\u001f/"\\ก'}) == (
        '{"a":"é\\n\\u001f/\\"\\\\ก","b":[1,true,null]}'.encode()
    )


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a": 1}', b'{"a":1.0}', b'{"a":1e0}', b'{"a":-0}', b'{"a":NaN}',
        b'{"a":"\\u0061"}', b'{"a":"\\/"}', b"\xef\xbb\xbf{}", b'{"a":9007199254740992}', b"{}{}", b"", b"\xff",
        b'"\\ud800"',
        '{"é":1}'.encode(), b"[" * 100_000,
    ],
)  # fmt: skip
def test_other_spellings_are_refused(text):
    with pytest.raises(ValueError):
        read_canonical(text)


def test_fractions_have_no_spelling_here():
    with pytest.raises(ValueError, match="spelling"):
        canonical({"a": 0.5})
