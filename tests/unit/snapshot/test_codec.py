"""The wire format: what goes in comes out, and what is no snapshot is refused with a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw.snapshot import codec
from agw.snapshot.model import Credential, CredentialSet, Delta, Listener, Rule, Snapshot
from tests.unit.snapshot.entries import entry_maps


@given(entries=entry_maps(), version=st.integers(0, 2**40))
def test_what_is_encoded_decodes_to_the_same(entries, version):
    snapshot = Snapshot(version=version, entries=entries)
    assert codec.decode_snapshot(codec.encode(snapshot)) == snapshot
    delta = Delta(base=0, version=version, set=entries, removed=("a", "b"))
    assert codec.decode_delta(memoryview(codec.encode(delta))) == delta


@given(entries=entry_maps())
def test_the_order_of_entries_does_not_show_in_the_bytes(entries):
    backwards = dict(reversed(entries.items()))
    assert codec.encode(Snapshot(entries=entries)) == codec.encode(Snapshot(entries=backwards))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no bytes"),
        (b"\x03\x80", "format 3"),
        (b"\x02", "does not decode"),
        (b"\x02\x91\x01", "does not decode"),
        (b"\x02" + b"\x81\xa7entries\x81\xa1k\x81\xa4type\xa7Unknown", "does not decode"),
        (b"\x02\x81\xa7version\xa1\xff", "does not decode"),
    ],
)
def test_other_bytes_are_refused(data, said):
    with pytest.raises(codec.SnapshotError, match=said):
        codec.decode_snapshot(data)


def test_a_document_hides_digests_and_leaves_defaults_out():
    entries = {
        "rule/HTTPRoute/default/r/0": Rule(route="default/r", index=0, attachments=()),
        "credentials/default/s": CredentialSet(ref="default/s", credentials=(Credential("alice", b"\xab" * 32),)),
        "listener/default/gw/http": Listener(gateway="default/gw", name="http", port=80),
    }
    document = codec.to_document(entries)
    assert "abab" not in json.dumps(document)
    assert list(document) == sorted(entries)
    assert document["rule/HTTPRoute/default/r/0"] == {
        "type": "Rule", "route": "default/r", "index": 0, "attachments": [],
    }  # fmt: skip
    shown = codec.to_document(entries, digests=True)["credentials/default/s"]
    assert shown["credentials"] == [{"consumer": "alice", "sha256": "ab" * 32}]
