"""Prove that a prediction stands in a sealed log, to somebody who does not have the log.

The proof holds the prediction's row and its inputs as they are committed, the fields that are to be shown, the path of
each row to the root in its segment's statement, and the statement's path to the root of a signed checkpoint. The light
verifier (`audit_lab.verifier.record_proof`) checks it without the log.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.files.durable import write_bytes
from audit_lab.log.index.lookup import find_prediction, look_up, places_of
from audit_lab.log.keys.vault import Vault
from audit_lab.log.prover import Prover
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.proof_document import LIMITS
from audit_lab.seal.proof_document import RecordProof as Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.store import LogStore

__all__ = ["RecordProof", "prove"]

_ID = "prediction_id"
_PREDICTIONS = "predictions"


@dataclass(frozen=True, repr=False)
class RecordProof:
    """A proof of one prediction, ready to be handed out.

    Attributes
    ----------
    document
        What is written and checked.
    shown, withheld
        Table to the columns whose values the proof shows, and to those that it only commits to.
    """

    document: Document
    shown: dict[str, tuple[str, ...]]
    withheld: dict[str, tuple[str, ...]]

    def to_bytes(self) -> bytes:
        """Return the proof's canonical bytes, which `audit_lab.verifier.record_proof` checks."""
        return self.document.to_bytes()

    def save(self, path: str | Path) -> Path:
        """Write the proof into a file, whole or not at all, and return its path.

        Raises
        ------
        MisuseError
            The file cannot be written.
        """
        target = Path(path).expanduser()
        try:
            write_bytes(target, self.to_bytes())
        except OSError as error:
            raise MisuseError(f"The proof cannot be written to {target} ({error.strerror})", "Name another") from error
        return target

    @spelling_text
    def __repr__(self) -> str:
        """Return one line: what is proven, of which log, and how much is shown."""
        document = self.document
        fields = sum(map(len, self.shown.values()))
        return (
            f"RecordProof of {document.prediction_id[:80]!a} in {document.origin} at size "
            f"{parse_checkpoint(document.checkpoint).checkpoint.size}: {len(document.records)} records, "
            f"{fields} fields shown, {sum(map(len, self.withheld.values()))} withheld"
        )

    @spelling
    def _repr_html_(self) -> str:
        """Show the proof in a notebook, in plain words; nothing in it is taken as markup."""
        document = self.document
        checkpoint = parse_checkpoint(document.checkpoint).checkpoint
        lines = []
        for record in document.records:
            names = ", ".join(self.shown[record.table]) or "none"
            kept = ", ".join(self.withheld[record.table])
            lines.append(
                f"{record.table}, row {record.row} of segment {record.segment}. Shown: {names}."
                + (f" Withheld, and committed to all the same: {kept}." if kept else "")
            )
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        limits = "".join(f"<li>{html.escape(limit)}</li>" for limit in LIMITS)
        about = html.escape(
            f"Proof that the prediction {document.prediction_id} stands in the log {document.origin}, under its "
            f"checkpoint of {checkpoint.size} entries."
        )
        how = (
            "Whoever gets it checks it without the log: <code>audit-lab verify FILE</code>, with the log's key pinned."
        )
        return f"<p>{about}</p><ul>{items}</ul><p>{how}</p><p>What it does not show:</p><ul>{limits}</ul>"


def prove(
    store: LogStore,
    prediction_id: str,
    *,
    fields: Sequence[str] | None = None,
    vault: Vault | Path | None = None,
) -> RecordProof:
    """Prove that a prediction and its inputs stand in a log, as of the checkpoint that was opened.

    Where a witness cosigned an earlier checkpoint that covers the records already, the proof is under that one.

    Parameters
    ----------
    store
        A sealed log.
    prediction_id
        The prediction's id, or its place (``id@segment:row``).
    fields
        The columns to show, of the prediction and of its inputs; all by default. The id is always shown. Erased values
        are gone and never shown.
    vault
        The log's vault, or its folder: personal tables are committed to with keys that are kept there.

    Raises
    ------
    MisuseError
        The log is not sealed; a column is not there; or the vault is missing or is another log's.
    NotFoundError, AmbiguousIdError
        As for a look-up of the prediction.
    LogError
        A row is not as it was sealed.
    """
    if store.checkpoint is None:
        raise MisuseError(
            f"the log {store.location} is not sealed, so nothing can be proven from it", "Seal it from here on."
        )
    found = find_prediction(store, prediction_id)
    own_id = str(found.row[_ID])
    rows = [(_PREDICTIONS, *_split(found.place))]
    table = f"{INPUTS_PREFIX}{found.row['model_name']}"
    if found.row["model_name"] in store.models():
        rows += [(table, *_split(place)) for place in places_of(look_up(store, table, _ID, own_id).rows)]
    opened = Vault.open(store.origin, vault, log=store.folder.path) if isinstance(vault, Path) else vault
    document, shown = Prover(store, opened).prove(own_id, rows, None if fields is None else {_ID, *fields})
    withheld = {
        record.table: tuple(name for name, _ in record.schema if name not in shown[record.table])
        for record in document.records
    }
    return RecordProof(document, shown, withheld)


def _split(place: str) -> tuple[str, int]:
    segment, _, row = place.rpartition("@")[2].rpartition(":")
    return segment, int(row)
