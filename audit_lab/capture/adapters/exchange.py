"""What a form makes of one record of a vendor's log: a half of an exchange with a model, a label, or a refusal.

A `Half` says whose it is (`key`), when it was, and holds the bodies that were sent and answered, as bytes. A record
that holds both sides says ``both``; records of one side each are put together by their key. What cannot be taken as any
of these becomes a `Refusal`, which goes to quarantine with the record's own bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.block import Block, Sides
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = [
    "AMBIGUOUS",
    "BOTH",
    "LABEL",
    "NULL_PAYLOAD",
    "REPEATED",
    "REQUEST",
    "RESPONSE",
    "TOO_LARGE",
    "TRUNCATED",
    "UNDECODABLE",
    "UNFIT",
    "Chunk",
    "Decoded",
    "Form",
    "Half",
    "Refusal",
]

#: What a record holds.
BOTH, REQUEST, RESPONSE, LABEL = "both", "request", "response", "label"

#: Why a record is refused: it cannot be read; it ends too early; it has no payload at all; it is larger than what is
#: read; its values do not fit what was there before; it says what another record said already; which request and which
#: response belong together cannot be told.
UNDECODABLE, TRUNCATED, NULL_PAYLOAD = "undecodable", "truncated", "null-payload"
TOO_LARGE, UNFIT, REPEATED, AMBIGUOUS = "too-large", "unfit", "repeated", "ambiguous"


class Half(msgspec.Struct, gc=False):
    """One side of an exchange, or both, or a label.

    Attributes
    ----------
    key
        What the sides of an exchange, and its labels, have in common; the prediction's id is made of it.
    side
        `BOTH`, `REQUEST`, `RESPONSE` or `LABEL`. Of a label the body is `response`.
    at
        When, in microseconds since 1970-01-01 UTC; None where it is not said.
    request, response
        The bodies, decoded from base64 where they were so, None where there is none.
    request_type, response_type
        Their content types as far as they are said: ``text/csv``, ``application/json``; empty otherwise.
    about
        Columns of the predictions that the record states, by name (``model_name``, ``model_version``, ``endpoint``,
        ``latency_ms``, ``sampling_rate``, ``error``, ``subject_id`` ...). ``model_version`` may be a name that the
        caller's table of versions resolves.
    step
        Which step of several under one key it belongs to: a node of a graph, a component. Sides of one step are paired;
        where a key has several steps, predictions are called ``KEY/STEP``.
    truth, truth_type
        The label that stands in the record beside both sides, and its content type.
    """

    key: str
    side: str
    at: int | None = None
    request: bytes | None = None
    response: bytes | None = None
    request_type: str = ""
    response_type: str = ""
    about: dict[str, Any] | None = None
    step: str = ""
    truth: bytes | None = None
    truth_type: str = ""


class Refusal(msgspec.Struct, gc=False):
    """Why a record is not taken: a code of this module, and a sentence without a final full stop.

    `size` and `sha256` are of the whole record where only its beginning is at hand. Where a container says how many
    records it has in a place that cannot be decoded, one refusal stands for all of them: for `rows`, from the record's
    number on. Where nobody can say how many there are, `first_byte` is where what cannot be read begins in the
    (unpacked) file and `stop_byte` where it ends, None where that is not known either; `rows` are those that are
    stated, often 0.
    """

    code: str
    reason: str
    size: int | None = None
    sha256: str | None = None
    rows: int = 1
    first_byte: int | None = None
    stop_byte: int | None = None


class Chunk(NamedTuple):
    """Records of one file, in its order.

    Attributes
    ----------
    numbers
        The number of each record in its file, from 1: the line, or the row. What nobody can count has one as well.
    raws
        The bytes of each; of one that is too large, its beginning.
    found
        What the form made of each; or of all of them together, where they are of one shape.
    next_start
        What to give to `Form.read` to go on behind this chunk.
    goes_on
        Whether the next chunk was read together with this one: no part ends between them.
    """

    numbers: list[int]
    raws: list[bytes]
    found: list[Half | Refusal] | Block | Sides
    next_start: int
    goes_on: bool = False

    @property
    def rows(self) -> int:
        """How many records of the file these are, with those that one refusal stands for; not what nobody can count."""
        found = self.found if isinstance(self.found, list) else []
        return len(self.numbers) + sum(each.rows - 1 for each in found if type(each) is Refusal)

    def one_by_one(self) -> Iterator[tuple[int, bytes, Half | Refusal]]:
        """Yield the number, the bytes and what was made of each record, where that is not of all together."""
        found = self.found if isinstance(self.found, list) else []
        return zip(self.numbers, self.raws, found, strict=True)


class Decoded(NamedTuple):
    """An exchange as instances.

    Attributes
    ----------
    inputs
        One for each instance: a mapping of features, or a list of values in the order of the features; None where the
        exchange has no request.
    outputs
        One for each instance, as the body has it; None where the exchange has no response.
    parameters
        What was given with the request besides, or None.
    version
        The model's version where a body states it, or None.
    labels
        The truth for each instance, where the record knows it already.
    """

    inputs: list[Any] | None
    outputs: list[Any] | None
    parameters: Any = None
    version: str | None = None
    labels: list[Any] | None = None


class Form(Protocol):
    """A vendor's form of logs. Forms have no state: one object serves all files.

    A form that can only be read with a mapping says ``needs_mapping = True``; a file is not taken for such a form where
    none is given.
    """

    #: What a caller names it by.
    name: ClassVar[str]
    #: Whether request and response are records of their own, which have to be paired by key.
    pairs: ClassVar[bool]
    #: Which containers its records may be in, besides text: ``Parquet``, ``Avro``.
    containers: ClassVar[tuple[str, ...]]

    def recognises(self, sample: Sample) -> bool:
        """Whether the beginning of a file is of this form; never executes or opens anything else."""
        ...

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the records of a file from a place on (0, or a chunk's `next_start`), every record once."""
        ...

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange (sides put together: `side` is `BOTH`, a body may be None)."""
        ...
