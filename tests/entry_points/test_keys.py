"""``amulet-ai keys``: made, listed, revoked; the key is shown once."""

from __future__ import annotations

import hashlib
import json
import re

import pytest


@pytest.fixture
def keys_file(tmp_path):
    return tmp_path / "keys.json"


def _create(call, keys_file, *more):
    done = call("keys", "create", "--name", "shop", "--keys-file", keys_file, *more)
    assert done.exit_code == 0, done.output
    return done


def test_made_shown_once_listed_and_revoked(call, keys_file):
    done = _create(call, keys_file, "--scope", "predict", "--scope", "metrics")
    text = done.stdout.strip()
    assert re.fullmatch(r"ak_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", text)
    (entry,) = json.loads(keys_file.read_text())["keys"]
    assert entry["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    listed = call("keys", "list", "--keys-file", keys_file)
    assert text not in done.stderr + listed.output + keys_file.read_text()
    assert re.fullmatch(rf"{entry['id']}  shop  predict\+metrics  usual rate  made \S+  no end\n", listed.stdout)
    assert call("keys", "revoke", "shop", "--keys-file", keys_file).stdout == f"'shop' ({entry['id']}) is revoked\n"
    assert call("keys", "list", "--keys-file", keys_file).stdout == ""


@pytest.mark.parametrize(
    ("option", "field", "expected"),
    [
        (("--scope", "admin"), "scopes", ["admin"]),
        (("--rate", "7"), "rate", 7),
        (("--expires", "2100-02-03"), "expires", "2100-02-03T00:00:00+00:00"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_option_is_in_the_entry(call, keys_file, option, field, expected):
    _create(call, keys_file, *option)
    assert json.loads(keys_file.read_text())["keys"][0][field] == expected


def test_the_file_is_named_by_the_environment_too(call, tmp_path, monkeypatch):
    monkeypatch.setenv("AMULET_AI_KEYS_FILE", str(tmp_path / "other.json"))
    assert call("keys", "create", "--name", "a").exit_code == 0
    assert (tmp_path / "other.json").is_file()
    monkeypatch.delenv("AMULET_AI_KEYS_FILE")
    assert call("keys", "list").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--name", "shop"), "--name 'shop' is taken"),
        (("create", "--name", "a\nb"), "--name must be"),
        (("create", "--name", "late", "--expires", "2001-01-01"), "--expires must be a day to come"),
        (("revoke", "nobody"), "no key has the name or the ID 'nobody'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_end_in_a_sentence_and_change_nothing(call, keys_file, arguments, words):
    _create(call, keys_file)
    before = keys_file.read_bytes()
    done = call("keys", *arguments, "--keys-file", keys_file)
    assert done.exit_code == 2
    assert words in done.stderr
    assert keys_file.read_bytes() == before
