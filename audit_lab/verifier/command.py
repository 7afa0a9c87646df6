"""The command of the one-file verifier: a bundle or a record proof in, a report and an exit code out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.seal.trust import Trust, joined_trust
from audit_lab.verifier.age import known_to_reader
from audit_lab.verifier.bundle import verify_bundle
from audit_lab.verifier.record_proof import verify_record_proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.seal.report import Verification

__all__ = ["main"]

_ABOUT = """Check an evidence bundle, or the proof of a record: without audit_lab, without a network, and without
running or extracting anything of it. Exit codes: 0 nothing was found wanting, 1 something was, 2 the call was wrong, or
something could not be read or written."""
_INTERRUPTED, _NOT_WRITTEN = 130, 2
_LARGEST_PROOF_BYTES = 64_000_000
_BY_THE_CASE = "case"


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the arguments name, print the report, and return the exit code; nothing else is ever written."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        report = _verified(options)
    except IntegrityError as error:
        report = error.report
    except AuditLabError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _failed("stopped; nothing was verified", _INTERRUPTED)
    return _told(
        json.dumps(report.to_dict(), indent=2) + "\n" if options.json else _text(report), 0 if report.holds else 1
    )


def _told(text: str, code: int) -> int:
    """Print a report and return its exit code, or that of a report that could not be printed."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        _close_output()
    except OSError as error:
        _close_output()
        return _failed(
            f"The report cannot be written ({error.strerror}). Make room, or write it elsewhere", _NOT_WRITTEN
        )
    return code


def _close_output() -> None:
    """Let what is left of the output go nowhere, so that the interpreter does not try to write it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(what: str, code: int) -> int:
    sys.stderr.write(f"audit-lab-verify: {_printable(what)}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="audit-lab-verify", description=_ABOUT)
    parser.add_argument("path", help="the bundle (an archive or a folder), or the proof of a record")
    parser.add_argument("--trust", action="append", default=[], help="trust file: the keys that you accept; repeatable")
    parser.add_argument("--require-anchor", action="store_true", help="fail unless something outside dates it")
    parser.add_argument(
        "--require-sign-off",
        action="append",
        default=None,
        metavar="MEANING",
        help=f"fail unless somebody signed the bundle as reviewed or approved; or {_BY_THE_CASE}: as its case asks",
    )
    parser.add_argument(
        "--known-checkpoint", metavar="FILE", help="a checkpoint of its log that you have; older is STALE"
    )
    parser.add_argument("--signed-since", metavar="TIME", help="a bundle that states an earlier signature is STALE")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _verified(options: argparse.Namespace) -> Verification:
    path, trust = Path(options.path), joined_trust([Trust.read(Path(each)) for each in options.trust])
    required = options.require_sign_off
    if path.is_file() and (proof := _proof(path)) is not None:
        if required is not None:
            raise MisuseError(
                f"Sign-offs stand in evidence bundles, and {path} is none", "Leave --require-sign-off out"
            )
        if options.known_checkpoint is not None or options.signed_since is not None:
            raise MisuseError(
                f"How old it is is asked of bundles, and {path} is none",
                "Leave --known-checkpoint and --signed-since out",
            )
        return verify_record_proof(proof, trust, require_anchor=options.require_anchor)
    if required is not None and _BY_THE_CASE in required:
        required = [] if required == [_BY_THE_CASE] else required
    known = known_to_reader(options.known_checkpoint, options.signed_since)
    return verify_bundle(path, trust, require_anchor=options.require_anchor, require_sign_offs=required, known=known)


def _proof(path: Path) -> bytes | None:
    """Return the bytes of a file that is a JSON object, as a record's proof is; no archive begins like that."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_PROOF_BYTES + 1) if file.read(1) == b"{" and file.seek(0) == 0 else None
    except OSError as error:
        raise MisuseError(f"{path} cannot be read ({error.strerror})", "Check the path, and your access") from error


def _text(report: Verification) -> str:
    """Return the report as plain lines, in which no text of a bundle can move the cursor."""
    lists = {
        "FOUND WANTING": [str(found) for found in report.findings],
        "Checked": report.checked,
        "Not checked": report.not_checked,
        "Signed by": report.signers,
        "Anchors": report.anchors or ("none",),
        "Note": report.notes,
    }
    lines = [f"{report.verdict}  {report.subject}"]
    for title, texts in lists.items():
        if texts:
            lines += ["", title, *(f"- {text}" for text in texts)]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
