"""`AuditLog`: an opened log, its tables, and the questions that can be asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.face.description import described
from audit_lab.face.progress import shown_while, watched
from audit_lab.face.watching import Watching
from audit_lab.log.files.reading import collect
from audit_lab.log.index.lookup import places_of, rows_by
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta
    from decimal import Decimal
    from pathlib import Path

    from audit_lab.face.browse import Browse
    from audit_lab.face.replays import When
    from audit_lab.log.keys.pseudonym import PseudonymKey
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.letter.search import Letter
    from audit_lab.log.proof import RecordProof
    from audit_lab.log.time_anchors.timestamps import Authority
    from audit_lab.monitor.aggregated import Aggregated
    from audit_lab.seal.report import Verification
    from audit_lab.seal.trust import Trust

__all__ = ["AuditLog"]


class AuditLog(Watching):
    """An opened audit log. Tables are polars LazyFrames with canonical columns, empty where the log has none."""

    def describe(self) -> dict[str, Any]:
        """Return origin, notes, tables with their rows, models and time range, as JSON-safe values."""
        with self._access.asking("describe"):
            return described(self._store)

    def find(
        self,
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return the predictions that match, in order of time.

        Parameters
        ----------
        expression
            A SQL expression over the columns of predictions and ``inputs.<feature>``, for example
            ``inputs.distance_miles > 500 AND decision = 'late'``: parsed, never evaluated; or a polars expression.
        since, until
            Half-open range of `occurred_at`: [since, until). Text without a zone is UTC.

        Raises
        ------
        MisuseError
            The expression or a time cannot be read.
        """
        asking = self._access.asking("find", expression, since=since, until=until, model=model, limit=limit)
        with asking as answer, shown_while("find"):
            if limit is not None and limit < 0:
                raise MisuseError(f"limit is {limit}", "Give 0 or more, or leave it out.")
            found = self._found(expression, since, until, model, limit)
            answer.shows(found)
            return found

    def browse(
        self,
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        sort: str | None = "occurred_at",
        descending: bool = True,
        progress: Callable[[str, int], None] | None = None,
    ) -> Browse:
        """Look at predictions page by page, in any order and by any filter, however many there are.

        Parameters
        ----------
        expression, since, until, model
            As in `find`.
        sort, descending
            A column as an expression names it (``outputs.score``, ``inputs.distance_miles``), None for stored order;
            and whether the greatest comes first. The newest come first when omitted.
        progress
            Called with ``"rows"`` and how many more were read, while a column is read for the first time.

        Raises
        ------
        MisuseError
            The expression or a time cannot be read, or there is no such column.
        """
        from audit_lab.face.browse import Browse
        from audit_lab.log.search.query import Question, instant

        question = Question(expression, instant(since, "since"), instant(until, "until"), model)
        browse = Browse(self._store, self._access, question, self.decision, progress=progress)
        return browse.sorted_by(sort, descending=descending)

    def newest(self, count: int = 50, model: str | None = None) -> pl.DataFrame:
        """Return the newest predictions, newest first."""
        with self._access.asking("newest", count, model=model) as answer:
            frame = self._store.table("predictions")
            if model is not None:
                frame = frame.filter(pl.col("model_name") == model)
            ordered = frame.sort("occurred_at", "prediction_id", descending=True, nulls_last=True).head(count)
            newest = collect(ordered, f"the predictions of {self._store.location}")
            answer.shows(newest)
            return newest

    def by_request(self, request_id: str) -> pl.DataFrame:
        """Return the predictions of one request, in order of place; none where no prediction names it."""
        return self._by("request_id", request_id)

    def by_subject(self, subject_id: str) -> pl.DataFrame:
        """Return the predictions about one subject, by the pseudonym that stands in the log, in order of place.

        `audit_lab.pseudonym` gives the pseudonym of a customer number to whoever has the key.
        """
        return self._by("subject_id", subject_id)

    def letter(
        self,
        customer: str | None = None,
        *,
        subject: str | None = None,
        around: When = None,
        zone: str | None = None,
        within: str | timedelta = "2h",
        amount: str | float | Decimal | None = None,
        decision: str | None = None,
        model: str | None = None,
        limit: int = 20,
        key: PseudonymKey | Path | str | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> Letter:
        """Search by what a letter says; every candidate comes with why it matches and what does not.

        Parameters
        ----------
        customer
            The customer number as the customer has it; its pseudonym is made with `key`.
        subject
            Instead of `customer`: the pseudonym itself, as it stands in ``subject_id``.
        around, zone, within
            A date or a rough local time, the IANA zone in which it is local, and how far off it may be.
        amount
            Compared with every numeric input: exactly, rounded, and in thousands or hundredths.
        decision
            A word, compared whatever its case with the decision, the label and what it was overridden to.
        key
            The pseudonym key, or its file; default: the file in AUDIT_LAB_PSEUDONYM_KEY.
        progress
            Called with the name of each table that is read next and how many rows it has; what it raises ends the
            question. When omitted, whoever waits for longer than a second in a terminal or a notebook is shown it.

        Raises
        ------
        MisuseError
            Nothing of the letter was given, or a part of it cannot be read.
        """
        from audit_lab.face.letter_search import letter_of, subject_of

        clues: dict[str, Any] = {"subject": subject_of(customer, subject, key), "around": around, "zone": zone}
        clues |= {"within": within, "amount": amount, "decision": decision, "model": model, "limit": limit}
        with self._access.asking("letter", **clues) as answer, shown_while("letter", progress) as tell:
            answer.touches("predictions", self._columns("predictions"))
            if amount is not None:
                self._touches_inputs(answer, self._store.models() if model is None else [model])
            if decision is not None:
                answer.touches("overrides", ["decision_after"])
            found = letter_of(watched(self._store, tell), **clues)
            answer.rows = len(found.candidates)
            return found

    def verify(
        self,
        trust: Trust | Path | str | Sequence[Path | str] | None = None,
        *,
        vault: Vault | Path | str | None = None,
        require_anchor: bool = False,
        witnesses: Sequence[Path | bytes] = (),
        authorities: Sequence[Authority | Path] = (),
        rows: bool = True,
        progress: Callable[[str, int], None] | None = None,
        remembered: Path | bool = True,
    ) -> Verification:
        """Check the log: a sealed one down to every row, another against its manifest.

        Checked is always the newest state of what lies there, also where an earlier one was opened.

        Parameters
        ----------
        trust
            The keys to accept, their file, or several files; default: the user's own trust file.
        vault
            The log's vault, or its folder: needed to recompute the hashes of personal tables.
        require_anchor
            Fail unless something outside the writer's reach holds the log in time.
        witnesses, authorities
            Cosigned checkpoints that came from a witness, and time-stamping authorities that the reader accepts.
        rows
            Whether to recompute every row's hash, not only the digests of files.
        progress
            Called with ``files`` and bytes, and with ``rows`` and rows, as they are done.
        remembered
            Whether to start from, and to keep, the checkpoint that this user verified last; or the folder for it.

        Raises
        ------
        IntegrityError
            Something was found wanting, or an anchor was required and there is none; the error carries the report.
        """
        from audit_lab.face.accepted import accepted_keys
        from audit_lab.log.integrity import verify

        recomputed = None if rows else "not recomputed"
        asking = self._access.asking("verify", rows=recomputed, require_anchor=require_anchor or None)
        with asking, shown_while("verify", progress):
            return verify(
                self._store,
                trust=accepted_keys(trust),
                vault=_folder(vault),
                require_anchor=require_anchor,
                witnesses=witnesses,
                authorities=authorities,
                rows=rows,
                progress=progress,
                remembered=remembered,
            )

    def prove(
        self, prediction_id: str, fields: Sequence[str] | None = None, *, vault: Vault | Path | str | None = None
    ) -> RecordProof:
        """Prove that a prediction and its inputs stand in this sealed log, to somebody who does not have it.

        Parameters
        ----------
        prediction_id
            The id, or the place (``id@segment:row``).
        fields
            The columns to show; all by default. The others are committed to, and nothing is said about their values.
        vault
            The log's vault, or its folder; default: the one in the user's state folder.

        Raises
        ------
        MisuseError
            The log is not sealed, a column is not there, or the vault is missing.
        NotFoundError, AmbiguousIdError
            As for `decision`.
        """
        from audit_lab.log.keys.vault import vault_folder
        from audit_lab.log.proof import prove

        with self._access.asking("prove", prediction_id, fields=fields) as answer:
            usual = vault_folder(self.origin) if vault is None and self.checkpoint is not None else None
            proof = prove(self._store, prediction_id, fields=fields, vault=_folder(vault) or usual)
            answer.rows = len(proof.document.records)
            for table, columns in proof.shown.items():
                answer.touches(table, columns)
            return proof

    def snapshots(self) -> pl.DataFrame:
        """Return every state as of which this sealed log can be opened: size, time, root, and what was added.

        Raises
        ------
        MisuseError
            The log is not sealed.
        """
        from audit_lab.log.seals import list_seals

        with self._access.asking("snapshots") as answer:
            seals = list_seals(self._store)
            answer.rows = seals.height
            return seals

    def aggregates(self, model: str | None = None) -> Aggregated:
        """Return what recorders counted of predictions, by hour, in the place of rows or beside them.

        Parameters
        ----------
        model
            The model; may be left out where one was counted.

        Raises
        ------
        MisuseError
            There are several models.
        LogError
            The events cannot be read.
        """
        from audit_lab.face.aggregate_search import aggregates_of

        with self._access.asking("aggregates", model=model) as answer:
            found = aggregates_of(self._store, model)
            answer.rows = found.cells.height
            return found

    def explanations_due(self, model: str | None = None) -> pl.DataFrame:
        """Return the predictions whose explanation was left for later, and is not in the log yet.

        Compute each with ``log.decision(id).explain()`` and write it with `audit_lab.record_explanation`, or let
        ``audit-lab explain-due --record`` do both.

        Parameters
        ----------
        model
            The model; all when omitted.

        Returns
        -------
        pl.DataFrame
            ``prediction_id``, ``occurred_at`` (UTC), ``model_name``, ``model_version``, in order of time.

        Raises
        ------
        LogError
            A table cannot be read.
        """
        from audit_lab.face.due_explanations import due_explanations

        with self._access.asking("explanations due", model=model) as answer:
            found = due_explanations(self._store, model)
            answer.shows(found)
            return found

    def _by(self, column: str, value: str) -> pl.DataFrame:
        if not isinstance(value, str):
            raise MisuseError(f"a {column} is text, not {type(value).__name__}", "Give it as text.")
        with self._access.asking(f"by {column}", value) as answer:
            rows = rows_by(self._store, "predictions", column, value)
            found = rows.drop(SEGMENT, ROW).with_columns(pl.Series("place", places_of(rows), dtype=pl.String))
            answer.shows(found)
            return found

    @spelling_text
    def __repr__(self) -> str:
        """Return origin, path, rows, what was opened of it, and whether questions are written to a journal."""
        rows = ", ".join(f"{name} {count:,}" for name, count in self._store.source.tables().items())
        sealed = "" if self.checkpoint is None else f"; sealed, {self.checkpoint.splitlines()[1]} entries"
        kept = (
            "no journal is kept" if self.journal is None else f"every question goes to the journal {self.journal.path}"
        )
        return f"AuditLog {self.origin!r} at {self._store.location}: {rows}{sealed}; {kept}"


def _folder(vault: Vault | Path | str | None) -> Vault | Path | None:
    from pathlib import Path

    return Path(vault).expanduser() if isinstance(vault, str) else vault
