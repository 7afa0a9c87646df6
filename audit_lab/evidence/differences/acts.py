"""The custody records and the signatures of two sides: who did what, and when."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.differences.change import Change, shown
from audit_lab.evidence.differences.values import value_changes
from audit_lab.seal.custody import custody_faults
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.sign_off import SignOff
from audit_lab.seal.statement import Statement
from audit_lab.verifier.layout import ATTESTATION, CUSTODY
from audit_lab.verifier.sign_offs import is_sign_off

if TYPE_CHECKING:
    from audit_lab.evidence.differences.side import Side
    from audit_lab.seal.custody import CustodyLine

__all__ = ["custody_changes", "sign_off_changes", "signature_changes", "time_change"]

#: What the attestation says that is told elsewhere: by the documents themselves, or as a time.
_ELSEWHERE = {"case", "log", "custody", "environment", "notebook", "models", "rows", "signed_at"}


def custody_changes(before: Side, after: Side) -> list[Change]:
    """Return the acts that stand in one record only; what differs in time alone is a change of times."""
    one, other = _lines(before), _lines(after)
    acts = [[_act(line) for line in lines] for lines in (one, other)]
    found = []
    for what, start, end, other_start, other_end in difflib.SequenceMatcher(
        None, acts[0], acts[1], autojunk=False
    ).get_opcodes():
        if what != "equal":
            found += [Change("custody", "removed", f"line {n + 1}", before=acts[0][n]) for n in range(start, end)]
            found += [
                Change("custody", "added", f"line {n + 1}", after=acts[1][n]) for n in range(other_start, other_end)
            ]
    times = [[line.at for line in lines] for lines in (one, other)]
    if not found and times[0] != times[1]:
        at = next(n for n, pair in enumerate(zip(*times, strict=True)) if pair[0] != pair[1])
        found += time_change(f"custody from line {at + 1} on", times[0][at], times[1][at])
    return found


def time_change(name: str, before: Any, after: Any) -> list[Change]:
    """Return that a time differs, where it does."""
    return [] if before == after else [Change("times", "changed", name, shown(before), shown(after))]


def signature_changes(before: Side, after: Side) -> list[Change]:
    """Return what differs in who signed, and in what the attestation says beside the documents."""
    one, other = _attested(before), _attested(after)
    rest = ({name: value for name, value in each.items() if name not in _ELSEWHERE} for each in (one, other))
    return value_changes("signature", *rest) + time_change("signed", one.get("signed_at"), other.get("signed_at"))


def sign_off_changes(before: Side, after: Side) -> list[Change]:
    """Return the sign-offs that were added, removed or changed."""
    one, other = _sign_offs(before), _sign_offs(after)
    found = []
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other:
            what, stated = ("removed", one.get(name)) if name in one else ("added", other.get(name))
            found.append(
                Change("sign-offs", what, name, *_placed(what, "not one" if stated is None else stated.sentence()))
            )
            continue
        said = [{} if each is None else asdict(each) for each in (one[name], other[name])]
        when = [each.pop("signed_at", None) for each in said]
        for each in said:
            each.pop("attestation_sha256", None)
        found += value_changes("sign-offs", *said, name=name) + time_change(f"{name} signed", *when)
    return found


def _placed(what: str, text: str) -> tuple[str | None, str | None]:
    return (text, None) if what == "removed" else (None, text)


def _lines(side: Side) -> tuple[CustodyLine, ...]:
    return custody_faults(side.content(CUSTODY) or b"", CUSTODY)[0]


def _act(line: CustodyLine) -> str:
    why = f" ({line.why})" if line.why else ""
    return shown(f"{line.actor} {line.action} {line.subject}{why}")


def _attested(side: Side) -> dict[str, Any]:
    """Return what the attestation says, and the ids of the keys that claim it; nothing where it cannot be read."""
    content = side.content(ATTESTATION)
    try:
        envelope = Envelope.parse(content or b"", ATTESTATION)
        predicate = dict(Statement.parse(envelope.payload, ATTESTATION).predicate)
    except MalformedError:
        return {}
    return {**predicate, "key_ids": sorted(signature.key_id for signature in envelope.signatures)}


def _sign_offs(side: Side) -> dict[str, SignOff | None]:
    return {name: _sign_off(side.content(name), name) for name in sorted(side.names) if is_sign_off(name)}


def _sign_off(content: bytes | None, name: str) -> SignOff | None:
    try:
        envelope = Envelope.parse(content or b"", name)
        return SignOff.parse(Statement.parse(envelope.payload, name), ATTESTATION, name)
    except MalformedError:
        return None
