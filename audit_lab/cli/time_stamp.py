"""The command that has an evidence bundle time-stamped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

__all__ = ["register"]

_LARGEST_ANSWER_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="timestamp")(time_stamp)


def time_stamp(
    bundle: Annotated[str, typer.Argument(help="The bundle: an archive or a folder.")],
    authority: Annotated[
        str | None, typer.Option("--authority", help="Ask the authority at this address (https://...).")
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", help="Write a request to carry to an authority, and send nothing.")
    ] = None,
    response: Annotated[
        str | None, typer.Option("--response", help="Add this file, an authority's answer to such a request.")
    ] = None,
    authorities: Annotated[
        list[str] | None,
        typer.Option("--timestamp-authority", help="PEM file of an authority that you accept; may be repeated."),
    ] = None,
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Trust file: the keys that you accept; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Have a bundle time-stamped (RFC 3161), so that its time no longer rests on its signer's word.

    The authority gets a digest and nothing of the bundle. Its answer is checked against the certificates that you
    accept before it is added; signatures and sign-offs stay as they are. A verification then says VERIFIED.
    """
    from audit_lab.evidence.time_stamp import stamp_bundle, stamp_request

    if sum(option is not None for option in (authority, request, response)) != 1:
        raise MisuseError("timestamp does one thing at a time", "Give one of --authority, --request and --response.")
    document: dict[str, Any]
    if request is not None:
        from audit_lab.log.files.durable import write_bytes

        write_bytes(Path(request), stamp_request(bundle))
        document, sentence = {"request": request}, f"{request}: send it to a time-stamping authority."
    else:
        answer = None if response is None else _content(response)
        with output.checking(bundle):
            stamp = stamp_bundle(bundle, authority=authority, answer=answer, trust=trust, authorities=authorities or [])
        document = {"bundle": bundle, "authority": stamp.authority, "time": stamp.time.isoformat()}
        sentence = f"{bundle}: {stamp.authority} saw it at {stamp.time.isoformat()}."
    if as_json:
        output.print_json(document)
    else:
        output.line(sentence)
    return 0


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_ANSWER_BYTES)
    except OSError as error:
        raise MisuseError(f"{path} cannot be read ({error.strerror})", "Give the file of the answer.") from error
