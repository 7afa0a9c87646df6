"""Commands about lineage: show where a decision came from, and take over what other tools recorded."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import ACTOR_VARIABLE, Reading, reads_a_log
from audit_lab.cli.written import check_picture, draw, write_file, write_frame
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.capture.lineage import LineageRows
    from audit_lab.replay.lineage import LineageGraph

__all__ = ["register"]

_EDGES = ("from", "relation", "to", "stated by")
_DRAWN = (".svg", ".png", ".html")


class Recorded(StrEnum):
    """What lineage is read from: the sources of `audit_lab.capture.lineage`, which is not imported to name them."""

    OPENLINEAGE = "openlineage"
    MLFLOW = "mlflow"
    DVC = "dvc"
    WANDB = "wandb"
    CLEARML = "clearml"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Show where a decision or a model version came from; take over lineage that other tools recorded.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
    )
    group.command("show")(reads_a_log(show))
    group.command("import")(take_over)
    app.add_typer(group, name="lineage")


def show(
    reading: Reading,
    prediction_id: Annotated[str | None, typer.Argument(help="A prediction's id or place.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Or a model; goes with --version.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="The model's version.")] = None,
    picture: Annotated[
        str | None, typer.Option("--picture", help="Draw it into this file: .svg, .png, or .html to point at.")
    ] = None,
    prov: Annotated[str | None, typer.Option("--prov", help="Write it to this file as W3C PROV-JSON.")] = None,
    as_json: AsJson = False,
) -> int:
    """Show the way of one decision, or of a model version, back to approvals, runs, commits, data and feature sources.

    What is amiss stands below: cycles, nodes that nothing describes, runs without a commit, data that nothing leads to.
    Exits 1 when something is amiss.
    """
    if (prediction_id is None) == (model is None) or (model is None) != (version is None):
        raise MisuseError(
            "whose lineage is not said", "Give a prediction's id, or --model together with --version, and not both."
        )
    check_picture(picture, _DRAWN)
    log = reading.open()
    graph = (
        log.decision(prediction_id).lineage_graph()
        if prediction_id is not None
        else log.lineage_graph(str(model), str(version))
    )
    written = [] if picture is None else [_draw(graph, picture)]
    written += [] if prov is None else [write_file(Path(prov), graph.to_prov_json().encode())]
    if as_json:
        output.print_json(graph.to_dict())
        return int(bool(graph.gaps))
    summary = graph.summary()
    rows = [(edge.from_node, edge.relation, edge.to_node, edge.source) for edge in graph.edges]
    if rows:
        output.table(_EDGES, rows)
    output.line(summary[0])
    if graph.gaps:
        output.title("What is amiss")
    output.lines(summary[1:])
    output.lines(written, bullet="")
    return int(bool(graph.gaps))


def take_over(
    source: Annotated[Recorded, typer.Argument(help="What recorded it.")],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files or folders of events; an mlruns folder, or the address of an MLflow server; a dvc.lock; wandb "
            "folders; offline sessions of ClearML."
        ),
    ],
    log: Annotated[str | None, typer.Option("--log", "-l", help="The sealed log to append to.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="Or write the rows here: a folder for Parquet, or a .json file.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option("--commit", help="The git commit that holds the dvc.lock, which that cannot say.")
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option("--experiment", help="Of an MLflow server, this experiment alone; again for more."),
    ] = None,
    artifacts: Annotated[
        str | None,
        typer.Option(
            "--artifacts", help="Fetch the files of an MLflow server's registered versions into this new folder."
        ),
    ] = None,
    patience: Annotated[
        float | None,
        typer.Option("--patience", help="How many seconds an MLflow server is asked at most (600).", min=1),
    ] = None,
    quarantine: Annotated[
        str | None, typer.Option("--quarantine", help="Write what was refused, with its bytes, to this Parquet file.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", envvar=ACTOR_VARIABLE, show_envvar=False, help="Who takes it over.")
    ] = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Read OpenLineage events, MLflow runs and registry, a dvc.lock, or runs of W&B and ClearML into typed rows.

    Nothing that is read is executed, and nothing that it names is opened. What a log has already is not added again. An
    MLflow server is asked with MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
    Exits 1 when something was refused.
    """
    from audit_lab.capture.lineage import read_lineage

    if (log is None) == (out is None):
        raise MisuseError("where the rows should go is not said", "Give --log LOG, or --out FOLDER.")
    rows = read_lineage(
        source.value, paths, commit=commit, experiments=experiment, artifacts=artifacts, patience_s=patience
    )
    said: dict[str, Any] = {"report": rows.report.to_dict()}
    lines = rows.report.lines()
    if quarantine is not None:
        lines.append(write_frame(Path(quarantine), rows.report.quarantine))
    if out is not None:
        said["written"], told = _write_rows(rows, Path(out))
        lines += told
    else:
        more, told = _append(rows, str(log), actor, vault, passphrase)
        said |= more
        lines += told
    if as_json:
        output.print_json(said)
    else:
        output.lines(lines, bullet="")
    return int(rows.report.refused > 0)


def _append(
    rows: LineageRows, log: str, actor: str | None, vault: str | None, passphrase: str | None
) -> tuple[dict[str, Any], list[str]]:
    from audit_lab.capture.lineage import append_lineage

    done = append_lineage(log, rows, actor=actor, vault=vault, passphrase=passphrase)
    lines = [
        f"{table}: {count:,} added, {done.known[table]:,} were there"
        + (f"; {done.corrected[table]:,} of the added correct what was there." if done.corrected[table] else ".")
        for table, count in done.rows.items()
    ]
    if done.size is None:
        lines.append("Nothing was added: the log has all of it.")
    return {"added": done.rows, "known": done.known, "corrected": done.corrected, "size": done.size}, lines


def _write_rows(rows: LineageRows, out: Path) -> tuple[list[str], list[str]]:
    """Write the rows as one JSON file, or as Parquet files into a folder; return what was written, and its lines."""
    import json

    from audit_lab.case.plain_json import plain_json

    if out.suffix.lower() == ".json":
        document = {table: frame.to_dicts() for table, frame in rows.tables().items()}
        document["quarantine"] = rows.report.quarantine.with_columns(
            rows.report.quarantine["raw_bytes"].bin.encode("base64")
        ).to_dicts()
        return [str(out)], [write_file(out, (json.dumps(plain_json(document), indent=1) + "\n").encode())]
    frames = {out / f"{name}.parquet": frame for name, frame in rows.tables().items()}
    frames[out / "quarantine.parquet"] = rows.report.quarantine
    return [str(path) for path in frames], [write_frame(path, frame) for path, frame in frames.items()]


def _draw(graph: LineageGraph, picture: str) -> str:
    from audit_lab import charts

    chart = charts.lineage_graph(*graph.to_frames(), subtitle=graph.origin)
    if Path(picture).suffix.lower() != ".html":
        return draw(chart, picture)
    return write_file(Path(picture), charts.interactive_html(chart, graph.root).encode())
