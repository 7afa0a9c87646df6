"""Leaves of field-committed rows by the processor's own instructions for SHA-256, compiled with numba.

The bytes are those of `audit_lab.log.commitment.leaves`, in less than half the time. A row's key is one block of
SHA-256 exactly, so what it leads to is computed once for all fields of the row; digests are written where they stand in
the row, never as texts of their own. Whoever writes a log uses this where the processor has the instructions; whoever
checks a log does not, so that what one way of hashing wrote is read by another.
"""

from __future__ import annotations

import binascii
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import config, njit, types
from numba.core import cgutils
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from audit_lab.seal.disclosure import KEY_BYTES, SALT_DIGITS, SALT_LABEL, committed_row, disclosure_bytes, field_salt
from audit_lab.seal.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Texts", "compiled_leaves", "constant_texts", "is_usable"]

_BLOCK = 64
_DIGEST_DIGITS = 64
#: A message ends with a bit that is set, and its length in bits as eight bytes.
_ENDING, _SET_BIT = 9, 128
_STATE = 8
#: Words that an instruction takes at once.
_GROUP = 4
#: The instructions hold the eight words of a state as F E B A and H G D C.
_HELD = (5, 4, 1, 0, 7, 6, 3, 2)
_TOLD = np.argsort(_HELD)
_PREFIX = b"r3:s32:"
#: Where a field's salt stands in what is hashed.
_SALT_AT = len(_PREFIX)
_HALVES = ((3, 2, 7, 6), (1, 0, 5, 4))
_TEN, _ZERO_DIGIT, _A_LESS_TEN = 10, ord("0"), ord("a") - 10


def _root_bits(count: int, power: int) -> tuple[int, ...]:
    """Return the first 32 bits of the fractional parts of the roots of the first primes (FIPS 180-4, 4.2.2, 5.3.3)."""
    primes = [number for number in range(2, 312) if all(number % below for below in range(2, number))][:count]
    return tuple(_root(prime << (32 * power), power) & 0xFFFFFFFF for prime in primes)


