"""Commands that ask who else: which decisions a correction changes, which cases were alike and decided otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Model, Since, Until
from audit_lab.cli.limits import Environment, MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.replay.comparable_cases import Comparable
    from audit_lab.replay.impact import Impact
    from audit_lab.replay.impact.kinds import Change

__all__ = ["register"]

#: Decisions, and subjects, that stand one by one in ``--json``; with --keep all cases are in the folder.
_MOST_LISTED = 10_000
_MOST_VALUES = 20
_AFFECTED = {
    "prediction_id": "prediction",
    "occurred_at": "at",
    "model_version": "version",
    "score_before": "score",
    "score_after": "corrected",
    "decision_before": "decided",
    "decision_after": "would be",
    "final_decision": "stands by now",
}
_CASES = {
    "rank": "case",
    "prediction_id": "prediction",
    "occurred_at": "at",
    "decision": "decided",
    "final_decision": "stands by now",
    "score": "score",
    "distance": "distance",
    "differing": "differing",
}
_DIFFERENCES = {"feature": "feature", "this": "here", "other": "there", "unit": "unit", "part": "difference"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (impact, comparable):
        app.command()(reads_a_log(command))


def impact(
    reading: Reading,
    values: Annotated[
        str | None, typer.Option("--values", help="Parquet or CSV: prediction_id, and the right value of features.")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help='FEATURE: CONVERSION, like "distance_miles: km -> mile".')
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option("--missing", help='FEATURE: VALUE that a missing one is read as, like "income: 0".'),
    ] = None,
    recode: Annotated[
        list[str] | None, typer.Option("--recode", help='FEATURE: OLD=NEW, ..., like "city: Roma=Rome".')
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Another registered version, with its threshold and rules.")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Another threshold.")] = None,
    rules: Annotated[str | None, typer.Option("--rules", help="File with other rules, in the registry's JSON.")] = None,
    rules_of: Annotated[str | None, typer.Option("--rules-of", help="The rules of another version.")] = None,
    without_rule: Annotated[
        list[str] | None, typer.Option("--without-rule", help="The version's rules without this one.")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="Only predictions that match an expression.")] = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    of_version: Annotated[
        str | None, typer.Option("--of-version", help="Only predictions that state this version.")
    ] = None,
    group_by: Annotated[
        str, typer.Option("--group-by", help="Comma-separated: columns of predictions, or features.")
    ] = "model_version",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Show at most this many decisions.")] = 20,
    environment: Environment = "present",
    trust: Trust = None,
    trust_type: TrustType = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Folder for every case; a run that was stopped goes on there.")
    ] = None,
    picture: Picture = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Decide predictions again under a correction, by the recorded model, and list those that come out otherwise.

    Corrections are made in the order in which their options stand here, several of one kind as given. A prediction
    whose replay without the correction is not its record is listed apart, and never counted as affected. Exits 1 when
    a decision would have been otherwise, or one could not be decided; and when there was nothing to decide, or nothing
    that a correction is about, for then it says nothing.
    """
    if environment not in ("present", "recorded"):
        raise MisuseError(f"there is no environment {environment!r}", "Choose present or recorded.")
    check_picture(picture)
    changes = [
        *_feature_changes(values, unit or [], missing or [], recode or []),
        *_model_changes(version, threshold, rules, rules_of, without_rule or []),
    ]
    if not changes:
        raise MisuseError(
            "there is no correction", 'Give one, like --unit "distance_miles: km -> mile" or --threshold 0.4.'
        )
    groups = [name.strip() for name in group_by.split(",") if name.strip()]
    opened = reading.open()
    chosen: Literal["present", "recorded"] = "recorded" if environment == "recorded" else "present"
    with output.bar() as progress:
        task = progress.add_task("deciding again", total=None)
        found = opened.impact(
            changes,
            where,
            since=since,
            until=until,
            model=model,
            version=of_version,
            groups=groups,
            environment=chosen,
            trust=trust or (),
            trusted_types=trust_type or (),
            keep=keep,
            limits=limits_of(time_limit, memory_limit),
            progress=lambda _, count: progress.update(task, advance=count),
        )
    drawn = None if picture is None else _draw_impact(found, picture)
    if as_json:
        frames = {"affected": found.affected, "by_subject": found.by_subject, "not_decided": found.not_decided}
        listed = {name: frame.head(_MOST_LISTED).to_dicts() for name, frame in frames.items()}
        output.print_json({**found.to_dict(), **listed})
    else:
        _show_impact(found, limit)
        output.lines([drawn] if drawn else [], bullet="")
    counts = found.counts
    said_all = counts.predictions > 0 and counts.decided == counts.predictions and not found.unmet
    return int(counts.affected > 0 or not said_all)


def _show_impact(found: Impact, limit: int) -> None:
    output.lines(found.summary(), bullet="")
    shown = found.affected.head(limit)
    if shown.height:
        output.title(f"Affected decisions, {shown.height:,} of {found.counts.affected:,}")
        output.table(tuple(_AFFECTED.values()), shown.select(*_AFFECTED).iter_rows(), keep=("prediction",))
    for name in found.asked["groups"]:
        rows = found.by_group.filter(group=name).drop("group")
        if rows.height:
            more = f", the first {_MOST_VALUES} of {rows.height:,} values" if rows.height > _MOST_VALUES else ""
            output.title(f"By {name}{more}")
            shares = ["-" if share is None else f"{share:.2%}" for share in rows["share"]]
            numbers = rows.drop("share").iter_rows()
            told = [(*row, share) for row, share in zip(numbers, shares, strict=True)]
            output.table(rows.columns, told[:_MOST_VALUES])
    if found.kept is not None:
        output.line(f"Every case stands in {found.kept}.")
    output.facts({"correction (SHA-256)": found.correction_sha256, "answer (SHA-256)": found.digest})


