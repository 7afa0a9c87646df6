"""Split an array of JSON into its elements while it is read, whatever its size and whatever is wrong with it.

Most of a text is split by msgspec: a piece of it that ends with an object, between the brackets of an array, is such an
array only where the piece ends with an element, as what a JSON text may go on with follows from its beginning. Where
that fails, elements are told by counting brackets outside of texts. An element that is no JSON is left to whoever reads
it; the next one is found all the same.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from audit_lab.capture.adapters.exchange import TOO_LARGE, TRUNCATED, UNDECODABLE, Refusal
from audit_lab.capture.adapters.lines import DAMAGE, KEPT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Elements", "first_element", "split_array"]

#: So much of a text is held at least, where there is as much; an element that is longer is held up to the limit.
_HELD_BYTES = 1 << 20
_TRIED = 4

_records = msgspec.json.Decoder(list[msgspec.Raw]).decode
_value = msgspec.json.Decoder(msgspec.Raw).decode
_BETWEEN = re.compile(rb'\}\s*,\s*\{(?:\s*"[^"\\]{0,60}")?')
_STRUCTURE = re.compile(rb'["\[\]{},]')
#: What is in a text up to its quote, or up to a backslash at the end of what is held.
_IN_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
#: Numbers that many writers write and JSON does not have; and what is cut off of a value that is no text.
_BARE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?Infinity|NaN', re.DOTALL)
_OF_VALUES = b"-+.0123456789" + bytes(range(ord("A"), ord("Z") + 1)) + bytes(range(ord("a"), ord("z") + 1))
_QUOTE, _BACKSLASH, _COMMA, _OPENING, _ENDING = b'"'[0], b"\\"[0], b","[0], b"[{", b"]"[0]
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Elements(NamedTuple):
    """Elements in their order, as they are written; or one, or what is none, with why it is refused."""

    raws: list[bytes]
    refusal: Refusal | None = None


def first_element(head: bytes) -> bytes | None:
    """Return the first element of an array that begins so, None where it does not end in there."""
    text = head.lstrip(_BLANK)
    if text[:1] != b"[":
        return None
    end = _Scan().end(text, 1)
    return None if end is None else text[1:end].strip(_BLANK)


def split_array(blocks: Iterator[bytes], longest: int) -> Iterator[Elements]:
    """Yield the elements of an array; arrays that follow one another count as one, and lines behind them as elements.

    Parameters
    ----------
    blocks
        The file's bytes. What they raise of `DAMAGE` ends what can be read.
    longest
        An element of more bytes is not held: it is refused by its beginning, its size and its digest.

    What is not told apart into elements is refused with its place in bytes and as no record (``rows`` is 0).
    """
    yield from _Splitting(blocks, longest).elements()


class _Scan:
    """Where in an element a scan stands: how many brackets are open, and whether it is in a text."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = self._is_escaped = False

    def end(self, text: bytes, at: int) -> int | None:
        """Return where the comma or bracket is that ends the element, from a place on; None where it is not here.

        After None the scan goes on with what follows `text`.
        """
        while at < len(text):
            if self._in_text:
                at = self._behind_text(text, at)
                continue
            found = _STRUCTURE.search(text, at)
            if found is None:
                return None
            at, sign = found.end(), text[found.start()]
            if sign == _QUOTE:
                self._in_text = True
            elif sign in _OPENING:
                self._depth += 1
            elif self._depth == 0:
                if sign in (_COMMA, _ENDING):
                    return found.start()
            elif sign != _COMMA:
                self._depth -= 1
        return None

    def _behind_text(self, text: bytes, at: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            return at + 1
        found = _IN_TEXT.match(text, at)
        end = len(text) if found is None else found.end()
        if end < len(text):
            # At a backslash that ends what is held, what it escapes comes next.
            self._is_escaped = text[end] == _BACKSLASH
            self._in_text = self._is_escaped
            end += 1
        return end


class _Splitting:
    """The state of one array: what is held of it, from the beginning of an element on, and where that is."""

    def __init__(self, blocks: Iterator[bytes], longest: int) -> None:
        self._blocks, self._longest = blocks, longest
        self._text = b""
        self._at = 0
        self._is_over = False
        self._damage: Exception | None = None
        #: What stood between two elements last: where it stands again, two elements are likely to meet.
        self._between = b""

    def elements(self) -> Iterator[Elements]:
        self._fill(_HELD_BYTES)
        self._pass(len(_BOM) if self._text.startswith(_BOM) else 0)
        while self._enter():
            is_inside, wanted = True, _HELD_BYTES
            while is_inside:
                self._fill(wanted)
                quick = self._quickly()
                if quick:
                    yield Elements(quick)
                    wanted = _HELD_BYTES
                    continue
                few, is_inside = self._carefully()
                if few:
                    yield Elements(few)
                elif is_inside and self._is_over:
                    yield from self._unfinished()
                    return
                elif is_inside and len(self._text) > self._longest:
                    refused, is_inside = self._passed_over()
                    yield refused
                wanted = _HELD_BYTES if few else 2 * len(self._text)
        if self._text or self._damage is not None:
            yield from self._behind()

    def _fill(self, wanted: int) -> None:
        pieces, held = [self._text], len(self._text)
        while held < wanted and not self._is_over:
            piece = self._next()
            pieces.append(piece)
            held += len(piece)
        self._text = b"".join(pieces)

    def _next(self) -> bytes:
        """Return the next bytes; none at the end, or where the file is damaged."""
        try:
            piece = next(self._blocks, b"")
        except DAMAGE as error:
            self._damage, piece = error, b""
        self._is_over = not piece
        return piece

    def _pass(self, count: int) -> None:
        self._text, self._at = self._text[count:], self._at + count

    def _enter(self) -> bool:
        """Go behind the bracket that begins an array, where one does."""
        while True:
            self._pass(len(self._text) - len(self._text.lstrip(_BLANK)))
            if self._text or self._is_over:
                break
            self._fill(_HELD_BYTES)
        is_array = self._text[:1] == b"["
        if is_array:
            self._pass(1)
        return is_array

    def _quickly(self) -> list[bytes] | None:
        """Take elements off the front, as many as msgspec can tell; None where it tells none."""
        text = self._text
        likely = text.rfind(self._between) if self._between else -1
        before = len(text)
        for number in range(_TRIED):
            before = likely if number == 0 and likely >= 0 else text.rfind(b"},", 0, before)
            if before < 0:
                return None
            found = _whole(text[: before + 1])
            if found is not None:
                self._pass(text.index(b",", before) + 1)
                return found
        return None

    def _carefully(self) -> tuple[list[bytes], bool]:
        """Take all whole elements off the front; return them, and whether the array goes on."""
        text, found, start, is_inside = self._text, list[bytes](), 0, True
        while is_inside and (end := _Scan().end(text, start)) is not None:
            is_inside = text[end] == _COMMA
            raw = text[start:end].strip(_BLANK)
            if raw or is_inside:
                found.append(raw)
            start = end + 1
        if len(found) > 1:
            between = _BETWEEN.search(text, len(found[0]) - 1)
            self._between = b"" if between is None else between.group()
        self._pass(start)
        return found, is_inside

    def _passed_over(self) -> tuple[Elements, bool]:
        """Go behind an element that is too long without holding it; return it, and whether the array goes on."""
        text, begun, head = self._text, self._at, self._text[: min(self._longest + 2, KEPT_BYTES)]
        digest, size, scan = hashlib.sha256(), 0, _Scan()
        while (end := scan.end(text, 0)) is None:
            digest.update(text)
            size += len(text)
            self._at += len(text)
            self._text = text = self._next()
            if not text:
                reason = self._until(begun, "in an element that is longer than what is read")
                return Elements([head], Refusal(TOO_LARGE, reason, size, digest.hexdigest(), 0, begun, self._at)), False
        digest.update(text[:end])
        size += end
        self._pass(end + 1)
        reason = f"the record has {size:,} bytes, more than are read"
        return Elements([head], Refusal(TOO_LARGE, reason, size, digest.hexdigest())), text[end] == _COMMA

    def _unfinished(self) -> Iterator[Elements]:
        """Yield what stands behind the last comma of an array that has no end, and that it has none."""
        raw, begun, end = self._text.strip(_BLANK), self._at, self._at + len(self._text)
        why = _unreadable(raw) if raw else ""
        if self._damage is not None:
            yield self._damaged(raw[:KEPT_BYTES], hashlib.sha256(raw).hexdigest(), len(raw))
        elif "truncated" in why:
            yield Elements([raw], Refusal(TRUNCATED, f"the file ends in the middle of a record: {why}"))
        elif why:
            reason = self._until(begun, f"without the array's end, in what is no record ({why})")
            yield Elements([raw], Refusal(UNDECODABLE, reason, rows=0, first_byte=begun, stop_byte=end))
        else:
            if raw:
                yield Elements([raw])
            reason = "the file ends without the end of its array; whether more records followed cannot be told"
            yield Elements([b""], Refusal(TRUNCATED, reason, rows=0, first_byte=end))

    def _until(self, begun: int, how: str) -> str:
        damaged = "" if self._damage is None else f"; the packed file is damaged ({self._damage})"
        return f"the file ends {how}, from byte {begun:,} on{damaged}; how many records it holds cannot be told"

    def _behind(self) -> Iterator[Elements]:
        """Yield what stands behind the array, or in the place of one, by lines while they are no longer than read."""
        while len(self._text) <= max(self._longest, _HELD_BYTES) or b"\n" in self._text:
            whole = len(self._text) if self._is_over and self._damage is None else self._text.rfind(b"\n") + 1
            lines = [line.strip(_BLANK) for line in self._text[:whole].split(b"\n")]
            self._pass(whole)
            yield Elements([line for line in lines if line])
            if self._is_over:
                break
            self._fill(len(self._text) + _HELD_BYTES)
        begun, head = self._at, self._text[:KEPT_BYTES]
        digest, size = hashlib.sha256(self._text), len(self._text)
        while not self._is_over:
            piece = self._next()
            digest.update(piece)
            size += len(piece)
        if self._damage is not None:
            yield self._damaged(head, digest.hexdigest(), size)
        elif size:
            reason = f"what stands from byte {begun:,} on is no record; how many there are cannot be told"
            yield Elements([head], Refusal(UNDECODABLE, reason, size, digest.hexdigest(), 0, begun, begun + size))

    def _damaged(self, head: bytes, sha256: str, size: int) -> Elements:
        reason = f"the packed file is damaged from byte {self._at + size:,} of what is packed on ({self._damage})"
        return Elements([head], Refusal(TRUNCATED, reason, size, sha256, 0, self._at))


def _whole(text: bytes) -> list[bytes] | None:
    """Return the elements of a text that has nothing but whole ones, None where it is no such text."""
    plain = text
    if b"NaN" in text or b"Infinity" in text:
        plain = text.replace(b"NaN", b"0.0").replace(b"Infinity", b"0.000000")
    try:
        found = [memoryview(each).tobytes() for each in _records(b"[" + plain + b"]")]
    except (msgspec.DecodeError, RecursionError):
        return None
    if plain is not text:
        at = 0
        for number, each in enumerate(found):
            at = plain.index(each, at)
            found[number] = text[at : at + len(each)]
            at += len(each)
    return found


def _unreadable(raw: bytes) -> str:
    """Return why a text is no JSON, "truncated" where it may go on as such; nothing where it is."""
    text = _BARE.sub(lambda found: found.group() if found.group()[:1] == b'"' else b"0", raw)
    why = _told_of(text)
    # A number or a name that is cut off is none yet.
    cut = why and "truncated" not in why and _told_of(text.rstrip(_OF_VALUES))
    return cut if cut and "truncated" in cut else why


def _told_of(text: bytes) -> str:
    try:
        _value(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return str(error) or "it is too deep"
    return ""
