"""The command that changes inputs of a decision and runs them beside the original."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audit_lab.cli import output
from audit_lab.cli.limits import Environment, MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.explain.what_if import WhatIf
    from audit_lab.replay.signature import Feature, Signature

__all__ = ["register"]

_TRUTH = {"true": True, "false": False}
_METHODS: dict[str, Literal["shap", "lime"] | None] = {"shap": "shap", "lime": "lime", "none": None}
_OUTPUTS: tuple[Literal["probability", "log-odds", "margin", "value"], ...] = (
    *("probability", "log-odds"),
    *("margin", "value"),
)
_MISSING = "missing"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("what-if")(reads_a_log(what_if))


def what_if(
    reading: Reading,
    prediction_id: Annotated[str, typer.Argument(help="A prediction's id or place.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help='FEATURE=VALUE; a number, true or false, text, or "missing". May be repeated.'),
    ] = None,
    codes: Annotated[
        str | None, typer.Option("--codes", help="JSON file: feature to adverse action reason, for reasons of both.")
    ] = None,
    method: Annotated[str, typer.Option("--method", help="shap, lime, or none: how both are explained.")] = "shap",
    explained: Annotated[
        str | None,
        typer.Option("--output", help="What is explained: probability, log-odds ...", show_default="the score"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the background and of the explanations.")] = 0,
    environment: Environment = "present",
    trust: Trust = None,
    trust_type: TrustType = None,
    picture: Picture = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Change inputs of a decision, and run them through its artifact, threshold and rules beside the original.

    Both are explained against one background. Values that nobody ever had, and categories that the model does not know,
    are allowed and said to be so. Exits 1 when the original does not replay as recorded, the model refuses the changed
    inputs, or it does not repeat itself.
    """
    check_picture(picture)
    if environment not in {"present", "recorded"}:
        raise MisuseError(f"there is no environment {environment!r}", "Choose present or recorded.")
    if method not in _METHODS:
        raise MisuseError(f"there is no explanation method {method!r}", f"Use one of {', '.join(_METHODS)}.")
    chosen = next((each for each in _OUTPUTS if each == explained), None)
    if explained is not None and chosen is None:
        raise MisuseError(f"an explanation of {explained!r} is not offered", f"Use one of {', '.join(_OUTPUTS)}.")
    decision = reading.open().decision(prediction_id)
    found = decision.what_if(
        _changes(decision.signature, settings or []),
        explain=_METHODS[method],
        output=chosen,
        codes=codes,
        seed=seed,
        limits=None if time_limit is None and memory_limit is None else limits_of(time_limit, memory_limit),
        environment="recorded" if environment == "recorded" else "present",
        trust=trust or (),
        trusted_types=trust_type or (),
    )
    drawn = None if picture is None else _draw(found, picture)
    if as_json:
        output.print_json(found.to_dict())
    else:
        _show(found)
        output.lines([drawn] if drawn else [], bullet="")
    return int(not (found.replays and found.repeats and found.is_answered))


def _draw(found: WhatIf, picture: str) -> str:
    from audit_lab import charts

    return draw(charts.what_if(found), picture)


def _show(found: WhatIf) -> None:
    output.title(found.headline)
    output.lines(found.summary(), bullet="")
    changed = [each for each in found.inputs if each.is_changed]
    if changed:
        output.title("Inputs that are changed")
        names = ("feature", "recorded", "instead", "unit", "contribution", "instead", "difference")
        numbers = {row["feature"]: row for row in found.rows.iter_rows(named=True)}
        kinds = ("contribution", "changed_contribution", "difference")
        rows = [
            (
                each.feature,
                each.recorded,
                each.value,
                each.unit,
                *(numbers[each.feature][kind] for kind in kinds),
            )
            for each in changed
        ]
        output.table(names, rows)
    output.title("The same in Python")
    output.lines(found.code().rstrip().splitlines(), bullet="")
    output.facts({"answer (SHA-256)": found.digest})


def _changes(signature: Signature | None, settings: Sequence[str]) -> dict[str, Any]:
    """Return the changes as they were written; each value is of its feature's type, by the version's signature."""
    features = {} if signature is None else {each.name: each for each in signature.features}
    changes: dict[str, Any] = {}
    for text in settings:
        # A feature's own name may hold the sign, so known names come first, the longest of them.
        known = sorted((name for name in features if text.startswith(f"{name}=")), key=len)
        name = known[-1] if known else text.partition("=")[0].strip()
        if "=" not in text or not name:
            raise MisuseError(f"--set is {text!r}", "Write it as --set FEATURE=VALUE.")
        if name in changes:
            raise MisuseError(f"--set names {name!r} twice", "Say it once.")
        changes[name] = _value(features.get(name), text[len(name) + 1 :] if known else text.partition("=")[2])
    return changes


def _value(feature: Feature | None, text: str) -> Any:
    """Return a value as its feature's type has it; the name of an unknown feature is told by whoever is asked."""
    if feature is None or (text == _MISSING and _MISSING not in (feature.categories or ())):
        return None
    try:
        if feature.dtype == "bool":
            return _TRUTH[text.strip().lower()]
        if feature.dtype == "int":
            return int(text)
        return float(text) if feature.dtype == "float" else text
    except (KeyError, ValueError) as error:
        kind = {"bool": "true or false", "int": "a whole number"}.get(feature.dtype, "a number")
        given = f"{feature.name}={text}"
        raise MisuseError(f"--set is {given!r}, and {feature.name} is {kind}", "Write its value so.") from error
