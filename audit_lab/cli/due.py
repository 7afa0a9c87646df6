"""The command about explanations that were left for later."""

from __future__ import annotations

from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.keep import Passphrase, VaultPath
from audit_lab.cli.output import AsJson
from audit_lab.errors import ModelError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(explain_due)


def explain_due(
    log: Annotated[str, typer.Argument(help="The log's folder.")],
    model: Annotated[str | None, typer.Option("--model", help="Of this model only.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="So many at once.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the background and of the method.")] = 0,
    record: Annotated[bool, typer.Option("--record", help="Compute them (SHAP), and write them into the log.")] = False,
    vault: VaultPath = None,
    passphrase: Passphrase = None,
    as_json: AsJson = False,
) -> int:
    """List the decisions whose explanation a recorder left for later; with --record compute and write them.

    Each is computed as `audit-lab explain` does, against earlier decisions of the same version. What is written
    stays: an explanation of record cannot be taken back, only corrected. Exits 1 where one cannot be computed.
    """
    import audit_lab as al

    opened = al.open(log)
    due = opened.explanations_due(model)
    if not record:
        if as_json:
            output.print_json({"due": due.to_dicts()})
        elif due.is_empty():
            output.line("No explanation is due.")
        else:
            output.table(due.columns, due.head(most).iter_rows())
            output.line(f"{due.height:,} explanations are due. With --record they are computed and written.")
        return 0
    written: list[str] = []
    failed: dict[str, str] = {}
    with output.bar() as bar:
        task = bar.add_task("explaining", total=min(most, due.height))
        for prediction_id in due["prediction_id"].head(most):
            try:
                found = opened.decision(prediction_id).explain("shap", seed=seed)
            except ModelError as error:
                failed[prediction_id] = str(error)
            else:
                al.record_explanation(log, prediction_id, found, vault=vault, passphrase=passphrase)
                written.append(prediction_id)
            bar.advance(task)
    if as_json:
        output.print_json({"recorded": written, "failed": failed, "left": due.height - len(written)})
    else:
        output.line(f"{len(written):,} explanations are in the log, {due.height - len(written):,} are still due.")
        if failed:
            output.table(("prediction", "why it cannot be explained"), failed.items())
    return 1 if failed else 0
