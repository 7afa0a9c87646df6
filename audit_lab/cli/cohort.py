"""The command that asks what moved a model's output over many decisions, and from one group of them to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Model, Since, Until
from audit_lab.cli.limits import MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.explain.cohorts import CohortAttribution, Contrast

__all__ = ["register"]

_CHOICES = {
    "--perturbation": ("interventional", "path-dependent"),
    "--output": ("probability", "log-odds", "margin", "value"),
    "--chart": ("beeswarm", "importance"),
}
_IMPORTANCE = ("rank", "feature", "unit", "mean_magnitude", "mean", "least", "most", "raised", "lowered")
_BINS = ("bin", "label", "rows", "mean", "least", "most", "expression")
_DIFFERENCES = ("feature", "unit", "group_mean", "reference_mean", "mean", "mean_low", "mean_high", "size")
_ROWS = ("prediction_id", "occurred_at", "value")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(cohort))


def cohort(
    reading: Reading,
    where: Annotated[str | None, typer.Option("--where", help="Only decisions that match an expression.")] = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    version: Annotated[
        str | None, typer.Option("--version", help="The version, where the decisions are of several.")
    ] = None,
    contrast: Annotated[
        str | None, typer.Option("--contrast", help="SINCE..UNTIL of a reference that these decisions are put beside.")
    ] = None,
    contrast_where: Annotated[
        str | None, typer.Option("--contrast-where", help="Only decisions of the reference that match an expression.")
    ] = None,
    feature: Annotated[str | None, typer.Option("--feature", help="Show one feature by its recorded value.")] = None,
    bin_number: Annotated[
        int | None, typer.Option("--bin", min=0, help="With --feature: the decisions behind this bin.")
    ] = None,
    perturbation: Annotated[
        str | None,
        typer.Option("--perturbation", help="interventional or path-dependent.", show_default="as the model allows"),
    ] = None,
    explained: Annotated[
        str | None,
        typer.Option("--output", help="probability, log-odds, margin or value.", show_default="as the model allows"),
    ] = None,
    background: Annotated[
        int, typer.Option("--background", min=1, help="Rows that interventional values are against.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of background and samples.")] = 0,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, help="Explain at most so many.", show_default="all, or 200 where each is slow"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many lines.")] = 20,
    trust: Trust = None,
    trust_type: TrustType = None,
    chart: Annotated[str, typer.Option("--chart", help="What --picture shows: beeswarm or importance.")] = "beeswarm",
    picture: Picture = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Add up SHAP values over the decisions of a window or a group, all of one model version.

    Shown are the features by how much they moved the output, which decisions are left out and why, and what was
    checked. With --contrast or --contrast-where a reference is put beside: which feature moved the mean output from
    there to here, with intervals. With --feature one feature is shown by its recorded value, and with --bin the
    decisions behind a bin. --picture draws what is shown. Exits 1 when a check did not pass.
    """
    check_picture(picture)
    chosen = {"--perturbation": perturbation, "--output": explained, "--chart": chart}
    for name, value in chosen.items():
        if value is not None and value not in _CHOICES[name]:
            raise MisuseError(f"{name} is {value!r}", f"Choose {' or '.join(_CHOICES[name])}.")
    if bin_number is not None and feature is None:
        raise MisuseError("--bin is given without --feature", "Name the feature whose bin it is.")
    beside = None if contrast is None and contrast_where is None else (*_window(contrast), contrast_where)
    if beside is not None and feature is not None:
        raise MisuseError("--feature is given with --contrast", "Ask for one feature of one group.")
    log = reading.open()
    with output.bar() as progress:
        task = progress.add_task("decisions", total=None)
        asked: dict[str, Any] = {
            "model": model,
            "version": version,
            "perturbation": perturbation,
            "output": explained,
            "seed": seed,
            "rows": rows,
            "trust": trust or (),
            "trusted_types": trust_type or (),
            "limits": limits_of(time_limit, memory_limit),
            "progress": lambda _, count: progress.update(task, advance=count),
        }
        reference = None
        against: Any = background
        if beside is not None:
            reference = log.attributions(beside[2], since=beside[0], until=beside[1], background=background, **asked)
            against = reference.background_rows or background
        found = log.attributions(where, since=since, until=until, background=against, **asked)
    if reference is not None:
        return _contrasted(found.against(reference), limit, picture, as_json=as_json)
    drawn = None if picture is None else _draw(found, feature, chart, picture)
    if as_json:
        output.print_json(found.to_dict() if bin_number is None else _behind(found, str(feature), bin_number))
    else:
        _show(found, feature, bin_number, limit)
        output.lines([drawn] if drawn else [], bullet="")
    return int(not all(check.passed for check in found.checks))


