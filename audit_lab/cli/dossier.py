"""The command that answers a letter: two pages about one decision, found by its id or by whom it is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.limits import Environment, MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import IntegrityError, MisuseError, NotFoundError

if TYPE_CHECKING:
    from audit_lab.dossier import Dossier
    from audit_lab.face import AuditLog
    from audit_lab.face.decision import Decision
    from audit_lab.seal.report import Verification

__all__ = ["register"]

_FORMATS = (".pdf", ".html", ".json")
_SHOWN = ("prediction_id", "occurred_at", "model_version", "decision", "final_decision")
_MOST_LISTED = 50
_WANTED = ("EXACT", "WITHIN_TOLERANCE")
_STEPS = 2


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(dossier))


def dossier(
    reading: Reading,
    who: Annotated[
        str | None, typer.Argument(metavar="ID|SUBJECT", help="A prediction's id or place, or a subject's pseudonym.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Instead: the subject, by the pseudonym that stands in the log.")
    ] = None,
    out: Annotated[
        list[str] | None,
        typer.Option(
            "--out", "-o", help="Write it there: .pdf, .html or .json; may be repeated. With --all, a folder."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="One dossier for each decision about the subject.")] = False,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone",
            help="Zone of local times, like America/New_York.",
            show_default="AUDIT_LAB_TIMEZONE, else UTC",
        ),
    ] = None,
    codes: Annotated[
        str | None, typer.Option("--codes", help="JSON file of reason codes: tell the reasons in their words.")
    ] = None,
    counterfactual: Annotated[
        bool, typer.Option("--counterfactual", help="Tell the nearest change that would have led to another decision.")
    ] = False,
    immutable: Annotated[
        list[str] | None, typer.Option("--immutable", help="A feature that no such change touches; may be repeated.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Verify the log first, and tell how that ended.")] = False,
    trust_file: Annotated[
        list[Path] | None, typer.Option("--trust-file", help="Keys to accept when verifying; may be repeated.")
    ] = None,
    paper: Annotated[str, typer.Option("--paper", help="a4 or letter.")] = "a4",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the explanation and the reasons.")] = 0,
    environment: Environment = "present",
    trust: Trust = None,
    trust_type: TrustType = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Answer a letter about one decision on two pages.

    What was decided, when (local time beside UTC), by which version, on which inputs, why, whether it comes out again,
    what happened afterwards, and what is missing with who owns that gap. Without --out the answer is printed. About a
    subject with several decisions: lists them; choose one by its id, or --all. Exits 1 when a decision does not come
    out again, or the log does not verify.
    """
    files = _files(out or [], paper, every=every)
    if environment not in ("present", "recorded"):
        raise MisuseError(f"there is no environment {environment!r}", "Choose present or recorded.")
    opened = reading.open()
    found = _found(opened, who, subject)
    if len(found) > 1 and not every:
        raise _several(found, who or subject or "", as_json=as_json)
    asked = _options(codes, timezone, immutable, counterfactual=counterfactual or bool(immutable))
    asked |= {"seed": seed, "limits": limits_of(time_limit, memory_limit), "environment": environment}
    asked |= {"trust": trust or (), "trusted_types": trust_type or ()}
    asked["verification"] = _verified(reading, opened, trust_file) if verify or trust_file else None
    steps = _STEPS + (asked["codes"] is not None) + (asked["counterfactual"] is not False)
    made: list[tuple[Dossier, list[str]]] = []
    with output.bar() as progress:
        task = progress.add_task("asking", total=steps * len(found))
        asked["progress"] = lambda what, count: progress.update(task, advance=count, description=f"{what} done")
        for each, name in zip(found, _named(found), strict=True):
            one = each.dossier(**asked)
            own = [files[0] / f"{name}{kind}" for kind in (".pdf", ".json")] if every else files
            made.append((one, _written(one, own, paper)))
    kinds = {path.suffix.lower() for path in files}
    _show(made, paper, as_json=as_json, tells_left_out=".pdf" in kinds and ".json" not in kinds)
    verified = asked["verification"]
    held = verified is None or verified.holds
    return int(not held or any(one.replay.verdict not in _WANTED for one, _ in made))


def _files(out: list[str], paper: str, *, every: bool) -> list[Path]:
    from audit_lab.dossier.content import check_path

    files = [Path(each) for each in out]
    check_path("dossier.pdf", paper)
    if not every:
        for each in files:
            check_path(each, paper)
        return files
    if len(files) != 1 or files[0].suffix.lower() in _FORMATS:
        raise MisuseError("--all writes a file for each decision", "Name one folder for them, as -o FOLDER.")
    return files


