"""Record predictions in the process that serves a model: who calls only waits for the values to be taken."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Raw

from audit_lab.capture.recorder.input_form import InputForm
from audit_lab.capture.recorder.lifetime import look_after, look_after_end
from audit_lab.capture.recorder.options import check_options
from audit_lab.capture.recorder.pending import Pending
from audit_lab.capture.recorder.record_form import (
    Numbering,
    checked_extras,
    constants_of,
    id_text,
    microseconds,
    milliseconds,
    outputs_of,
    own_id,
    record_bytes,
)
from audit_lab.capture.recorder.sealing import Sealing, spool_of
from audit_lab.capture.recorder.sealing_lag import BEHIND, SealingLag, no_room
from audit_lab.capture.recorder.selection import Selection
from audit_lab.capture.recorder.spool_file import Header
from audit_lab.capture.recorder.spool_writer import SpoolWriter
from audit_lab.capture.recorder.status import RecorderStatus, status_of
from audit_lab.capture.recorder.ticket import NOT_SAMPLED, Ticket
from audit_lab.capture.redaction.source_redaction import SourceRedaction
from audit_lab.errors import MisuseError
from audit_lab.log.files.private_file import make_private_folder
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.log.writing.canonical_rows import check_table_name
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from audit_lab.capture.recorder.aggregates import Aggregates
    from audit_lab.capture.recorder.sampling import Chosen, Sampling

__all__ = ["Recorder"]

WhenFull = Literal["block", "drop"]
_CLOSING_S = 30.0


class Recorder:
    """Records what a model predicts into a sealed log.

    A record is taken when `record` is called: what happens to its values afterwards is not in it. It is acknowledged
    when its ticket says that it is on the disk, and it is in the log when it is sealed, which a process of its own does
    some seconds later. Nothing that was acknowledged is lost, whatever is killed, and nothing is in the log twice.

    Safe to be used from many threads, from asyncio, and after a fork; many processes may record into one log.

    Parameters
    ----------
    log
        The folder of a sealed log (begin one with `audit_lab.create_log`).
    model, version
        What scores, as the log's table of model versions names it.
    features
        The model's inputs in order, or a mapping of each to its type (polars' or its name). Where types are not given,
        a column keeps the type that it has in the log, and a new one gets that of its first value. None takes the
        names from the first record.
    environment, endpoint, node, threshold, risk_tier
        What is the same in all predictions of this recorder; the node is this host unless told.
    spool
        The folder for what is not sealed yet, for its owner only; beside the log, ``<log>.spool``, unless told. It
        should be on a disk that survives what this process may not.
    when_full
        What a call does when records wait in more than `memory_mb`, because the disk is slow or refuses: ``"block"``
        waits up to `patience_s` and then raises `StorageError`; ``"drop"`` leaves the record out, and the log will say
        how many are missing, and when.
    memory_mb, patience_s
        See `when_full`.
    gather_s
        How long records gather before they go to the disk together; who waits for a ticket is served at once.
    seal_s
        At most so long records lie on the disk before they are handed over to be sealed.
    most_lag_s
        While sealing lags further behind, an hour unless told, a call does what `when_full` says; None for any lag.
    seal
        Whether a process is started that seals; without, ``audit-lab spool seal`` must be run.
    vault, passphrase
        As for `audit_lab.open_writer`; for the process that seals.
    sampling
        By which rule not all predictions are recorded; see `audit_lab.Sampling`. What is not recorded is counted.
    aggregates, rows
        What is counted of all predictions, by hours; see `audit_lab.Aggregates`. With ``rows=False`` nothing else is
        recorded, and of a single prediction nothing can be shown.
    redaction
        A TOML file that says which columns are left out, masked, replaced by pseudonyms or generalised before anything
        of them is queued or written; see ``docs/redaction.md``. The log says what was done.

    Raises
    ------
    MisuseError
        There is no sealed log, or a name or type cannot be used; the redaction is none, or names what there is not.
    """

    def __init__(
        self,
        log: str | Path,
        *,
        model: str,
        version: str,
        features: Sequence[str] | Mapping[str, Any] | None = None,
        environment: str | None = None,
        endpoint: str | None = None,
        node: str | None = None,
        threshold: float | None = None,
        risk_tier: str | None = None,
        spool: str | Path | None = None,
        when_full: WhenFull = "block",
        memory_mb: float = 64,
        patience_s: float = 1.0,
        gather_s: float = 0.1,
        seal_s: float = 10.0,
        most_lag_s: float | None = 3_600.0,
        seal: bool = True,
        vault: str | Path | None = None,
        passphrase: bytes | str | None = None,
        sampling: Sampling | None = None,
        aggregates: Aggregates | None = None,
        rows: bool = True,
        redaction: str | Path | None = None,
    ) -> None:
        check_options(locals())
        self.log = Path(log)
        if not (self.log / CHECKPOINT_NAME).exists():
            raise MisuseError(
                f"{log} is not a sealed log", "Begin one with al.create_log, or seal it with al.seal_log."
            )
        check_table_name(f"inputs/{model}")
        self.model, self.version = model, version
        self.spool = spool_of(self.log) if spool is None else Path(spool)
        self._selection = Selection(sampling, aggregates, rows=rows)
        self._redaction = None if redaction is None else SourceRedaction.read(redaction)
        if self._redaction is not None:
            self._redaction.check_log(self.log, model)
        self._form = InputForm(model, features, self._redaction)
        node = socket.gethostname() if node is None else node
        told = {"clock_source": "system", "threshold": threshold, "risk_tier": risk_tier}
        constants = constants_of({"environment": environment, "endpoint": endpoint, "node": node, **told})
        self._constants = constants if self._redaction is None else self._redaction.beside(constants)
        self._drops = when_full == "drop"
        self._most_bytes, self._patience_s = round(memory_mb * 1e6), patience_s
        self._gather_s, self._seal_s = gather_s, seal_s
        self._sealing = Sealing(self.log, self.spool, vault, passphrase) if seal else None
        self._lag = SealingLag(self.spool, most_lag_s if seal else None, seal_s)
        self._closed = False
        self._begin()
        look_after(self)

    def _begin(self) -> None:
        """Start numbering, in a new process too."""
        self._pending = Pending()
        self._numbering = Numbering()
        self._selection.begin()
        self._starting = threading.Lock()
        self._writer: SpoolWriter | None = None
        self.writer_id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    def begin_in_child(self) -> None:
        """After a fork: leave what was pending to the parent, which writes it, and begin anew."""
        self._form.begin_in_child()
        if self._writer is not None:
            self._writer.forget()
        if self._sealing is not None:
            self._sealing.forget()
        self._lag.begin_in_child()
        self._begin()

    def __enter__(self) -> Self:
        """Return the recorder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def record(
        self,
        inputs: Mapping[str, Any] | Sequence[Any],
        outputs: float | str | Mapping[str, Any] | None = None,
        *,
        decision: str | None = None,
        prediction_id: str | None = None,
        occurred_at: datetime | None = None,
        latency_ms: float | None = None,
        keep: bool | Chosen = False,
        **more: Any,
    ) -> Ticket:
        """Take one prediction, and return at once.

        Parameters
        ----------
        inputs
            Feature to value, or the values in the order of `features`. Numbers, text, bytes, booleans, times with a
            zone, None, and lists of these; numpy's scalars are taken as the numbers that they hold.
        outputs
            A score, a label, or a mapping with ``score``, ``label`` and ``probabilities`` (a list); None for a
            prediction that failed.
        decision
            What was decided.
        prediction_id
            Your own id; one that sorts by time is made otherwise.
        occurred_at
            When it was scored, with its zone; now unless told.
        latency_ms
            How long it took.
        keep
            Record it whatever the sampling says: because it was overridden, for example.
        more
            ``request_id``, ``trace_id``, ``subject_id`` (a pseudonym), ``threshold``, ``decision_rule``,
            ``parameters`` (JSON), ``model_version``, ``environment``, ``endpoint``, ``node``, ``risk_tier``,
            ``sampling_rule``, ``sampling_rate``, ``error`` (text, where it failed) and ``explanation``: a mapping with
            ``method``, ``values``, ``base_value`` and what else its table has.

        Raises
        ------
        MisuseError
            The recorder is closed, or something has a type that cannot be recorded.
        StorageError
            Memory stayed full.
        """
        nanoseconds = time.time_ns()
        at = nanoseconds // 1_000 if occurred_at is None else microseconds(occurred_at)
        stored_id = self._numbering.next(nanoseconds) if prediction_id is None else own_id(prediction_id)
        values = self._form.values(inputs)
        score = label = probabilities = None
        if isinstance(outputs, float):
            score = float(outputs)
        elif isinstance(outputs, str):
            label = outputs
        elif outputs is not None:
            score, label, probabilities = outputs_of(outputs)
        extras = checked_extras(more) if more else None
        if extras and self._redaction is not None:
            extras = self._redaction.beside(extras)
        if not ((type(decision) is str or decision is None) and (type(latency_ms) is float or latency_ms is None)):
            latency_ms = milliseconds(latency_ms, decision)
        if not self._selection.is_plain:
            about = {"at": at, "model_version": self.version, **self._constants, **(extras or {})}
            if "request_id" not in about:
                about["request_id"] = id_text(stored_id)
            said = self._selection.said(values, self._form.names, (score, decision), about, keep=keep)
            if said is None:
                if self._writer is None:
                    self._started()  # its thread writes what was counted
                return Ticket(stored_id, NOT_SAMPLED, None)
            extras = {**(extras or {}), **said} or None
        record = (stored_id, at, values, score, label, probabilities, decision, latency_ms, extras)
        return self._enqueue(stored_id, record_bytes(record, self.model))

    def record_request(self, instances: Sequence[Mapping[str, Any]], request_id: str | None = None) -> list[Ticket]:
        """Take the predictions of one request, each as what `record` takes (and raises): all are sampled, or none."""
        if request_id is None and len(instances) == 1:
            return [self.record(**instances[0])]
        name = self.new_id() if request_id is None else request_id
        taken = [{**each, "inputs": self.take(each["inputs"]), "request_id": name} for each in instances]
        said = self._selection.of_request(name, taken, self._form.names, self._constants)
        return [self.record(**{**each, "keep": keep}) for each, keep in zip(taken, said, strict=True)]

    def _enqueue(self, stored_id: bytes | str, content: bytes) -> Ticket:
        writer = self._writer or self._started()
        number = self._pending.put(content, 0 if self._lag.is_over else self._most_bytes, writer.wake)
        return self._full(stored_id, content, writer) if number is None else Ticket(stored_id, number, writer)

    def _full(self, stored_id: bytes | str, content: bytes, writer: SpoolWriter) -> Ticket:
        if self._pending.is_ended:
            raise self._is_closed()
        writer.urgent.set()
        if self._drops:
            is_behind = self._lag.is_over
            if is_behind and not self._lag.look():
                return self._enqueue(stored_id, content)
            return Ticket(stored_id, self._pending.drop(BEHIND if is_behind else ""), None)
        if not self._pending.has_room(lambda: 0 if self._lag.look() else self._most_bytes, self._patience_s):
            raise writer.problem or no_room(self._lag, self.spool, self._patience_s, self.status().problem)
        return self._enqueue(stored_id, content)

    def _is_closed(self) -> MisuseError:
        return MisuseError(f"the recorder of {self.log} is closed", "Make another one to record more.")

    def take(self, inputs: Mapping[str, Any] | Sequence[Any]) -> Raw:
        """Return inputs as they are now, to be handed to `record` later in their place.

        Raises
        ------
        MisuseError
            A value has a type that cannot be recorded.
        """
        return Raw(record_bytes(self._form.values(inputs), self.model))

    def new_id(self) -> str:
        """Return a new id, as records get one: a UUID of version 7."""
        return id_text(self._numbering.next(time.time_ns()))

    def _started(self) -> SpoolWriter:
        with self._starting:
            if self._closed:
                raise self._is_closed()
            if self._writer is None:
                look_after_end()
                make_private_folder(self.spool)
                folder = self.spool / self.writer_id.replace(":", "-").replace("/", "-")
                self._writer = SpoolWriter(
                    folder,
                    self._pending,
                    self._header,
                    gather_seconds=self._gather_s,
                    close_seconds=self._seal_s,
                    closed=self._seal,
                    noticed=self._selection.noticed,
                )
            return self._writer

    def _header(self) -> Header:
        return Header(
            self.writer_id,
            self.model,
            self.version,
            self._form.names,
            self._form.types,
            self._constants,
            time.time_ns() // 1_000,
            None if self._redaction is None else self._redaction.statement(self.model, self._form.names),
        )

    def _seal(self) -> None:
        self._lag.look()
        if self._sealing is not None:
            self._sealing.ensure()

    def flush(self, timeout: float | None = None) -> None:
        """Return when everything recorded so far is on the disk.

        Raises
        ------
        StorageError
            The disk refuses, or it took longer than `timeout` seconds.
        """
        writer = self._writer
        if writer is not None:
            writer.wait(self._pending.next - 1, timeout)

    def close(self, timeout: float | None = _CLOSING_S) -> None:
        """Bring what is in memory to the disk, and end; what is on the disk goes on being sealed by its process.

        Raises
        ------
        StorageError
            The disk refuses, or it took longer than `timeout` seconds: close it again, or what waits is lost.
        """
        with self._starting:
            self._closed = True
        self._pending.end()
        try:
            if self._writer is not None:
                self._writer.end(timeout)
                self._writer = None
        finally:
            if self._sealing is not None:
                self._sealing.let_go()

    def sealed(self, timeout: float | None = None) -> None:
        """Return when everything that is on the disk and handed over is sealed into the log.

        Raises
        ------
        StorageError
            What seals reports a problem, or it took longer than `timeout` seconds.
        """
        if self._sealing is None:
            raise MisuseError("this recorder starts nothing that seals", "Run audit-lab spool seal, or give seal=True.")
        self._sealing.wait(timeout)

    def status(self) -> RecorderStatus:
        """Return where the records are."""
        return status_of(self._pending, self._writer, self._sealing, self.spool, self._selection.left_out)

    @spelling_text
    def __repr__(self) -> str:
        """Name the model and the log."""
        return f"Recorder({self.model} {self.version} into {self.log})"
