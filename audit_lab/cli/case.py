"""Commands about a case: open one, show it, write findings, actions and comments, change its status, draft a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.case_notebook import notebook
from audit_lab.cli.case_work import conclude, event, keep
from audit_lab.cli.opened_case import By, CaseFolder, TrustFiles, Why, noticing, open_case, signed_off, tell
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.evidence import Case

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Open a case, show it, and write down what is found and what follows.", no_args_is_help=True
    )
    group.command("new")(reads_a_log(new))
    group.command("notebook")(notebook)
    group.command("show")(show)
    exhibits = typer.Typer(help="List what a case keeps.", no_args_is_help=True)
    exhibits.command("list")(list_exhibits)
    # Without a callback, a group of one command would be that command.
    exhibits.callback()(_exhibits)
    group.add_typer(exhibits, name="exhibit")
    group.command("keep")(keep)
    group.command("finding")(finding)
    group.command("conclude")(conclude)
    group.command("event")(event)
    group.command("action")(action)
    group.command("comment")(comment)
    group.command("status")(status)
    group.command("report")(report)
    group.command("custody")(custody)
    app.add_typer(group, name="case")


def _exhibits() -> None:
    """List what a case keeps."""


def new(
    reading: Reading,
    case_id: Annotated[str, typer.Argument(help="The case's id, one line.")],
    question: Annotated[str, typer.Option("--question", help="What the investigation is to answer.")],
    folder: Annotated[
        str | None, typer.Option("--folder", help="Where cases stand.", show_default="$AUDIT_LAB_CASES, else cases")
    ] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="Open it from this decision: a prediction's id or place.")
    ] = None,
    alert: Annotated[
        str | None, typer.Option("--alert", help="Open it from this recorded alert: its id or its beginning.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="The window that is looked into: its first moment; with --until.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="The first moment behind that window.")] = None,
    sign_offs: Annotated[
        list[str] | None,
        typer.Option("--sign-off", help="What its export must be signed off as: reviewed, approved; may be repeated."),
    ] = None,
    persons: Annotated[
        int | None,
        typer.Option(
            "--persons",
            help="By how many persons it is signed at least, the investigator among them; with --sign-off.",
            show_default="2",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone", help="IANA zone of local times beside UTC.", show_default="$AUDIT_LAB_TIMEZONE, else UTC"
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Open a case about a log: from a decision, from an alert that was raised, or from nothing but a question.

    --actor and --purpose say who investigates and why. What a case is opened from becomes its scope and first exhibits.
    """
    import audit_lab as al

    if reading.actor is None or reading.purpose is None:
        raise MisuseError("a case needs somebody who investigates, and why", "Give --actor and --purpose.")
    if persons is not None and not sign_offs:
        raise MisuseError("--persons is about sign-offs, and none is asked for", "Add --sign-off, or leave it out.")
    log = reading.open()
    raised = None if alert is None else log.alerts().raised(alert)
    shown = None if decision is None else log.decision(decision)
    case = al.Case.create(
        case_id,
        log,
        question=question,
        actor=reading.actor,
        purpose=reading.purpose,
        folder=folder,
        alert=raised,
        decision=shown,
        sign_offs=sign_offs or (),
        persons=2 if persons is None else persons,
        window=None if since is None and until is None else (since, until),
        timezone=zone,
    )
    if as_json:
        output.print_json({"folder": str(case.folder), **case.to_dict()})
    else:
        output.line(f"{case.folder}: case {case.case_id} is {case.status}, with {len(case.exhibits)} exhibits")
    return 0


def show(
    folder: CaseFolder,
    bundle: Annotated[
        str | None, typer.Option("--bundle", help="A bundle of it, whose sign-offs are listed and checked.")
    ] = None,
    trust: TrustFiles = None,
    as_json: AsJson = False,
) -> int:
    """Show what a case says: question, answer, findings, actions, timeline, status, sign-offs, and hand edits.

    Of each sign-off it is said whether it is valid for the case as it is now, or void. Those that custody knows of are
    listed; with --bundle those that stand in the bundle, checked against the keys that you accept.
    """
    case = open_case(folder, None, None)
    signed = signed_off(case, bundle, trust)
    if as_json:
        output.print_json({**case.to_dict(), "sign_offs": signed})
        return 0
    output.title(f"Case {case.case_id} ({case.status})")
    scope = {name.replace("_", " "): value for name, value in case.about.scope().items()}
    output.facts({"question": case.about.question, "log": case.about.log_origin, **scope, "answer": case.conclusion})
    _show_exhibits(case)
    numbers = {exhibit.id: exhibit.number for exhibit in case.exhibits}
    for heading, names, rows in (
        (
            "Findings",
            ("id", "claim", "confidence", "exhibits"),
            [
                (
                    each.id,
                    each.claim,
                    each.confidence,
                    ", ".join(str(numbers.get(one, "?")) for one in each.supported_by),
                )
                for each in case.findings
            ],
        ),
        (
            "Actions",
            ("id", "kind", "what", "owner", "due", "status", "how"),
            [(each.id, each.kind, each.what, each.owner, each.due, each.status, each.how) for each in case.actions],
        ),
        (
            "Timeline",
            ("id", "UTC", "what", "shown by"),
            [
                (each.id, each.at, each.what, f"exhibit {numbers.get(each.exhibit, '?')}" if each.exhibit else each.by)
                for each in case.timeline
            ],
        ),
        (
            "Comments",
            ("id", "UTC", "author", "about", "comment"),
            [(each.id, each.at, each.author, each.about[:12], each.text) for each in case.comments],
        ),
        (
            "Status",
            ("status", "UTC", "by", "why"),
            [(each.status, each.at, each.actor, each.why) for each in case.status_changes],
        ),
        (
            "Sign-offs",
            ("meaning", "UTC", "by", "attestation", "state"),
            [
                (each["meaning"], each["at"][:19], each["by"], each["attestation_sha256"][:12], each["state"])
                for each in signed
            ],
        ),
        ("Edited by hand", ("file",), [(change.file,) for change in case.edited()]),
    ):
        if rows:
            output.title(heading)
            output.table(names, rows)
    return 0


