"""The command that asks what would have had to be otherwise for a decision to be another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Since, Until
from audit_lab.cli.limits import Environment, MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.explain.counterfactual import Constraints, Counterfactuals

__all__ = ["register"]

_TRUTH = {"true": True, "false": False}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(counterfactual))


def counterfactual(
    reading: Reading,
    prediction_id: Annotated[str, typer.Argument(help="A prediction's id or place.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Find at most this many.")] = 3,
    immutable: Annotated[
        list[str] | None, typer.Option("--immutable", help="A feature that stays as it is; may be repeated.")
    ] = None,
    up: Annotated[list[str] | None, typer.Option("--up", help="A number that may only grow; may be repeated.")] = None,
    down: Annotated[
        list[str] | None, typer.Option("--down", help="A number that may only shrink; may be repeated.")
    ] = None,
    within: Annotated[
        list[str] | None,
        typer.Option("--within", help='FEATURE: LOWEST..HIGHEST, either may be left out, like "income: 1000..".'),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help='FEATURE: VALUE | VALUE, like "city: Oslo | Rome".')
    ] = None,
    one_of: Annotated[
        list[str] | None,
        typer.Option("--one-of", help='Columns of which exactly one is 1, like "in_oslo | in_rome"; may be repeated.'),
    ] = None,
    constraints: Annotated[
        str | None, typer.Option("--constraints", help="JSON file of constraints, in the place of these options.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The decision that is wanted.", show_default="any other")
    ] = None,
    between: Annotated[
        bool, typer.Option("--between", help="Numbers between those seen in the log count as well.")
    ] = False,
    most_changes: Annotated[int, typer.Option("--most-changes", min=1, help="Features that may change at once.")] = 3,
    most_candidates: Annotated[int, typer.Option("--most-candidates", min=1, help="Candidates to be run.")] = 20_000,
    since: Since = None,
    until: Until = None,
    environment: Environment = "present",
    trust: Trust = None,
    trust_type: TrustType = None,
    picture: Picture = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Find the nearest changes of the inputs with which the system would have decided otherwise.

    Every candidate runs through the recorded artifact, its threshold and its rules. Values count that were seen in the
    log before the decision, or from --since to --until. A decision whose replay is not its record is refused. Exits 1
    when nothing is found, which is no proof that there is nothing unless it says so.
    """
    check_picture(picture)
    if environment not in ("present", "recorded"):
        raise MisuseError(f"there is no environment {environment!r}", "Choose present or recorded.")
    decision = reading.open().decision(prediction_id)
    named = {"immutable": immutable, "only_up": up, "only_down": down}
    held = _constraints(decision.signature, constraints, named, within or [], only or [], one_of or [])
    chosen: Literal["present", "recorded"] = "recorded" if environment == "recorded" else "present"
    with output.bar() as progress:
        task = progress.add_task("candidates", total=most_candidates)
        found = decision.counterfactual(
            limit,
            constraints=held,
            target=target,
            window=None if since is None and until is None else (since, until),
            between=between,
            most_changes=most_changes,
            most_candidates=most_candidates,
            limits=limits_of(time_limit, memory_limit),
            environment=chosen,
            trust=trust or (),
            trusted_types=trust_type or (),
            progress=lambda _, count: progress.update(task, advance=count),
        )
    drawn = None if picture is None or not found.found else _draw(found, picture)
    if as_json:
        output.print_json(found.to_dict())
    else:
        _show(found)
        output.lines([drawn] if drawn else [], bullet="")
    return int(not found.found)


def _draw(found: Counterfactuals, picture: str) -> str:
    from audit_lab import charts
    from audit_lab.explain.counterfactual import flip_frames

    version = f"{found.model_name} {found.model_version}"
    subtitle = [f"{found.prediction_id}, {version}", found.constraints.words()]
    return draw(charts.counterfactual_table(*flip_frames(found), decision=found.decision, subtitle=subtitle), picture)


def _show(found: Counterfactuals) -> None:
    output.lines(found.summary(), bullet="")
    if found.found:
        output.title("Changes")
        names = ("number", "feature", "recorded", "instead", "unit", "difference", "decision")
        rows = [
            (number, change.feature, change.before, change.after, change.unit, change.part, each.decision)
            for number, each in enumerate(found.found, 1)
            for change in each.changes
        ]
        output.table(names, rows)
    output.facts({"answer (SHA-256)": found.digest})


def _constraints(
    signature: Any,
    path: str | None,
    named: dict[str, list[str] | None],
    within: list[str],
    only: list[str],
    one_of: list[str],
) -> Constraints:
    from audit_lab.explain.counterfactual import Constraints

    if path is not None:
        if any((*named.values(), within, only, one_of)):
            raise MisuseError("constraints are stated in a file and by options", "Use one of the two.")
        return Constraints.read(path)
    dtypes = {} if signature is None else {feature.name: feature.dtype for feature in signature.features}
    return Constraints(
        **{name: tuple(features or ()) for name, features in named.items()},
        ranges=dict(_range(text) for text in within),
        categories=dict(_categories(text, dtypes) for text in only),
        one_of=tuple(tuple(each.strip() for each in text.split("|")) for text in one_of),
    )


def _range(text: str) -> tuple[str, tuple[float | None, float | None]]:
    feature, _, rest = text.rpartition(":")
    low, dots, high = rest.partition("..")
    try:
        bounds = _bound(low), _bound(high)
    except ValueError:
        dots = ""
    if not feature.strip() or not dots:
        raise MisuseError(f"--within is {text!r}", 'Write it as --within "FEATURE: LOWEST..HIGHEST".')
    return feature.strip(), bounds


def _bound(text: str) -> float | None:
    stripped = text.strip()
    if not stripped:
        return None
    try:
        return int(stripped)
    except ValueError:
        return float(stripped)


def _categories(text: str, dtypes: dict[str, str]) -> tuple[str, tuple[Any, ...]]:
    feature, separator, rest = text.partition(":")
    name, values = feature.strip(), [each.strip() for each in rest.split("|")]
    if not name or not separator or not all(values):
        raise MisuseError(f"--only is {text!r}", 'Write it as --only "FEATURE: VALUE | VALUE".')
    dtype = dtypes.get(name)
    try:
        if dtype == "bool":
            return name, tuple(_TRUTH[each.lower()] for each in values)
        return name, tuple(int(each) if dtype == "int" else each for each in values)
    except (KeyError, ValueError) as error:
        kind = "true or false" if dtype == "bool" else "a whole number"
        raise MisuseError(f"--only is {text!r}, and {name} is {kind}", "Write its values so.") from error
