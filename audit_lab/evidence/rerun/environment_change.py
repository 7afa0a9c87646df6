"""Where the environment is another than the one that a bundle records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["environment_changes"]

_FACTS = (
    *("python", "implementation", "compiler", "system", "distribution", "c_library", "machine", "byte_order"),
    *("processor", "processors", "kernel_settings"),
)
#: As many digits of a digest as tell two of them apart for a reader.
_DIGITS = 12


def environment_changes(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Return each fact and package that differs, in words; both are what `environment_facts` returns."""
    found = [
        f"{name}: {_change(recorded.get(name), present.get(name))}"
        for name in _FACTS
        if recorded.get(name) != present.get(name)
    ]
    then, now = (_by_name(each.get("packages")) for each in (recorded, present))
    found += [
        f"package {name}: recorded {then.get(name, 'none')}, here {now.get(name, 'none')}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    digests, others = (_by_name(each.get("package_sha256")) for each in (recorded, present))
    found += [
        f"package {name}: other files than the recorded ones, by the same version {then[name]}"
        for name in sorted(then.keys() & now.keys() & digests.keys() & others.keys())
        if then[name] == now[name] and digests[name] != others[name]
    ]
    before, after = (str(each.get("library_sha256") or "")[:_DIGITS] for each in (recorded, present))
    if before != after:
        found.append(f"audit_lab's own code: recorded {before or 'none'}, here {after or 'none'}")
    return found


def _by_name(value: object) -> dict[str, Any]:
    """Return what somebody's record gives by name; nothing where it is of another form."""
    return value if isinstance(value, dict) else {}


def _change(recorded: object, present: object) -> str:
    before, after = _words(recorded), _words(present)
    if before != after or not (isinstance(recorded, dict) and isinstance(present, dict)):
        return f"recorded {before}, here {after}"
    then, now = (set(str(each.get("features", "")).split()) for each in (recorded, present))
    missing, more = ", ".join(sorted(then - now)), ", ".join(sorted(now - then))
    return ", ".join([*([f"without {missing}"] if missing else []), *([f"with {more}"] if more else [])])


def _words(value: object) -> str:
    return str(value.get("model", value)) if isinstance(value, dict) else str(value)
