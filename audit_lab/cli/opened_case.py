"""The case that a command is about: how it is named, opened, and told what was written into it."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.evidence import Case

__all__ = ["By", "CaseFolder", "TrustFiles", "Why", "noticing", "open_case", "signed_off", "tell"]

CaseFolder = Annotated[str, typer.Argument(metavar="CASE", help="The case's folder.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who does this, for the custody record.", show_default="the case's actor")
]
Why = Annotated[
    str | None, typer.Option("--why", help="Why, for the custody record.", show_default="the case's purpose")
]
TrustFiles = Annotated[
    list[str] | None,
    typer.Option("--trust", help="For --bundle: trust file with the keys that you accept; may be repeated."),
]


def open_case(folder: str, by: str | None, why: str | None) -> Case:
    """Open a case as whoever does something to it."""
    import audit_lab as al

    return al.Case.open(folder, actor=by, purpose=why)


def signed_off(case: Case, bundle: str | None, trust: list[str] | None) -> list[dict[str, Any]]:
    """Return the sign-offs of a case: of a bundle, checked; or without one, those that custody knows of."""
    if bundle is None:
        if trust:
            raise MisuseError("--trust is for the sign-offs of a bundle", "Add --bundle, or leave --trust out.")
        from audit_lab.case.recorded_sign_offs import recorded_sign_offs

        return [{**asdict(each), "state": each.state} for each in recorded_sign_offs(case)]
    from audit_lab.evidence.keyring import accepted_keys

    return [
        {
            "meaning": each.stated.meaning,
            "at": each.stated.signed_at,
            "by": f"{each.stated.printed_name}, {each.stated.role}",
            "attestation_sha256": each.stated.attestation_sha256,
            "void": each.void,
            "state": "valid" if each.void is None else f"VOID: {each.void}",
        }
        for each in case.sign_offs(bundle, trust=accepted_keys(trust))
    ]


def tell(made: Any, *, as_json: bool) -> int:
    """Print what was written into the case."""
    said = made.to_dict()
    if as_json:
        output.print_json(said)
    else:
        output.facts(said)
    return 0


@contextmanager
def noticing() -> Iterator[None]:
    """Say on standard error which files of the case were edited by hand."""
    from audit_lab.case import CaseEditedWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CaseEditedWarning)
        yield
    for each in caught:
        sys.stderr.write(f"audit-lab: {printable(str(each.message), 1_000)}\n")
