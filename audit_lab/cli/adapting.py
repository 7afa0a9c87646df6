"""The command about logs of other systems: propose a mapping for Parquet, or take a vendor's serving log over."""

from __future__ import annotations

import tomllib
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import ACTOR_VARIABLE, MappingPath
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.capture.adapters.report import AdaptReport

__all__ = ["register"]

_TOPIC = "kafka://"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(adapt)


def adapt(
    source: Annotated[
        str,
        typer.Argument(help="Parquet that another system wrote, a vendor's serving logs, or kafka://HOST:PORT/TOPIC."),
    ],
    log: Annotated[
        str | None, typer.Argument(help="A sealed log to take the serving logs over into.", show_default="propose only")
    ] = None,
    save: Annotated[str | None, typer.Option("--save", help="Write the proposed mapping to this TOML file.")] = None,
    mapping: MappingPath = None,
    form: Annotated[
        str | None, typer.Option("--form", help="The logs' form.", show_default="told by what they hold")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The model's name, where the logs' is not meant.")
    ] = None,
    version: Annotated[
        list[str] | None,
        typer.Option("--version", help="The model's version; or STATED=VERSION, repeated, for what the logs state."),
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", help="A feature's name, in order, or NAME=TYPE; repeated, for bodies without names."),
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option("--answer", help="ROLE=FIELD of the answers: score, label, probabilities, decision; repeated."),
    ] = None,
    environment: Annotated[str | None, typer.Option("--environment", help="Where the model served.")] = None,
    sampling_rate: Annotated[
        float | None, typer.Option("--sampling-rate", help="The rate that the platform recorded at, up to 1.")
    ] = None,
    quarantine: Annotated[
        str | None,
        typer.Option("--quarantine", help="Folder for what is refused.", show_default="<log>.adapted beside the log"),
    ] = None,
    follow: Annotated[
        float | None,
        typer.Option("--follow", help="Of a topic: go on for so many seconds once all that was there is read.", min=0),
    ] = None,
    client: Annotated[
        str | None,
        typer.Option("--client", help="Of a topic: settings of librdkafka, such as TLS and SASL, in a TOML file."),
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", help="Of a topic: the schema (.avsc) of Avro values that bring none.")
    ] = None,
    origin: Annotated[str | None, typer.Option("--origin", help="The name of a log that is begun.")] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", envvar=ACTOR_VARIABLE, show_envvar=False, help="Who takes it over.")
    ] = None,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """Propose how to read somebody else's Parquet; or take the logs of a serving platform over into a sealed log.

    With one folder: shows which column plays which role, why, and samples of it; with --save writes the mapping as
    TOML, to be looked through and edited. With --mapping reports on that mapping instead of proposing one. Nothing is
    changed or copied.

    With a log: pairs requests and responses, and appends predictions, inputs and labels. What the log has is not added
    again, and a run that was stopped goes on. What cannot be taken over is kept in quarantine with its bytes and the
    reason; then the exit code is 1. A topic is read from where the log has it, each message once.
    """
    if log is None:
        return _propose(source, save, mapping, as_json=as_json)
    if save is not None:
        raise MisuseError("--save goes with a proposal, and a log is named", "Leave one of them out.")
    said: dict[str, Any] = {
        "form": form,
        "model": model,
        "version": _version(version),
        "features": _features(feature),
        "outputs": _pairs("--answer", answer),
        "environment": environment,
        "sampling_rate": sampling_rate,
        "mapping": mapping,
        "quarantine": quarantine,
        "origin": origin,
        "actor": actor,
        "vault": vault,
        "passphrase": passphrase,
    }
    if source.startswith(_TOPIC):
        return _topic(source, log, said, follow=follow, client=client, schema=schema, as_json=as_json)
    of_topic = {"--follow": follow, "--client": client, "--schema": schema}
    wrong = next((name for name, value in of_topic.items() if value is not None), None)
    if wrong is not None:
        raise MisuseError(
            f"{wrong} goes with a topic alone", f"Leave it out, or name a topic: {_TOPIC}HOST:PORT/TOPIC."
        )
    from audit_lab.capture.adapters.adaptation import adapt as take_over

    with output.bar() as bar:
        task = bar.add_task("taking over", total=None)
        report = take_over(
            source, log, progress=lambda done, total: bar.update(task, completed=done, total=total), **said
        )
    return _show(report, as_json=as_json)


