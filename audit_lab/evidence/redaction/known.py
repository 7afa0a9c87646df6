"""That a profile names what is there: an entry that matches nothing would silently withhold nothing."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.writing.segment_file import is_personal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from audit_lab.evidence.redaction.profile import RedactionProfile
    from audit_lab.evidence.redaction.values import Withheld

__all__ = ["check_profile"]

_MOST_NEAR = 3
_NEXT = 'Write it as the log has it: a column, or "TABLE.COLUMN", as in "inputs/MODEL.COLUMN"'


def check_profile(profile: RedactionProfile, withheld: Withheld, models: Collection[str]) -> None:
    """Refuse a profile of which an entry matches no column of the log and of the exhibits.

    Parameters
    ----------
    profile
        The profile.
    withheld
        What log and exhibits call their columns.
    models
        The models that exhibits speak of: where the log is not at hand, these have tables of inputs.

    Raises
    ------
    MisuseError
        The error names the entry and what is called nearly so.
    """
    for entry in profile.columns:
        if not _is_known(entry, withheld, models):
            near = _near(entry, withheld)
            also = f"; nearly so are called {', '.join(near)}" if near else ""
            raise MisuseError(
                f"Nothing was exported: the profile {profile.name!a} withholds {entry!a}, and nothing in the log or "
                f"the case is called so{also}",
                _NEXT,
            )


def _is_known(entry: str, withheld: Withheld, models: Collection[str]) -> bool:
    names = withheld.names | withheld.mentioned
    if entry in names or entry in set(_qualified(withheld)):
        return True
    table, _, column = entry.rpartition(".")
    if withheld.tables or column not in names:
        return False
    own = table.removeprefix(INPUTS_PREFIX)
    return is_personal(table) and (own == table or own in models or not models)


def _qualified(withheld: Withheld) -> Iterator[str]:
    return (f"{table}.{column}" for table, columns in withheld.tables.items() for column in columns)


def _near(entry: str, withheld: Withheld) -> list[str]:
    """Return names that are nearly an entry: the same column in another table before what is spelt alike."""
    qualified, column = sorted(_qualified(withheld)), entry.rpartition(".")[2]
    names = sorted(withheld.names | withheld.mentioned)
    same = [name for name in qualified if name.endswith(f".{column}")]
    alike = get_close_matches(entry, [*names, *qualified], n=_MOST_NEAR)
    own = get_close_matches(column, names, n=_MOST_NEAR)
    return list(dict.fromkeys((*same, *alike, *own)))[:_MOST_NEAR]
