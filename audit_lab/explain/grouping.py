"""Features that come and go together: columns that some writer recorded one-hot, and what a reader says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.explain.attribution import Value
    from audit_lab.replay.signature import Signature

__all__ = ["checked_groups", "group_value", "players_of", "taken_apart"]


def players_of(signature: Signature, groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return what has a contribution of its own: each feature in no group, and each group where its first one stands.

    Parameters
    ----------
    signature
        Of the model.
    groups
        Name of each group, and its features, as `checked_groups` returns them.
    """
    of = {member: name for name, members in groups.items() for member in members}
    players: dict[str, tuple[str, ...]] = {}
    for name in signature.names:
        player = of.get(name, name)
        players[player] = (*players.get(player, ()), name)
    return players


def checked_groups(signature: Signature, groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return groups whose features exist, each in one group only.

    Raises
    ------
    MisuseError
        A group has no feature, or one that the model lacks or that another group has, or the name of a feature that is
        not in it.
    """
    if isinstance(groups, str):
        raise MisuseError("groups are given as a text", "Give a mapping of each group's name to its features.")
    seen: set[str] = set()
    for name, members in groups.items():
        listed = [] if isinstance(members, str) else list(members)
        unknown = [member for member in listed if member not in signature.names]
        twice = [member for member in listed if member in seen or listed.count(member) > 1]
        if not listed or unknown:
            what = f"the group {name!r} has {f'the feature {unknown[0]!r}' if unknown else 'no list of features'}"
            raise MisuseError(what, f"Its features are among {', '.join(signature.names)}.")
        if twice:
            raise MisuseError(f"the feature {twice[0]!r} stands in two groups, or twice in one", "Leave one of them.")
        seen.update(listed)
    for name, members in groups.items():
        if name in signature.names and name not in members:
            raise MisuseError(f"the group {name!r} has the name of a feature that is not in it", "Name it otherwise.")
    return {name: tuple(members) for name, members in groups.items()}


def taken_apart(signature: Signature, groups: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """Return which features the signature declares to be one and are taken one by one all the same, in a sentence.

    Parameters
    ----------
    signature
        Of the model.
    groups
        Those that are taken together; None for none.
    """
    together = {frozenset(members) for members in (groups or {}).values()}
    apart = {name: members for name, members in signature.groups.items() if frozenset(members) not in together}
    if not apart:
        return None
    from audit_lab.log.files.printable import printable  # not in the sandbox's child, which has no use for the log

    listed = "; ".join(f"{printable(name)}: {', '.join(map(printable, members))}" for name, members in apart.items())
    return f"The signature declares that features belong together ({listed}); here each is taken by itself."


def group_value(values: Mapping[str, Value]) -> Value:
    """Return the value that features of a group have together.

    Of columns of nought and one, the name of the one that is one, without the beginning that all names share (up to a
    separator: ``city_Rome`` beside ``city_Oslo`` is ``Rome``); else a text of all.
    """
    hot = [name for name, value in values.items() if value == 1]
    if len(hot) == 1 and all(value in {0, 1} for value in values.values() if value is not None):
        return hot[0][_shared(list(values)) :] or hot[0]
    return ", ".join(f"{name} = {'missing' if value is None else value}" for name, value in values.items())


def _shared(names: Sequence[str]) -> int:
    """Return how long the common beginning of names is, up to its last separator."""
    length = 0
    for place, letters in enumerate(zip(*names, strict=False)):
        if len(set(letters)) > 1 or len(names) == 1:
            break
        if not letters[0].isalnum():
            length = place + 1
    return length