def _window(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    since, dots, until = (part.strip() for part in text.partition(".."))
    if not dots or not (since or until):
        raise MisuseError(f"--contrast is {text!r}", "Write it as SINCE..UNTIL, like 2015-05-01..2015-06-01.")
    return since or None, until or None


def _contrasted(found: Contrast, limit: int, picture: str | None, *, as_json: bool) -> int:
    drawn = None
    if picture is not None:
        from audit_lab import charts

        group = found.group
        chart = charts.attribution_contrast(
            found.table,
            title="What moved the mean output",
            subtitle=[
                f"{_version(group)}: {group.explained:,} decisions beside {found.reference.explained:,}",
                *_way(group),
            ],
            axis_title=f"change of the mean {_output(group)}",
        )
        drawn = draw(chart, picture)
    if as_json:
        output.print_json(found.to_dict())
    else:
        output.lines(found.describe(), bullet="")
        output.title("Differences, the group less the reference")
        output.table(_DIFFERENCES, found.table.head(limit).select(_DIFFERENCES).iter_rows())
        output.facts({"answer (SHA-256)": found.digest, "additivity": found.check.detail})
        output.lines([drawn] if drawn else [], bullet="")
    checks = (found.check, *found.group.checks, *found.reference.checks)
    return int(not all(check.passed for check in checks))


def _show(found: CohortAttribution, feature: str | None, number: int | None, limit: int) -> None:
    output.lines(found.describe(), bullet="")
    if feature is None:
        output.title("Features")
        output.table(_IMPORTANCE, found.importance.head(limit).select(_IMPORTANCE).iter_rows())
    elif number is None:
        output.title(f"{feature}, by its recorded value")
        output.table(_BINS, found.dependence(feature).head(limit).select(_BINS).iter_rows())
    else:
        behind = found.rows_of(feature, number)
        output.title(f"{behind.height:,} decisions with {feature} {found.feature(feature).bins[number].label}")
        output.table(_ROWS, behind.head(limit).select(_ROWS).iter_rows(), keep=("prediction_id",))
    if found.left_out:
        output.title("Left out")
        output.table(
            ("code", "decisions", "first", "why"),
            [(each.code, each.rows, each.first_id, each.effect) for each in found.left_out],
        )
    output.title("Checks")
    output.table(("check", "passed", "found"), [(each.name, each.passed, each.detail) for each in found.checks])
    output.facts(
        {
            "background": found.background.description,
            "artifact (SHA-256)": found.artifact_sha256,
            "answer (SHA-256)": found.digest,
        }
    )


def _behind(found: CohortAttribution, feature: str, number: int) -> dict[str, Any]:
    behind = found.rows_of(feature, number)
    one = found.feature(feature).bins[number]
    return {
        "feature": feature,
        "bin": number,
        "label": one.label,
        "expression": one.expression,
        "decisions": behind.to_dicts(),
        "of": found.digest,
    }


def _draw(found: CohortAttribution, feature: str | None, chart: str, picture: str) -> str:
    from audit_lab import charts

    title = f"What moved {found.explained:,} decisions"
    words: dict[str, Any] = {"subtitle": [_version(found), *_way(found)]}
    axis = f"contribution to the {_output(found)}"
    if feature is not None:
        one = found.feature(feature)
        drawn = charts.attribution_dependence(
            found.dependence(feature),
            found.points_of(feature),
            feature=feature,
            unit=one.unit,
            title=f"What {feature} contributed",
            axis_title=axis,
            **words,
        )
    elif chart == "importance":
        drawn = charts.attribution_importance(found.importance, title=title, axis_title=f"mean |{axis}|", **words)
    else:
        drawn = charts.attribution_beeswarm(found.importance, found.points, title=title, axis_title=axis, **words)
    return draw(drawn, picture)


def _version(found: CohortAttribution) -> str:
    window = [str(found.asked[name]) for name in ("since", "until") if found.asked.get(name)]
    return ", ".join([f"{found.model_name} {found.model_version}", *([" to ".join(window)] if window else [])])


def _way(found: CohortAttribution) -> list[str]:
    left = sum(each.rows for each in found.left_out)
    facts = [f"SHAP, {found.algorithm}; against {found.background.description.split('; ')[0]}"]
    return [*facts, f"{left:,} decisions could not be explained"] if left else facts


def _output(found: CohortAttribution) -> str:
    return f"{found.output_explained} of {found.label}" if found.label else found.output_explained
