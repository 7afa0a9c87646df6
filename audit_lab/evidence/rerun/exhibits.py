"""The exhibits of a bundle against those that its notebook made when it was run again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.rerun.made import LARGEST_BYTES, TEXTS
from audit_lab.evidence.rerun.outputs import text_difference
from audit_lab.seal.report import Finding
from audit_lab.verifier.layout import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from audit_lab.evidence.rerun.allowed_distance import AllowedDistance

__all__ = ["AgainMade", "exhibits_again"]

_NEXT = "Ask the investigator how the exhibit came about; what the code gives now stands in the report"
_MEMBERS = {"id": str, "kind": str, "title": str, "files": dict}
_MOST_NAMED = 12
#: What an answer says of the machine that gave it, and digests over that: another machine gives the same answer.
_OF_THE_MACHINE = frozenset({"environment", "isolation", "digest"})


@dataclass
class AgainMade:
    """What came of it: what differs, and the numbers of the exhibits that were made again, and that were not."""

    findings: list[Finding] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def checked(self) -> list[str]:
        """Return the line about those that were made again."""
        return [f"exhibits computed again: {_listed(self.again)}, against those here"] if self.again else []

    def not_checked(self) -> list[str]:
        """Return the line about the others."""
        said = f"exhibits computed again: not {_listed(self.left)}, which say what the signer states"
        return [said] if self.left else []


def exhibits_again(
    stated: Sequence[Mapping[str, Any]], made: Any, content: Callable[[str], bytes], allowed: AllowedDistance
) -> AgainMade:
    """Compare exhibits with those that were made again: by their ids, else by their documents and CSV.

    Parameters
    ----------
    stated
        As ``investigation.json`` lists them.
    made
        What the side behind the walls told; whatever is not of the form is not looked at.
    content
        Gives a file of the bundle.
    allowed
        How far two numbers may lie apart.
    """
    told = [each for each in made if _is_told(each)] if isinstance(made, list) else []
    ids = {each["id"] for each in stated}
    others = [each for each in told if each["id"] not in ids]
    result = AgainMade()
    for exhibit in stated:
        name = f"{exhibit['number']!a} ({str(exhibit['kind'])[:40]})"
        about = (exhibit["kind"], exhibit["title"])
        alike = [each for each in others if (each["kind"], each["title"]) == about]
        if any(each["id"] == exhibit["id"] for each in told):
            result.again.append(name)
        elif len(alike) != 1 or "redacted_from" in exhibit:
            result.left.append(name)
        else:
            result.again.append(name)
            result.findings += _differing(exhibit, alike[0]["files"], content, allowed)
    return result


def _differing(
    exhibit: Mapping[str, Any], made: Mapping[str, Any], content: Callable[[str], bytes], allowed: AllowedDistance
) -> list[Finding]:
    """Return in which of its texts an exhibit differs from the one that was made; names that only one has count."""
    paths = {file["name"]: PAYLOAD + file["path"] for file in exhibit["files"] if file["name"].endswith(TEXTS)}
    found = []
    for name in sorted(paths.keys() | made.keys()):
        if name not in paths or name not in made:
            what = "it did not come again" if name in paths else f"{name[:80]!a} came, which is not here"
        else:
            recorded = content(paths[name])
            if len(recorded) > LARGEST_BYTES:
                continue
            before, now = recorded.decode("utf-8", "replace"), str(made[name])
            what = text_difference(_answer(name, before), _answer(name, now), allowed) or ""
        if what:
            found.append(Finding("rerun.exhibit-differs", paths.get(name, PAYLOAD), f"run again: {what}", _NEXT))
    return found


def _answer(name: str, text: str) -> str:
    """Return a text as it is compared: a document without what it says of the machine."""
    if not name.endswith(".json"):
        return text
    try:
        return json.dumps(_without_machine(json.loads(text)), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _without_machine(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_machine(each) for name, each in value.items() if name not in _OF_THE_MACHINE}
    return [_without_machine(each) for each in value] if isinstance(value, list) else value


def _is_told(value: Any) -> bool:
    return isinstance(value, dict) and {name: type(each) for name, each in value.items()} == _MEMBERS


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