def _found(opened: AuditLog, who: str | None, subject: str | None) -> list[Decision]:
    """Return the decision of an id, or those of a subject.

    Raises
    ------
    MisuseError
        Neither or both are given, or what is given is an id and a subject.
    NotFoundError
        It is neither.
    """
    if (who is None) == (subject is None):
        raise MisuseError(
            "it is not clear which decision is meant", "Give a prediction's id or a subject, or --subject."
        )
    about = opened.decisions(subject=who if subject is None else subject)
    if subject is not None:
        if not len(about):
            raise NotFoundError(
                f"no decision about the subject {subject[:80]!r} is in the log {opened.origin}",
                "Give the pseudonym as it stands in the log: audit-lab letter makes it of a customer number.",
            )
        return list(about)
    named = str(who)
    try:
        one = opened.decision(named)
    except NotFoundError as error:
        if len(about):
            return list(about)
        raise NotFoundError(
            f"the log {opened.origin} has neither a prediction nor a subject {named[:80]!r}", error.next_step
        ) from error
    if len(about):
        raise MisuseError(
            f"{named[:80]!r} is the id of a prediction ({one.place}) and a subject with {len(about)} decisions",
            "For the prediction give its place; for the subject use --subject.",
        )
    return [one]


def _several(found: list[Decision], who: str, *, as_json: bool) -> MisuseError:
    if not as_json:
        rows = [
            (
                each.place if len(each.places) > 1 else each.prediction_id,
                *(each.prediction[name] for name in _SHOWN[1:4]),
                each.final_decision,
            )
            for each in found[:_MOST_LISTED]
        ]
        output.table(_SHOWN, rows, keep=("prediction_id",))
    ids = ", ".join(each.place if len(each.places) > 1 else each.prediction_id for each in found[:_MOST_LISTED])
    more = f" and {len(found) - _MOST_LISTED:,} more" if len(found) > _MOST_LISTED else ""
    named = f": {ids}{more}" if as_json else more
    return MisuseError(
        f"the log has {len(found):,} decisions about {who[:80]!r}{named}",
        "Choose one by its id, or write all into a folder: --all -o FOLDER.",
    )


def _options(
    codes: str | None, timezone: str | None, immutable: list[str] | None, *, counterfactual: bool
) -> dict[str, Any]:
    from audit_lab.explain.counterfactual import Constraints
    from audit_lab.explain.reasons import ReasonCodes

    return {
        "timezone": timezone,
        "codes": None if codes is None else ReasonCodes.read(codes),
        "counterfactual": Constraints(immutable=tuple(immutable or ())) if counterfactual else False,
    }


def _verified(reading: Reading, opened: AuditLog, trust_file: list[Path] | None) -> Verification:
    with output.checking(reading.path) as progress:
        try:
            return opened.verify(trust_file, progress=progress)
        except IntegrityError as error:
            report: Verification = error.report
            return report


def _named(found: list[Decision]) -> list[str]:
    """Return a portable name for each decision: its id where that is one, and apart where two would be called alike."""
    from audit_lab.seal.digests import sha256
    from audit_lab.seal.portable_name import safe_name

    digests = [sha256(each.place.encode("utf-8", "surrogatepass")) for each in found]
    names = [safe_name(each.prediction_id, digest) for each, digest in zip(found, digests, strict=True)]
    folded = [name.casefold() for name in names]
    return [
        f"{name}-{digest[:8]}" if folded.count(name.casefold()) > 1 else name
        for name, digest in zip(names, digests, strict=True)
    ]


def _written(one: Dossier, files: list[Path], paper: str) -> list[str]:
    """Write a dossier into files, and return the lines that say where."""
    from audit_lab.cli.written import write_file

    kinds = {".pdf": lambda: one.to_pdf(paper), ".html": lambda: one.to_html().encode(), ".json": one.to_json}
    return [write_file(path, kinds[path.suffix.lower()]()) for path in files]


def _show(made: list[tuple[Dossier, list[str]]], paper: str, *, as_json: bool, tells_left_out: bool) -> None:
    if as_json:
        documents = [one.to_dict() for one, _ in made]
        output.print_json(documents[0] if len(documents) == 1 else documents)
        return
    for one, lines in made:
        output.title(f"Dossier on {one.prediction_id}")
        output.lines(one.answer, bullet="")
        output.lines(lines, bullet="")
        left = one.left_out(paper) if tells_left_out else {}
        if left:
            said = ", ".join(f"{part} {count:,}" for part, count in left.items())
            output.line(f"The pages leave out, or shorten: {said}. To write all of it, add -o FILE.json.")
        output.facts({"digest": one.digest})