def _root(number: int, power: int) -> int:
    """Return the whole part of a root."""
    low, high = 0, 1 << (number.bit_length() // power + 1)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**power <= number else (low, middle)
    return low


_CONSTANTS = _root_bits(64, 3)
_INITIAL = np.array([[_root_bits(8, 2)[place] for place in _HELD]], dtype=np.uint32)

_WORD, _BYTE = ir.IntType(32), ir.IntType(8)
_FOUR = ir.VectorType(_WORD, 4)


class Texts(NamedTuple):
    """The canonical texts of a column's values as Arrow holds them: all bytes, and where each text begins and ends.

    With two offsets alone the one text is that of every row.
    """

    content: NDArray[np.uint8]
    offsets: NDArray[np.int64]


class _Field(NamedTuple):
    """What is hashed of a column: label and name behind a row's key, and what stands before a value, with its texts."""

    label: NDArray[np.uint8]
    head: NDArray[np.uint8]
    content: NDArray[np.uint8]
    offsets: NDArray[np.int64]


def constant_texts(text: str) -> Texts:
    """Return the same text for every row."""
    content = np.frombuffer(text.encode(), dtype=np.uint8)
    return Texts(content, np.array([0, content.size]))


@cache
def is_usable() -> bool:
    """Whether this processor has the instructions, and they give what the definition gives."""
    forced = config.DISABLE_JIT or config.CPU_NAME or config.CPU_FEATURES
    if forced or not binding.get_host_cpu_features().get("sha"):
        return False
    try:
        return _is_right()
    except (NumbaError, OSError, RuntimeError):
        return False


def compiled_leaves(names: Sequence[str], columns: Sequence[Texts], row_keys: bytes) -> bytes:
    """Return the leaf hashes of field-committed rows, 32 bytes each.

    Parameters
    ----------
    names, columns
        The columns' names, and the canonical texts of their values.
    row_keys
        32 bytes for each row.
    """
    count = len(row_keys) // KEY_BYTES
    start = f"\0k{len(names)}:".encode()
    stop = len(start) + len(names) * _DIGEST_DIGITS
    ending = _padding(stop)
    rows = np.empty((count, stop + len(ending)), dtype=np.uint8)
    rows[:, : len(start)] = np.frombuffer(start, dtype=np.uint8)
    rows[:, stop:] = np.frombuffer(ending, dtype=np.uint8)
    keyed = _keyed(np.frombuffer(binascii.hexlify(row_keys), dtype=np.uint8), count)
    for place, (name, texts) in enumerate(zip(names, columns, strict=True)):
        named = name.encode()
        label = SALT_LABEL.encode() + named
        head = _PREFIX + bytes(SALT_DIGITS) + f"s{len(named)}:".encode() + named
        field = _Field(
            np.frombuffer(label + _padding(_BLOCK + len(label)), dtype=np.uint8),
            np.frombuffer(head, dtype=np.uint8),
            *texts,
        )
        _write_digests(keyed, field, rows, len(start) + place * _DIGEST_DIGITS)
    leaves: NDArray[np.uint32] = _hashed(rows)[:, _TOLD]
    return leaves.astype(">u4").tobytes()


def _padding(size: int) -> bytes:
    """Return what follows a message of so many bytes in its last block."""
    return bytes([_SET_BIT]) + bytes(-(size + _ENDING) % _BLOCK) + (8 * size).to_bytes(8, "big")


def _is_right() -> bool:
    """Compare with the definition: fields of all lengths about a block, long names, the same text for all rows."""
    lengths, names = range(3 * _BLOCK), ["a", "b" * 40, "ü"]
    keys = [hashlib.sha256(bytes([length])).digest() for length in lengths]
    texts = [f"s{length}:{'x' * length}" for length in lengths]
    offsets = np.cumsum([0, *map(len, texts)])
    varied = Texts(np.frombuffer("".join(texts).encode(), dtype=np.uint8), offsets)
    found = compiled_leaves(names, [varied, constant_texts("n;"), varied], b"".join(keys))
    wanted = []
    for key, text in zip(keys, texts, strict=True):
        fields = zip(names, (text, "n;", text), strict=True)
        shown = [disclosure_bytes(field_salt(key, name), name, value.encode()) for name, value in fields]
        wanted.append(leaf_hash(committed_row([hashlib.sha256(each).hexdigest() for each in shown])))
    return found == b"".join(wanted)


def _data(context: Any, builder: Any, kind: Any, value: Any, at: Any) -> Any:
    """Return the address of an element of an array."""
    return builder.gep(context.make_array(kind)(context, builder, value).data, [at])


def _load(builder: Any, address: Any) -> Any:
    loaded = builder.load(address)
    loaded.align = 1
    return loaded


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, address).align = 1


def _quads(builder: Any, address: Any, count: int) -> list[Any]:
    """Return the addresses of so many vectors of four words that stand one behind the other."""
    first = builder.bitcast(address, _FOUR.as_pointer())
    return [builder.gep(first, [_WORD(number)]) for number in range(count)]


def _shuffled(builder: Any, left: Any, right: Any, places: Sequence[int]) -> Any:
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_WORD, len(places)), list(map(_WORD, places))))


def _called(builder: Any, name: str, *given: Any) -> Any:
    """Return what an instruction on vectors of four words gives."""
    kind = ir.FunctionType(_FOUR, [_FOUR] * len(given))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)


