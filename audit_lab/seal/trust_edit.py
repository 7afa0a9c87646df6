"""Changes of a trust file's text that leave everything else in it, comments included, as it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.trust import Trust, format_trust

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.seal.key_rotation import KeyRotation
    from audit_lab.seal.keys import PublicKey

__all__ = ["named_key", "with_revocation", "with_rotation"]

_SHORTEST_ID = 8


def named_key(trust: Trust, name: str) -> PublicKey:
    """Return the one key of a trust file that has a name, or a key id that begins so (eight digits or more).

    Raises
    ------
    MisuseError
        No key or several have it.
    """
    found = {
        key.public
        for key in trust.keys
        if key.public.name == name or (len(name) >= _SHORTEST_ID and key.public.key_id.startswith(name))
    }
    if len(found) != 1:
        how = "no key" if not found else f"{len(found)} keys"
        known = ", ".join(sorted({f"{key.public.name} ({key.public.key_id[:16]})" for key in trust.keys})) or "none"
        raise MisuseError(f"{trust.name} has {how} called {name!r}", f"It has: {known}.")
    return found.pop()


def with_revocation(text: str, name: str, public: PublicKey, at: datetime) -> str:
    """Return the text of a trust file in which a key is revoked from a time on, in every role.

    Raises
    ------
    MisuseError
        The text is not a trust file, the key is revoked there already, or it is written in a way of its own.
    """
    if any(key.revoked_from is not None for key in Trust.parse(text, name).keys if key.public == public):
        raise MisuseError(f"{public.name} is revoked already in {name}", "Nothing was changed.")
    line = f'public = "{public}"'
    moment = f"revoked_from = {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    lines = []
    for each in text.split("\n"):
        lines.append(each)
        if each.split("#")[0].strip() == line:
            lines.append(moment)
    changed = "\n".join(lines)
    if any(key.revoked_from is None for key in Trust.parse(changed, name).keys if key.public == public):
        raise MisuseError(f"{name} does not name {public.name} in a line of its own", f"Add there: {moment}")
    return changed


def with_rotation(text: str, name: str, rotation: KeyRotation) -> str:
    """Return the text of a trust file that accepts the new key wherever it accepts the old one.

    The old key stays accepted: what it signed before is not less true.

    Raises
    ------
    MisuseError
        The text is not a trust file, does not accept the old key, has it revoked, or accepts the new one already.
    """
    keys = Trust.parse(text, name).keys
    old = [key for key in keys if key.public == rotation.old]
    if not old:
        raise MisuseError(
            f"{name} does not accept {rotation.old.name} (key id {rotation.old.key_id[:16]})",
            "A rotation leads on from a key that you accept; get the new key from its owner instead.",
        )
    if any(key.revoked_from is not None for key in old):
        raise MisuseError(
            f"{rotation.old.name} is revoked in {name}", "Get the new key from its owner, by another way."
        )
    if any(key.public == rotation.new for key in keys):
        raise MisuseError(f"{name} accepts {rotation.new.name} already", "Nothing was changed.")
    added = format_trust([replace(key, public=rotation.new) for key in old]).split("\n\n", 1)[1]
    return f"{text.rstrip()}\n\n{added}"
