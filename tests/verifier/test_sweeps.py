"""Changes at every place of a small bundle in turn (attack 35): never accepted, and never a crash."""

from __future__ import annotations

import base64
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ATTESTATION = "attestation.dsse.json"


def test_one_byte_changed_in_any_file_names_that_file(bundle):
    files = bundle.files()
    for name, content in files.items():
        changed = bytes([content[0] ^ 1]) + content[1:]
        found = bundle.found_in({**files, name: changed})
        if name == ATTESTATION:
            assert found == [("json.not-json", ATTESTATION)]
        else:
            assert found == [("bundle.file-changed", name)]


def test_a_removed_file(bundle):
    files = bundle.files()
    for name in set(files) - {ATTESTATION}:
        remaining = {other: content for other, content in files.items() if other != name}
        assert bundle.found_in(remaining) == [("bundle.file-missing", name)]


def test_one_bit_flipped_in_every_byte_is_never_accepted(bundle):
    content = bytearray(bundle.archive())
    assert len(content) < 40_000
    for at in range(len(content)):
        content[at] ^= 1 << at % 8
        report = bundle.report(bytes(content))
        assert not report.holds, at
        assert report.findings, at
        content[at] ^= 1 << at % 8
    assert bundle.report(bytes(content)).holds


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_spliced_archive_is_never_accepted(bundle, data):
    content = bundle.archive()
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(len(content), start + 400)))
    put = data.draw(st.binary(max_size=100) | st.just(content[start : start + 200]))
    changed = content[:start] + put + content[end:]
    assert changed == content or not bundle.report(changed).holds


def _payload(bundle):
    return base64.b64decode(json.loads(bundle.files()[ATTESTATION])["payload"])


def _places(value, path=()):
    """Yield the path of every member and item of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name)
        yield from _places(item, (*path, name))


def _replaced(value, path, new):
    copy = json.loads(json.dumps(value))
    inside = copy
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = new
    return copy


STRANGE = [None, True, 7, "x", [], {}, [[]], [{"a": 1}], {"a": 1}]


def test_an_investigation_with_any_member_of_another_type_does_not_crash(bundle):
    good = json.loads(bundle.payload["data/investigation.json"])
    for path in _places(good):
        for strange in STRANGE:
            bundle.payload["data/investigation.json"] = json.dumps(_replaced(good, path, strange)).encode()
            assert isinstance(bundle.report().holds, bool), (path, strange)


def test_an_attestation_with_any_member_of_another_type_does_not_crash(bundle):
    files, good = bundle.files(), json.loads(_payload(bundle))
    for path in _places(good):
        for strange in STRANGE:
            statement = json.dumps(_replaced(good, path, strange)).encode()
            report = bundle.report(bundle.archive({**files, ATTESTATION: bundle.signed(statement, bundle.key)}))
            assert isinstance(report.holds, bool), (path, strange)
