"""The custody chain (attack 25)."""

from __future__ import annotations

import hashlib
import json

import pytest

from audit_lab.seal.custody import NO_LINE, CustodyLine, FileChange, custody_faults, parse_custody
from audit_lab.seal.malformed import MalformedError


def _chain(times, changes=None):
    lines = []
    for number, at in enumerate(times, start=1):
        previous = lines[-1].digest if lines else NO_LINE
        lines.append(CustodyLine(number, at, "jane", "kept", f"x{number} é", "why", previous, changes))
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
        (lambda c: c.replace(b"x2", b"x9"), "custody.line-changed"),
        (lambda c: c.replace(NO_LINE.encode(), b"1" * 64), "custody.line-changed"),
        (lambda c: b"\n".join([c.split(b"\n")[0], *c.split(b"\n")[2:]]), "custody.line-missing"),
        (lambda c: b"\n".join(c.split(b"\n")[1:]), "custody.line-missing"),
        (lambda c: b"\n".join([c.split(b"\n")[1], c.split(b"\n")[0], *c.split(b"\n")[2:]]), "custody.line-moved"),
        (lambda c: b"\n".join([c.split(b"\n")[0], *reversed(c.split(b"\n")[1:3]), b""]), "custody.line-moved"),
        (lambda c: b"\n".join([c.split(b"\n")[0], c]), "custody.line-repeated"),
        (lambda c: c.replace(b'"number":2', b'"number":9007199254740991'), "custody.line-moved"),
        (lambda c: c[:-1], "custody.malformed"),
        (lambda _: b"", "custody.malformed"),
        (lambda _: b"\n", "json.not-json"),
        (lambda c: c.replace(b'"number":1', b'"number":1.0'), "custody.malformed"),
        (lambda c: c.replace(b'"number":1', b'"number": 1'), "custody.malformed"),
        (lambda c: c.replace(b"2026-01-01", b"2026-13-01"), "custody.malformed"),
        (lambda c: c.replace(b"custody/1", b"custody/9").replace(b"custody/2", b"custody/1"), "custody.malformed"),
    ],
)
@pytest.mark.parametrize("written", [1, 2])
def test_a_changed_chain_is_refused(attack, code, written):
    changes = (FileChange("findings.json", None, "ab" * 32),) if written == 2 else None
    content = attack(_content(_chain(DAYS, changes)))
    with pytest.raises(MalformedError) as caught:
        parse_custody(content, "c")
    assert caught.value.code == code
    assert [fault.code for fault in custody_faults(content, "c")[1]] == [code]


def test_a_clock_set_back_is_stated():
    with pytest.raises(MalformedError) as caught:
        parse_custody(_content(_chain([DAYS[1], DAYS[0]])), "c")
    assert caught.value.code == "custody.time-out-of-order"


def test_a_line_says_which_files_it_changed():
    changes = (FileChange("a.toml", None, "ab" * 32), FileChange("b.toml", "ab" * 32, None))
    (line,) = parse_custody(_content(_chain(DAYS[:1], changes)), "c")
    assert line.changes == changes
    assert json.loads(line.to_bytes())["format"] == "audit_lab.custody/2"
    assert json.loads(line.to_bytes())["changes"][0] == {"after": "ab" * 32, "before": None, "file": "a.toml"}


@pytest.mark.parametrize(
    "changes",
    [
        (FileChange("a", None, None),),
        (FileChange("a", "ab" * 32, "ab" * 32),),
        (FileChange("a", "x", None),),
        (FileChange(1, "ab" * 32, None),),
        (FileChange("b", "ab" * 32, None), FileChange("a", "ab" * 32, None)),
        (FileChange("a", "ab" * 32, None), FileChange("a", None, "ab" * 32)),
    ],
)
def test_a_change_that_is_none_is_refused(changes):
    with pytest.raises(MalformedError) as caught:
        parse_custody(_content(_chain(DAYS[:1], changes)), "c")
    assert caught.value.code == "custody.malformed"


def test_lines_of_the_first_format_may_come_first_and_not_later():
    first = _chain(DAYS[:1])
    second = CustodyLine(2, DAYS[1], "jane", "kept", "x", "why", first[0].digest, ())
    assert parse_custody(_content([*first, second]), "c") == (*first, second)
    third = CustodyLine(3, DAYS[2], "jane", "kept", "x", "why", second.digest)
    with pytest.raises(MalformedError, match="older format") as caught:
        parse_custody(_content([*first, second, third]), "c")
    assert caught.value.code == "custody.line-changed"
