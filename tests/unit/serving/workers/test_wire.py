"""Messages come whole or not at all, however they are cut."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_models.serving.workers.wire import Message, packed, read, take

messages = st.lists(st.tuples(st.sampled_from([b"p", b"a"]), st.lists(st.binary(max_size=50), max_size=5)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(messages, st.integers(1, 40))
def test_what_is_packed_is_read_again(sent, step):
    data = b"".join(packed(kind, parts) + b"".join(parts) for kind, parts in sent)
    expected = [Message(kind, tuple(parts)) for kind, parts in sent]
    stream = io.BytesIO(data)
    assert [read(stream) for _ in sent] == expected
    assert read(stream) is None
    buffer, come = bytearray(), []
    for start in range(0, len(data), step):
        buffer += data[start : start + step]
        while (message := take(buffer)) is not None:
            come.append(message)
    assert come == expected
    assert not buffer


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=3), st.data())
def test_a_message_that_is_cut_off_is_none(parts, draw):
    data = packed(b"p", parts) + b"".join(parts)
    cut = data[: draw.draw(st.integers(0, len(data) - 1))]
    assert read(io.BytesIO(cut)) is None
    assert take(bytearray(cut)) is None


def test_what_is_too_much_is_no_message():
    with pytest.raises(ValueError, match="at most 64"):
        packed(b"p", [b""] * 65)
    with pytest.raises(ValueError, match="at most 64"):
        take(bytearray(b"a\xff"))
    with pytest.raises(ValueError, match="at most"):
        take(bytearray(b"a\x01" + b"\xff" * 8))