def comparable(
    reading: Reading,
    prediction_id: Annotated[str, typer.Argument(help="A prediction's id or place.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Find at most this many.")] = 10,
    any_decision: Annotated[
        bool, typer.Option("--any-decision", help="Whatever was decided of them, not only otherwise.")
    ] = False,
    any_version: Annotated[bool, typer.Option("--any-version", help="Of any version of the model.")] = False,
    before: Annotated[
        str | None,
        typer.Option("--before", help="Only before this time, or any.", show_default="before the decision itself"),
    ] = None,
    since: Since = None,
    until: Until = None,
    features: Annotated[
        str | None, typer.Option("--features", help="Comma-separated: the inputs that count; the model's.")
    ] = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> int:
    """Find the nearest cases that were decided otherwise, and say in what each differs.

    Nearness is Gower's distance (1971) over the recorded inputs. Cases are those of the same model version that were
    decided before. Exits 1 when there is none.
    """
    check_picture(picture)
    chosen = None if features is None else [name.strip() for name in features.split(",")]
    found = (
        reading.open()
        .decision(prediction_id)
        .comparable(
            limit,
            decided_otherwise=not any_decision,
            same_version=not any_version,
            as_of=before,
            features=chosen,
            window=None if since is None and until is None else (since, until),
        )
    )
    drawn = None if picture is None or found.cases.is_empty() else _draw_comparable(found, picture)
    if as_json:
        output.print_json(found.to_dict())
    else:
        output.lines(found.summary(), bullet="")
        if found.cases.height:
            output.title("Cases")
            output.table(tuple(_CASES.values()), found.cases.select(*_CASES).iter_rows(), keep=("prediction",))
            output.title("The nearest one, feature by feature")
            nearest = found.differences.filter(rank=1).select(*_DIFFERENCES)
            output.table(tuple(_DIFFERENCES.values()), nearest.iter_rows())
        output.lines([drawn] if drawn else [], bullet="")
    return int(found.cases.is_empty())


def _feature_changes(values: str | None, unit: list[str], missing: list[str], recode: list[str]) -> list[Change]:
    import audit_lab as al

    changes: list[Change] = []
    if values is not None:
        changes.append(al.Correction.values(_read_values(values), Path(values).name))
    changes += [al.Correction.unit(*_named("--unit", text)) for text in unit]
    for text in missing:
        feature, value = _named("--missing", text)
        changes.append(al.Correction.missing(feature, _value(value)))
    for text in recode:
        feature, pairs = _named("--recode", text)
        changes.append(al.Correction.recode(feature, dict(_pair(pair) for pair in pairs.split(","))))
    return changes


def _model_changes(
    version: str | None, threshold: float | None, rules: str | None, rules_of: str | None, without_rule: list[str]
) -> list[Change]:
    import audit_lab as al

    changes: list[Change] = []
    if version is not None:
        changes.append(al.Correction.version(version))
    if threshold is not None:
        changes.append(al.Correction.threshold(threshold))
    if rules is not None:
        try:
            changes.append(al.Correction.rules(Path(rules).read_text("utf-8")))
        except UnicodeDecodeError as error:
            raise MisuseError(f"{rules} is not UTF-8", "Save it as UTF-8.") from error
    if rules_of is not None:
        changes.append(al.Correction.rules_of(rules_of))
    return [*changes, *(al.Correction.without_rule(name) for name in without_rule)]


def _named(option: str, text: str) -> tuple[str, str]:
    feature, separator, rest = text.partition(":")
    if not separator or not feature.strip() or not rest.strip():
        raise MisuseError(f"{option} is {text!r}", f'Write it as {option} "FEATURE: ...".')
    return feature.strip(), rest.strip()


def _pair(text: str) -> tuple[Any, Any]:
    old, separator, new = text.partition("=")
    if not separator or not old.strip():
        raise MisuseError(f"--recode has {text!r}", 'Write it as --recode "FEATURE: OLD=NEW, OLD=NEW".')
    return _value(old.strip()), _value(new.strip()) if new.strip() else None


def _value(text: str) -> str | int | float | bool:
    """Return a number or truth value where the text is one; a text in quotes is always a text."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_values(path: str) -> Any:
    import polars as pl

    read = pl.read_parquet if path.lower().endswith(".parquet") else pl.read_csv
    try:
        return read(path, glob=False) if read is pl.read_csv else read(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise MisuseError(
            f"{path} cannot be read ({str(error).splitlines()[0][:160]})",
            "Give a Parquet file, or a CSV with a header.",
        ) from error


def _draw_impact(found: Impact, picture: str) -> str:
    from audit_lab import charts

    if not found.counts.predictions or not found.asked["groups"]:
        raise MisuseError("there is nothing to draw", "Widen the window, and name a group with --group-by.")
    return draw(charts.impact_by_group(found.by_group, found.asked["groups"][0], subtitle=found.captions), picture)


def _draw_comparable(found: Comparable, picture: str) -> str:
    from audit_lab import charts

    drawn = charts.comparable_table(
        found.cases, found.differences, decision=found.decision, subtitle=[found.prediction_id, found.scope]
    )
    return draw(drawn, picture)