def _topic(
    source: str,
    log: str,
    said: dict[str, Any],
    *,
    follow: float | None,
    client: str | None,
    schema: str | None,
    as_json: bool,
) -> int:
    """Take a topic over, and show what came of it."""
    from audit_lab.capture.adapters.kafka_topic import adapt_topic

    servers, _, topic = source.removeprefix(_TOPIC).partition("/")
    if not servers or not topic or "/" in topic or "@" in servers:
        raise MisuseError(
            f"{source!a:.80} is no topic",
            f"Give {_TOPIC}HOST:PORT/TOPIC; whoever may read it is told by --client FILE.",
        )
    if said["form"] is None:
        raise MisuseError("the form of the messages is not said", "Give --form json-lines, avro, kserve, seldon ...")
    report = adapt_topic(servers, topic, log, follow_s=follow or 0, client=_client(client), avro_schema=schema, **said)
    if as_json:
        output.print_json(report.to_dict())
    else:
        output.lines(report.lines(), bullet="")
    return int(report.quarantined > 0)


def _client(path: str | None) -> dict[str, str] | None:
    """Return the settings that a TOML file holds: names in quotes, as they have points, and texts."""
    if path is None:
        return None
    try:
        found = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MisuseError(f"there are no readable settings {path}", "Name a TOML file.") from error
    if any(isinstance(value, dict | list) for value in found.values()):
        raise MisuseError(
            f"{path} has settings that are no texts", 'Write each as "security.protocol" = "SASL_SSL", names in quotes.'
        )
    return {name: str(value) for name, value in found.items()}


def _show(report: AdaptReport, *, as_json: bool) -> int:
    if as_json:
        output.print_json(report.to_dict())
    else:
        output.lines(report.lines(), bullet="")
    return int(report.rows_quarantined > 0 or not report.is_counted)


def _version(given: list[str] | None) -> str | dict[str, str] | None:
    if not given or (len(given) == 1 and "=" not in given[0]):
        return given[0] if given else None
    return _pairs("--version", given)


def _features(given: list[str] | None) -> list[str] | dict[str, str] | None:
    if not given or not any("=" in each for each in given):
        return given
    return _pairs("--feature", given)


def _pairs(option: str, given: list[str] | None) -> dict[str, str] | None:
    if not given:
        return None
    pairs = [each.partition("=") for each in given]
    if any(not name or not sign for name, sign, _ in pairs):
        raise MisuseError(f"{option} is not of the form NAME=VALUE everywhere", "Give every one a name and a value.")
    return {name: value for name, _, value in pairs}


def _propose(folder: str, save: str | None, mapping: str | None, *, as_json: bool) -> int:
    from audit_lab.capture.ingest import ingest_report
    from audit_lab.capture.propose import propose
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.log.foreign.mapping import Mapping

    with output.waiting("adapt"):
        proposal = None if mapping else propose(Path(folder))
        chosen = Mapping.read(Path(mapping)) if mapping else proposal.mapping  # type: ignore[union-attr]
        report = ingest_report(Path(folder), chosen)
    if save is not None:
        write_bytes(Path(save), chosen.to_toml().encode())
    if as_json:
        proposed = proposal.to_dict() if proposal else None
        output.print_json({"proposal": proposed, "report": report.to_dict(), "saved": save})
        return 0
    if proposal:
        output.title(f"Proposed mapping of {folder}")
        output.table(
            ("role", "column", "confidence", "why", "samples"),
            [(role.role, role.column, role.level, role.why, ", ".join(role.samples[:3])) for role in proposal.roles],
        )
        output.line(f"inputs: {', '.join(chosen.inputs) or 'none'}")
        output.lines(f"left out: {left.column}: {left.why}" for left in proposal.left_out)
        output.lines(proposal.concerns)
    output.title("Ingest report")
    output.lines(report.lines())
    output.title("What follows")
    output.lines(chosen.notes())
    if save is not None:
        output.line(
            f"Saved {save}. Look it through, then: audit-lab find --log {quote(folder)} --mapping {quote(save)}"
        )
    elif proposal:
        output.line("Nothing was saved; add --save MAPPING.toml to keep this mapping.")
    return 0
