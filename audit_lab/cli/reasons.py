"""The command about reasons: why an adverse decision was made, in the words of reason codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.limits import MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.explain.reasons import Reason, Reasons

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(reads_a_log(reasons))


def reasons(
    reading: Reading,
    prediction_id: Annotated[str, typer.Argument(help="A prediction's id or place.")],
    codes: Annotated[str, typer.Option("--codes", help="JSON file: feature to adverse action reason.")],
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            help="Relative to which decisions of the version: all; approved; threshold (approved, nearest to it); best "
            "(approved, furthest from it).",
        ),
    ] = "all",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the reference and of the explanation.")] = 0,
    trust: Trust = None,
    trust_type: TrustType = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Give up to four principal reasons of an adverse decision, and a notice in plain language.

    A reason names a feature only where its Shapley value is adverse against a declared reference, and the real model's
    score moves back when the reference's values take its place. Where a rule or a person decided, that is the reason.
    Exits 1 when the decision does not come out again, a reason is not mapped, or a check failed.
    """
    limits = limits_of(time_limit, memory_limit)
    found = (
        reading.open()
        .decision(prediction_id)
        .reasons(
            codes, reference=reference, seed=seed, limits=limits, trust=trust or (), trusted_types=trust_type or ()
        )
    )
    if as_json:
        output.print_json(found.to_dict())
        return int(not found.is_complete)
    output.title(f"Reasons for {found.prediction_id}")
    output.lines(found.notice().splitlines(), bullet="")
    rows = list(_rows(found))
    if rows:
        output.table(("", "code", "feature", "value", "contribution", "moves back by"), rows)
    output.facts({"digest": found.digest, "explanation": found.attribution_sha256})
    return int(not found.is_complete)


def _rows(found: Reasons) -> Iterator[tuple[Any, ...]]:
    scored: tuple[Reason, ...] = found.secondary if found.basis == "rule" else found.reasons
    for place, reason in enumerate((*scored, *found.further), 1):
        for push in reason.pushes:
            value = f"{push.value} {push.unit}" if push.unit else push.value
            yield place, reason.code, push.feature, value, push.contribution, push.effect
