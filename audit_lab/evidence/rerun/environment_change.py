"""Where the environment is another than the one that a bundle records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["environment_changes"]

_FACTS = ("python", "implementation", "system", "machine", "byte_order", "processor", "processors", "kernel_settings")


def environment_changes(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Return each fact and package that differs, in words; both are what `environment_facts` returns."""
    found = [
        f"{name}: recorded {_words(recorded.get(name))}, here {_words(present.get(name))}"
        for name in _FACTS
        if recorded.get(name) != present.get(name)
    ]
    then, now = (each.get("packages") or {} for each in (recorded, present))
    found += [
        f"package {name}: recorded {then.get(name, 'none')}, here {now.get(name, 'none')}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    return found


def _words(value: object) -> str:
    return str(value.get("model", value)) if isinstance(value, dict) else str(value)
