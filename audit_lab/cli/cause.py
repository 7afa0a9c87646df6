"""The command that asks what moved a mean score, or the rate of a decision, between two windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Model
from audit_lab.cli.limits import MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.cli.written import Picture, check_picture, draw

if TYPE_CHECKING:
    from audit_lab.monitor.cause import Cause

__all__ = ["register"]

_FEATURES = (
    *("feature", "change", "attribution", "reweighting", "exchange", "exchange_low", "exchange_high"),
    *("effective_rows", "unsupported"),
)
_SEGMENTS = ("column", "group", "before", "after", "mean_before", "mean_after", "mix", "rate", "p_value")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(cause))


def cause(
    reading: Reading,
    after: Annotated[
        tuple[str, str] | None, typer.Option("--after", metavar="<from to>", help="The window in question.")
    ] = None,
    before: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--before", metavar="<from to>", help="The window it is compared with.", show_default="as long, just before"
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="In the place of --after: the four weeks from this moment on.")
    ] = None,
    of: Annotated[str, typer.Option("--of", help="score, or decision.")] = "score",
    favourable: Annotated[
        str | None, typer.Option("--favourable", help="With --of decision: whose rate is meant.")
    ] = None,
    column: Annotated[list[str] | None, typer.Option("--column", help="Only this input; may be repeated.")] = None,
    model: Model = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", min=2, help="Run a model on at most so many decisions of each window.", show_default="2000"
        ),
    ] = None,
    explained: Annotated[
        str | None,
        typer.Option("--output", help="What attributions are of, like log-odds.", show_default="what scores are in"),
    ] = None,
    minimum: Annotated[int, typer.Option("--minimum", min=2, help="The least decisions of a window.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is chosen or drawn.")] = 0,
    anyway: Annotated[bool, typer.Option("--anyway", help="Look for causes where nothing moved, too.")] = False,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", help="With --picture: exchange, attribution or re-weighting.", show_default="the first there is"
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many lines.")] = 20,
    trust: Trust = None,
    trust_type: TrustType = None,
    picture: Picture = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Say what moved the mean score, or the rate of a decision, from one window to another, by three methods.

    The first line says how much it moved, and whether that is beyond chance; where it is not, that is the answer. Then
    each method ranks the features by itself: attribution (SHAP values), re-weighting, and exchange of one feature's
    values through the recorded model. What another version does is split off. Segments follow: whose share changed.
    """
    check_picture(picture)
    log = reading.open()
    with output.bar() as progress:
        tasks: dict[str, Any] = {}

        def step(word: str, count: int) -> None:
            if word not in tasks:
                tasks[word] = progress.add_task(word, total=None)
            progress.update(tasks[word], advance=count)

        found = log.cause(
            after,
            before,
            since=since,
            of=of,
            favourable=favourable,
            columns=column,
            model=model,
            rows=rows,
            output=explained,
            minimum=minimum,
            seed=seed,
            anyway=anyway,
            trust=trust or (),
            trusted_types=trust_type or (),
            limits=limits_of(time_limit, memory_limit),
            progress=step,
        )
    drawn = None if picture is None else _draw(found, by, picture)
    if as_json:
        output.print_json(found.to_dict())
        return 0
    output.lines(found.describe(), bullet="")
    if found.was_looked_for:
        output.title("Contributions, method by method")
        output.table(_FEATURES, list(found.table().select(_FEATURES).head(limit).iter_rows()))
        output.title("Segments, by what their share and their mean add")
        ordered = found.segments_table().sort("mix", "column", "group", descending=[True, False, False])
        largest = ordered.sort(ordered["mix"].abs(), descending=True, maintain_order=True)
        output.table(_SEGMENTS, list(largest.select(_SEGMENTS).head(limit).iter_rows()))
    output.facts({"answer (SHA-256)": found.digest})
    output.lines([drawn] if drawn else [], bullet="")
    return 0


def _draw(found: Cause, by: str | None, picture: str) -> str:
    from audit_lab import charts

    if not found.was_looked_for:
        return "Nothing moved, so that nothing was drawn."
    method = found.method(by)
    return draw(charts.cause_waterfall(found.steps(method.name), **found.words(method.name)), picture)