def list_exhibits(folder: CaseFolder, as_json: AsJson = False) -> int:
    """List the exhibits of a case: digest, kind, rows, method, query, and who kept each of them when."""
    case = open_case(folder, None, None)
    if as_json:
        kept = [(exhibit, case.kept(exhibit)) for exhibit in case.exhibits]
        by = [{} if line is None else {"kept_at": line.at, "kept_by": line.actor} for _, line in kept]
        output.print_json([{**exhibit.to_dict(), **each} for (exhibit, _), each in zip(kept, by, strict=True)])
    else:
        _show_exhibits(case)
    return 0


def finding(
    folder: CaseFolder,
    claim: Annotated[str, typer.Argument(help="What was found, in one sentence.")],
    exhibit: Annotated[list[str], typer.Option("--exhibit", help="An exhibit's number or id; may be repeated.")],
    confidence: Annotated[str, typer.Option("--confidence", help="high, medium or low.")],
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """State a finding and the exhibits that it rests on."""
    with noticing():
        return tell(open_case(folder, by, why).finding(claim, exhibit, confidence), as_json=as_json)


def action(
    folder: CaseFolder,
    what: Annotated[str, typer.Argument(help="What is to be done; or, with --status, the id of an action.")],
    kind: Annotated[str | None, typer.Option("--kind", help="corrective or preventive.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who does it.")] = None,
    due: Annotated[str | None, typer.Option("--due", help="The day by which it is done, like 2026-12-01.")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="How far it is: open, in progress, closed or dropped.")
    ] = None,
    how: Annotated[str, typer.Option("--how", help="How it was closed, or why it was dropped.")] = "",
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Agree an action, with --kind, --owner and --due; or say with --status how far one is that was agreed."""
    if status is None and (kind is None or owner is None or due is None):
        raise MisuseError("an action needs a kind, an owner and a day", "Give --kind, --owner and --due.")
    if status is not None and (kind is not None or owner is not None or due is not None):
        raise MisuseError("--status is about an action that was agreed", "Leave --kind, --owner and --due out.")
    with noticing():
        case = open_case(folder, by, why)
        if status is not None:
            return tell(case.change_action(what, status, how), as_json=as_json)
        return tell(case.action(what, kind=str(kind), owner=str(owner), due=str(due)), as_json=as_json)


def comment(
    folder: CaseFolder,
    text: Annotated[str, typer.Argument(help="The comment.")],
    about: Annotated[str, typer.Option("--about", help="case, or an id like F1, A1, E1, or an exhibit.")] = "case",
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Comment on a case, or on a finding, an action, an event or an exhibit of it."""
    with noticing():
        return tell(open_case(folder, by, why).comment(text, about), as_json=as_json)


def status(
    folder: CaseFolder,
    to: Annotated[str, typer.Argument(help="open, under review, closed or reopened.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is so now.")],
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Give a case another status; a closed one takes no findings before it is reopened."""
    with noticing():
        return tell(open_case(folder, by, why).change_status(to, reason), as_json=as_json)


def report(
    folder: CaseFolder,
    bundle: Annotated[
        str | None, typer.Option("--bundle", help="The approved bundle of the case as it is: no longer a draft.")
    ] = None,
    trust: TrustFiles = None,
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Draft the incident report from what the case holds; each sentence names the exhibit that it comes from.

    With --bundle, a bundle of the case as it is that somebody whose key you accept approved, it says who did, and when.
    """
    if bundle is None and trust:
        raise MisuseError("--trust is for the sign-offs of a bundle", "Add --bundle, or leave --trust out.")
    with noticing():
        path = open_case(folder, by, why).draft_report(bundle, trust=trust)
    if as_json:
        output.print_json({"report": str(path), "text": path.read_text(encoding="utf-8")})
    else:
        state = "a draft, until a bundle that holds it is approved" if bundle is None else f"as approved in {bundle}"
        output.line(f"{path}: {state}")
    return 0


def custody(folder: CaseFolder, as_json: AsJson = False) -> int:
    """Show who did what to a case, when and why; exits 1 where the record does not hold or a file differs from it."""
    case = open_case(folder, None, None)
    lines, edited = case.custody, case.edited()
    if as_json:
        output.print_json({"lines": [line.to_dict() for line in lines], "edited": [vars(each) for each in edited]})
    else:
        output.table(
            ("line", "time (UTC)", "who", "what", "about", "why", "files"),
            [
                (
                    *(line.number, line.at[:19], line.actor, line.action, line.subject[:40], line.why),
                    "not said" if line.changes is None else len(line.changes),
                )
                for line in lines
            ],
        )
        for change in edited:
            output.line(f"{change.file} differs from what custody knows of it: edited by hand, or a write was cut off")
    return 1 if edited else 0


def _show_exhibits(case: Case) -> None:
    output.title("Exhibits")
    rows: list[tuple[Any, ...]] = []
    for each in case.exhibits:
        line = case.kept(each)
        kept = ("-", "-") if line is None else (line.at[:19], line.actor)
        rows.append((each.number, each.kind, each.title, each.rows, each.method, *kept, each.id[:12]))
    output.table(("no.", "kind", "title", "rows", "method", "kept (UTC)", "by", "digest"), rows)
