"""The command that shows the whole way once: demo."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.sealed_copy import sealed_copy
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.cli.sealed_copy import SealedCopy
    from audit_lab.face import AuditLog, Decision
    from audit_lab.monitor.drift import Drift
    from audit_lab.replay.verdict import Replay
    from audit_lab.seal.report import Verification

__all__ = ["register"]

_KEY, _TRUST = "demonstration-key", "trust.toml"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    log: Annotated[str, typer.Option("--log", "-l", help="The sample log.")] = "sample_data/flights",
    notebook: Annotated[
        str, typer.Option("--notebook", help="The notebook that is exported as evidence.")
    ] = "notebooks/01_investigate_an_incident.ipynb",
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the evidence bundle.")] = "out/demo",
    as_json: AsJson = False,
) -> int:
    """Investigate the sample incident from end to end: what moved, one decision replayed, evidence signed and verified.

    The log holds real flights of 2015 and a model that predicts their delays. It is copied beside the evidence and
    sealed there, so that the evidence proves its rows; the log itself stays as it is. Needs no browser.
    """
    import audit_lab as al

    for path, what in ((log, "sample log"), (notebook, "notebook")):
        if not Path(path).exists():
            raise MisuseError(
                f"the {what} {path} is not here",
                "Run this in a checkout of audit_lab, where `make demo` does, or name it with --log and --notebook.",
            )
    started = time.monotonic()
    sealed = sealed_copy(Path(log), Path(out))
    opened = al.open(sealed.log)
    if not as_json:
        _introduce(opened, sealed)
    moved = opened.drift()
    decision = _last_decision(opened, moved)
    replay = decision.replay()
    if not as_json:
        _tell_incident(moved, decision, replay)
    bundle, report = _hand_over(Path(notebook), Path(out), sealed, quiet=as_json)
    seconds = time.monotonic() - started
    if as_json:
        output.print_json(
            {
                "incident": moved.summary()[0],
                "decision": decision.to_dict(),
                "replay": replay.to_dict(),
                "bundle": str(bundle),
                "verification": report.to_dict(),
                "duration_s": round(seconds, 1),
            }
        )
    else:
        output.show_verification(report)
        output.title("The evidence")
        output.line(str(bundle))
        accepting = f"--trust {Path(out) / _KEY / _TRUST} --trust {sealed.trust}"
        output.line(f"Verify it again: audit-lab verify {bundle} {accepting}")
        output.line(f"Run its notebook again: add --rerun --log {sealed.log} --run-foreign-code")
        output.line(f"Done in {seconds:.0f} s. Next: make lab, or audit-lab --help.")
    return 0


def _introduce(log: AuditLog, sealed: SealedCopy) -> None:
    described = log.describe()
    output.title(f"1. The log: {log.origin}")
    rows = described["tables"]["predictions"]
    output.line(f"{rows:,} predictions of {', '.join(described['models'])} in {log.path}, a sealed copy")
    output.lines(log.notes)
    output.title("2. Is it whole?")
    output.lines(log.verify(sealed.trust, vault=sealed.vault, remembered=False).checked)
    output.lines(log.coverage().summary())


def _last_decision(log: AuditLog, moved: Drift) -> Decision:
    """Return the last decision about the category that vanished first, or the newest one where none vanished."""
    gone = next((one for one in moved.vanished if one.last_seen is not None), None)
    if gone is None or gone.last_seen is None:
        return log.decision(str(log.newest(1)["prediction_id"][0]))
    value = gone.category.replace("'", "''")
    found = log.find(f"inputs.{gone.column} = '{value}'", since=gone.last_seen.date())
    return log.decision(str(found["place"][-1]))


def _tell_incident(moved: Drift, decision: Decision, replay: Replay) -> None:
    output.title("3. The incident: since when, and what moved")
    output.lines(moved.summary())
    output.title("4. One decision, reconstructed")
    output.facts(
        {
            "prediction": decision.place,
            "when": decision.prediction["occurred_at"],
            "decision": decision.prediction["decision"],
            "inputs": ", ".join(f"{name} {value}" for name, value in (decision.inputs or {}).items()),
            "in force": decision.in_force.statement,
            "outcome": (decision.outcome or {}).get("label"),
            "findings": ", ".join(finding.code for finding in decision.findings) or "none",
            "gaps": ", ".join(gap.code for gap in decision.gaps) or "none",
        }
    )
    output.title("5. The same decision, replayed")
    output.line(str(replay.verdict))
    output.line(replay.why)


def _hand_over(notebook: Path, out: Path, sealed: SealedCopy, *, quiet: bool) -> tuple[Path, Verification]:
    from audit_lab.evidence import demonstration_key, export_notebook
    from audit_lab.evidence.leaving import Leaving
    from audit_lab.evidence.verification import verify

    if not quiet:
        output.title("6. Evidence: the notebook runs from a clean kernel, is rendered, signed and verified")
    demonstration = demonstration_key(out / _KEY)
    bundle = export_notebook(
        notebook, out, key=demonstration.key, overwrite=True, log=sealed.log, leaving=Leaving(vault=sealed.vault)
    )
    return bundle, verify(bundle, [demonstration.trust, sealed.trust])