def _rounds(builder: Any, lanes: Sequence[tuple[list[Any], list[Any]]]) -> None:
    """Take a block into a state, FIPS 180-4, 6.2.2, for several at once: each waits for itself at every step."""
    before = [[_load(builder, each) for each in state] for state, _ in lanes]
    words = [[_called(builder, "llvm.bswap.v4i32", _load(builder, each)) for each in block] for _, block in lanes]
    states = [list(each) for each in before]
    for group in range(len(_CONSTANTS) // _GROUP):
        constants = ir.Constant(_FOUR, [_WORD(each) for each in _CONSTANTS[_GROUP * group : _GROUP * (group + 1)]])
        for state, held in zip(states, words, strict=True):
            if group >= len(held):
                one, two, three, four = held
                made = _called(builder, "llvm.x86.sha256msg1", one, two)
                made = builder.add(made, _shuffled(builder, three, four, (1, 2, 3, 4)))
                held[:] = [two, three, four, _called(builder, "llvm.x86.sha256msg2", made, four)]
            added = builder.add(held[min(group, len(held) - 1)], constants)
            state[1] = _called(builder, "llvm.x86.sha256rnds2", state[1], state[0], added)
            high = _shuffled(builder, added, added, (2, 3, 2, 3))
            state[0] = _called(builder, "llvm.x86.sha256rnds2", state[0], state[1], high)
    for (addresses, _), state, then in zip(lanes, states, before, strict=True):
        for address, now, earlier in zip(addresses, state, then, strict=True):
            _store(builder, builder.add(now, earlier), address)


@intrinsic  # type: ignore[untyped-decorator]
def _compress(_: Any, states: Any, content: Any, places: Any) -> Any:
    """Take 64 bytes into a state.

    `places` are a place among the states and one in the content; as many such pairs as there are blocks to be taken,
    two of which take little more time than one.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        found = cgutils.unpack_tuple(builder, given[2])
        lanes = [
            (
                _quads(builder, _data(context, builder, signature.args[0], given[0], state_at), 2),
                _quads(builder, _data(context, builder, signature.args[1], given[1], at), 4),
            )
            for state_at, at in zip(found[::2], found[1::2], strict=True)
        ]
        _rounds(builder, lanes)
        return context.get_dummy_value()

    return types.none(states, content, places), generate


def _hexadecimal(builder: Any, words: Any) -> Any:
    """Return the 32 digits of four words."""
    sixteen, digits = ir.VectorType(_BYTE, 16), ir.VectorType(_BYTE, 32)
    octets = builder.bitcast(_called(builder, "llvm.bswap.v4i32", words), sixteen)
    high = builder.lshr(octets, sixteen([4] * 16))
    low = builder.and_(octets, sixteen([15] * 16))
    nibbles = _shuffled(builder, high, low, [place for pair in range(16) for place in (pair, 16 + pair)])
    is_letter = builder.icmp_unsigned(">=", nibbles, digits([_TEN] * 32))
    return builder.add(nibbles, builder.select(is_letter, digits([_A_LESS_TEN] * 32), digits([_ZERO_DIGIT] * 32)))


def _digits_written(halves: int) -> Any:
    """Return what writes the digits of the first halves of the digest of a state into bytes at a place."""

    def write(_: Any, state: Any, state_at: Any, content: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            start = _data(context, builder, signature.args[0], *given[:2])
            held = [_load(builder, each) for each in _quads(builder, start, 2)]
            for half in range(halves):
                digits = _hexadecimal(builder, _shuffled(builder, held[0], held[1], _HALVES[half]))
                place = builder.add(given[3], ir.Constant(given[3].type, half * 32))
                address = _data(context, builder, signature.args[2], given[2], place)
                _store(builder, digits, builder.bitcast(address, digits.type.as_pointer()))
            return context.get_dummy_value()

        return types.none(state, state_at, content, at), generate

    return intrinsic(write)


_write_salt, _write_digest = _digits_written(1), _digits_written(2)


@intrinsic  # type: ignore[untyped-decorator]
def _copy(_: Any, target: Any, target_at: Any, source: Any, at: Any, count: Any) -> Any:
    """Copy bytes from one array into another."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        to = _data(context, builder, signature.args[0], *given[:2])
        cgutils.raw_memcpy(builder, to, _data(context, builder, signature.args[2], *given[2:4]), given[4], 1)
        return context.get_dummy_value()

    return types.none(target, target_at, source, at, count), generate


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _keyed(digits: NDArray[np.uint8], count: int) -> NDArray[np.uint32]:
    """Return the state after the digits of each row's key."""
    states = np.empty((count, _STATE), np.uint32)
    states[:] = _INITIAL[0]
    held = states.reshape(count * _STATE)
    for row in range(count):
        _compress(held, digits, (row * _STATE, row * _BLOCK))
    return states


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _begin(states: NDArray[np.uint32], lane: int, source: NDArray[np.uint32], row: int) -> None:
    """Set a state to one of others: word by word, which is sooner than by slices."""
    for word in range(_STATE):
        states[lane, word] = source[row, word]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _longest(offsets: NDArray[np.int64]) -> int:
    """Return the most bytes that a text has."""
    found = 0
    for place in range(1, offsets.size):
        found = max(found, offsets[place] - offsets[place - 1])
    return found


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _ended(messages: NDArray[np.uint8], start: int, size: int) -> int:
    """Write what follows a message of so many bytes in its last block, and return where that ends."""
    stop = start + (size + _ENDING + _BLOCK - 1) // _BLOCK * _BLOCK
    messages[start + size : stop] = 0
    messages[start + size] = _SET_BIT
    for byte in range(8):
        messages[stop - 1 - byte] = (8 * size) >> (8 * byte) & 255
    return stop


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _write_digests(keyed: NDArray[np.uint32], field: _Field, rows: NDArray[np.uint8], at: int) -> None:
    """Write the digest of a field of each row at a place of the row: of two rows at a time, the last with itself."""
    count, width = rows.shape
    begin, step = field.head.size, field.offsets.size > 2  # noqa: PLR2004 (one text)
    room = begin + _longest(field.offsets) + 2 * _BLOCK
    messages, sizes, stops = np.zeros(2 * room, np.uint8), np.full(2, -1), np.empty(2, np.int64)
    messages[:begin] = field.head
    messages[room : room + begin] = field.head
    digests, states = rows.reshape(count * width), np.empty((2, _STATE), np.uint32)
    held = states.reshape(2 * _STATE)
    for pair in range(0, count, 2):
        for lane in range(2):
            _begin(states, lane, keyed, min(pair + lane, count - 1))
        for block in range(0, field.label.size, _BLOCK):
            _compress(held, field.label, (0, block, _STATE, block))
        for lane in range(2):
            start, place = lane * room, min(pair + lane, count - 1) * step
            _write_salt(held, lane * _STATE, messages, start + _SALT_AT)
            first, last = field.offsets[place], field.offsets[place + 1]
            _copy(messages, start + begin, field.content, first, last - first)
            size = begin + last - first
            if size != sizes[lane]:
                sizes[lane], stops[lane] = size, _ended(messages, start, size)
            _begin(states, lane, _INITIAL, 0)
        both = min(stops[0], stops[1] - room)
        for block in range(0, both, _BLOCK):
            _compress(held, messages, (0, block, _STATE, room + block))
        for lane in range(2):
            for block in range(lane * room + both, stops[lane], _BLOCK):
                _compress(held, messages, (lane * _STATE, block))
            _write_digest(held, lane * _STATE, digests, min(pair + lane, count - 1) * width + at)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _hashed(rows: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the state after each row of a matrix of whole blocks."""
    count, width = rows.shape
    content, states = rows.reshape(count * width), np.empty((count, _STATE), np.uint32)
    states[:] = _INITIAL[0]
    held = states.reshape(count * _STATE)
    for row in range(0, count, 2):
        other = min(row + 1, count - 1)
        for block in range(0, width, _BLOCK):
            _compress(held, content, (row * _STATE, row * width + block, other * _STATE, other * width + block))
    return states
