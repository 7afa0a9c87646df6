"""The custody chain (attack 25)."""

from __future__ import annotations

import hashlib
import json

import pytest

from audit_lab.seal.custody import NO_LINE, CustodyLine, parse_custody
from audit_lab.seal.malformed import MalformedError


def _chain(times):
    lines = []
    for number, at in enumerate(times, start=1):
        previous = lines[-1].digest if lines else NO_LINE
        lines.append(CustodyLine(number, at, "jane", "kept", f"x{number} é", "why", previous))
    return lines


def _content(lines):
    return b"".join(line.to_bytes() + b"\n" for line in lines)


DAYS = [f"2026-01-0{day}T00:00:00.000000Z" for day in (1, 2, 3)]


def test_a_chain_reads_back():
    lines = _chain(DAYS)
    assert parse_custody(_content(lines), "c") == tuple(lines)


def test_a_line_is_bound_to_the_bytes_of_the_line_before():
    raw = _content(_chain(DAYS)).split(b"\n")
    assert json.loads(raw[1])["previous"] == hashlib.sha256(raw[0]).hexdigest()


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (lambda c: c.replace(b"x2", b"x9"), "custody.chain-broken"),
        (lambda c: b"\n".join([c.split(b"\n")[0], *c.split(b"\n")[2:]]), "custody.chain-broken"),
        (lambda c: b"\n".join(c.split(b"\n")[1:]), "custody.chain-broken"),
        (lambda c: b"\n".join([c.split(b"\n")[1], c.split(b"\n")[0], *c.split(b"\n")[2:]]), "custody.chain-broken"),
        (lambda c: c[:-1], "custody.malformed"),
        (lambda _: b"", "custody.malformed"),
        (lambda _: b"\n", "json.not-json"),
        (lambda c: c.replace(b'"number":1', b'"number":1.0'), "custody.malformed"),
        (lambda c: c.replace(b'"number":1', b'"number": 1'), "custody.malformed"),
        (lambda c: c.replace(b"2026-01-01", b"2026-13-01"), "custody.malformed"),
        (lambda c: c.replace(b"custody/1", b"custody/2"), "custody.malformed"),
    ],
)
def test_a_changed_chain_is_refused(attack, code):
    with pytest.raises(MalformedError) as caught:
        parse_custody(attack(_content(_chain(DAYS))), "c")
    assert caught.value.code == code


def test_a_clock_set_back_is_stated():
    with pytest.raises(MalformedError) as caught:
        parse_custody(_content(_chain([DAYS[1], DAYS[0]])), "c")
    assert caught.value.code == "custody.time-out-of-order"
