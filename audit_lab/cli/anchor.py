"""Commands that hold a log in time from outside: witness and anchor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.errors import IntegrityError, MisuseError

__all__ = ["register"]

_LARGEST_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(witness)
    app.command()(anchor)


def witness(
    log: Annotated[str, typer.Argument(help="The log, as the witness can read it.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Write the cosigned checkpoint to this file.")],
    key: Annotated[
        str,
        typer.Option("--key", help="The witness's key: a file of audit-lab keys new --kind witness, env: or agent:."),
    ],
    trust: Annotated[
        str | None, typer.Option("--trust", help="Trust file with the first keys of the logs that it witnesses.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Folder for what it saw.", show_default="in your state folder")
    ] = None,
    passphrase: Annotated[
        str | None,
        typer.Option("--passphrase", help="Where that of the key comes from: prompt, env:NAME or fd:NUMBER."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check, as an independent witness, that a log only grew since the last time, and cosign its checkpoint.

    Run it elsewhere than the log's writer, with a key and a state of its own. What it cosigned shows later whether the
    log was cut or written anew. Exits 1, and cosigns nothing, where the log does not hold or did not grow.
    """
    from audit_lab.evidence.keyring import accepted_keys, signing_key
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.log.integrity.witnessing import witness_log

    folder = None if state is None else Path(state).expanduser()
    chosen = signing_key(key, passphrase)
    try:
        seen = witness_log(log, key=chosen, trust=accepted_keys(trust), folder=folder)
    except IntegrityError as error:
        if not as_json:
            raise
        with output.for_whoever_reads():
            output.print_json(error.report.to_dict())
        return error.exit_code
    write_bytes(Path(out), seen.note)
    if as_json:
        output.print_json({"origin": seen.origin, "size": seen.size, "size_before": seen.size_before, "cosigned": out})
    else:
        output.line(
            f"{seen.origin} grew from {seen.size_before:,} to {seen.size:,} entries; cosigned by {chosen.name}: {out}"
        )
        output.line(f"Verify with it: audit-lab verify {log} --witness {out}")
        output.line(f"Or keep it in the log: audit-lab anchor {log} --cosigned {out}")
    return 0


def anchor(
    log: Annotated[str, typer.Argument(help="The log's folder.")],
    cosigned: Annotated[
        str | None, typer.Option("--cosigned", help="Keep this checkpoint, which a witness cosigned, in the log.")
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", help="Write a request for a time stamp over the newest checkpoint.")
    ] = None,
    answer: Annotated[
        str | None, typer.Option("--answer", help="Keep this answer of a time-stamping authority in the log.")
    ] = None,
    authorities: Annotated[
        list[str] | None,
        typer.Option("--timestamp-authority", help="PEM file of the authority's certificates; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Have a log's checkpoint time-stamped (RFC 3161), or keep an anchor in the log for whoever gets it.

    Nothing is sent anywhere: carry the request to an authority by whatever way you have, for example with curl
    --data-binary, and come back with its answer.
    """
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.log.time_anchors.anchoring import keep_cosigned, keep_timestamp, stamp_request
    from audit_lab.log.time_anchors.timestamps import read_authority

    if sum(option is not None for option in (cosigned, request, answer)) != 1:
        raise MisuseError("anchor does one thing at a time", "Give one of --cosigned, --request and --answer.")
    document: dict[str, Any]
    if request is not None:
        write_bytes(Path(request), stamp_request(Path(log)))
        document, sentence = {"request": request}, f"{request}: send it to a time-stamping authority."
    elif cosigned is not None:
        size = keep_cosigned(Path(log), _content(cosigned))
        document, sentence = {"size": size}, f"Kept: the cosigned checkpoint of {size:,} entries."
    else:
        accepted = [read_authority(Path(each)) for each in authorities or []]
        size, stamp = keep_timestamp(Path(log), _content(str(answer)), accepted)
        document = {"size": size, "authority": stamp.authority, "time": stamp.time.isoformat()}
        sentence = f"Kept: {stamp.authority} saw the checkpoint of {size:,} entries at {stamp.time.isoformat()}."
    if as_json:
        output.print_json(document)
    else:
        output.line(sentence)
    return 0


def _content(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(_LARGEST_BYTES)
