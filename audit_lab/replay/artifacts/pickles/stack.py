"""A pickle's instructions, carried out on stand-ins: nothing is imported, called or set.

The meaning of each instruction is that of ``pickletools`` (protocols 0 to 5). Where a file asks for more than the
limits, or for something that cannot be, the walk stops and says so; what was found until then stays.
"""

from __future__ import annotations

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from audit_lab.replay.artifacts.pickles.array_wrapper import is_wrapper, skip_array
from audit_lab.replay.artifacts.pickles.stand_ins import Dictionary, Imported, Made, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Budget", "Walk", "walk"]

_COMPUTED = "<computed>"
_MAPPED_PROTOCOL = 3


@dataclass
class Budget:
    """What is left of the instructions that may be walked, in one pickle and all within it."""

    instructions: int = 4_000_000
    stack: int = 1_000_000

    def spend(self) -> None:
        """Count one instruction.

        Raises
        ------
        ValueError
            There was none left.
        """
        self.instructions -= 1
        if self.instructions < 0:
            raise ValueError("it has more instructions than are walked")


@dataclass
class Walk:
    """What a walk found.

    Parameters
    ----------
    imports
        What would be imported, in order.
    calls
        What would be called, and with which arguments.
    byte_strings
        Byte strings of any length, in which further pickles may lie.
    value
        What stands for the object that would be returned; None where the walk broke off.
    end
        How many bytes were walked.
    problem
        Why the walk broke off; None where it came to the end.
    """

    imports: list[Imported] = field(default_factory=list)
    calls: list[Made] = field(default_factory=list)
    byte_strings: list[bytes] = field(default_factory=list)
    value: Any = None
    end: int = 0
    problem: str | None = None


class _Mark:
    """The place on the stack from which a later instruction gathers."""


def walk(content: bytes, budget: Budget, *, joblib: bool = False) -> Walk:
    """Walk one pickle.

    Parameters
    ----------
    content
        Begins with it; what follows its end is not looked at.
    budget
        Is spent.
    joblib
        Whether arrays follow their wrapper as raw bytes, which only joblib reads.
    """
    machine = _Machine(content, budget, joblib=joblib)
    try:
        machine.run()
    except (ValueError, KeyError, IndexError, TypeError, UnicodeError, OverflowError, RecursionError) as error:
        machine.found.problem = f"{str(error) or type(error).__name__} (byte {machine.place})"[:300]
    return machine.found


class _Machine:
    def __init__(self, content: bytes, budget: Budget, *, joblib: bool) -> None:
        self.found = Walk()
        self.place = 0
        self._file = BytesIO(content)
        self._budget = budget
        self._joblib = joblib
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._protocol = 0
        self._do: dict[str, Callable[[Any], None]] = {
            **dict.fromkeys(_LITERALS, self._literal),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), self._get),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), self._put),
            **dict.fromkeys(("EXT1", "EXT2", "EXT4"), self._extension),
            **dict.fromkeys(("PERSID", "BINPERSID"), self._persistent),
            **dict.fromkeys(("STOP", "FRAME", "READONLY_BUFFER"), lambda _: None),
            "NONE": self._push,
            "NEWTRUE": lambda _: self._push(True),  # noqa: FBT003
            "NEWFALSE": lambda _: self._push(False),  # noqa: FBT003
            "PROTO": self._proto,
            "MARK": lambda _: self._push(_Mark()),
            "POP": lambda _: self._pop(),
            "POP_MARK": self._pop_mark,
            "DUP": lambda _: self._push(self._stack[-1]),
            "MEMOIZE": lambda _: self._memo.__setitem__(len(self._memo), self._stack[-1]),
            "EMPTY_LIST": lambda _: self._push([]),
            "EMPTY_SET": lambda _: self._push([]),
            "EMPTY_DICT": lambda _: self._push(Dictionary()),
            "EMPTY_TUPLE": lambda _: self._push(()),
            "LIST": lambda _: self._push(self._gather()),
            "FROZENSET": lambda _: self._push(self._gather()),
            "TUPLE": lambda _: self._push(tuple(self._gather())),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "DICT": lambda _: self._push(Dictionary(_pairs(self._gather()))),
            "APPEND": lambda _: self._extend([self._pop()]),
            "APPENDS": lambda _: self._extend(self._gather()),
            "ADDITEMS": lambda _: self._extend(self._gather()),
            "SETITEM": lambda _: self._update([self._pop(), self._pop()][::-1]),
            "SETITEMS": lambda _: self._update(self._gather()),
            "GLOBAL": self._global,
            "STACK_GLOBAL": self._stack_global,
            "INST": self._instance,
            "OBJ": self._object,
            "REDUCE": lambda _: self._reduce(),
            "NEWOBJ": lambda _: self._reduce(),
            "NEWOBJ_EX": self._new_with_keywords,
            "BUILD": self._build,
            "NEXT_BUFFER": lambda _: self._push(Made(Imported("a buffer", "outside of the file"), ())),
        }

    def run(self) -> None:
        for operation, argument, place in pickletools.genops(self._file):
            self.place = place or 0
            self._budget.spend()
            if len(self._stack) > self._budget.stack:
                raise ValueError("its stack grows beyond what is walked")
            do = self._do.get(operation.name)
            if do is None:
                raise ValueError(f"the instruction {operation.name} is not known")
            do(argument)
        self.found.value = self._pop()
        self.found.end = self._file.tell()

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _literal(self, value: Any) -> None:
        """Push what the instruction itself holds; a byte string that is recalled later was noted here."""
        if isinstance(value, bytes | bytearray):
            self.found.byte_strings.append(bytes(value))
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise ValueError("it takes from an empty stack")
        return self._stack.pop()

    def _gather(self) -> list[Any]:
        """Return what stands above the last mark, and take both away."""
        for place in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[place], _Mark):
                gathered = self._stack[place + 1 :]
                del self._stack[place:]
                return gathered
        raise ValueError("it gathers without a mark")

    def _pop_mark(self, _: Any) -> None:
        self._gather()

    def _tuple(self, size: int) -> None:
        if len(self._stack) < size:
            raise ValueError("it takes from an empty stack")
        gathered = tuple(self._stack[-size:])
        del self._stack[-size:]
        self._push(gathered)

    def _get(self, number: int) -> None:
        if number not in self._memo:
            raise ValueError(f"it recalls number {number}, which it never remembered")
        self._push(self._memo[number])

    def _put(self, number: int) -> None:
        if number < 0:
            raise ValueError("it remembers under a negative number")
        self._memo[number] = self._stack[-1]

    def _proto(self, number: int) -> None:
        self._protocol = number

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)

    def _update(self, items: list[Any]) -> None:
        target, pairs = self._stack[-1], _pairs(items)
        if isinstance(target, Dictionary):
            target.pairs.extend(pairs)
        elif isinstance(target, Made) and isinstance(target.state, Dictionary | None):
            # The items of a subclass of dict, such as OrderedDict.
            target.state = target.state or Dictionary()
            target.state.pairs.extend(pairs)

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._import(module, name)

    def _stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        self._import(
            module if isinstance(module, str) else _COMPUTED, name if isinstance(name, str) else _COMPUTED, mapped=False
        )

    def _import(self, module: str, name: str, *, mapped: bool = True) -> None:
        """Note an import; the names of Python 2 are those of Python 3, as the unpickler has it."""
        if self._protocol < _MAPPED_PROTOCOL and mapped:
            if (module, name) in NAME_MAPPING:
                module, name = NAME_MAPPING[module, name]
            elif module in IMPORT_MAPPING:
                module = IMPORT_MAPPING[module]
        self._note(Imported(module, name))

    def _note(self, imported: Imported) -> None:
        self.found.imports.append(imported)
        self._push(imported)

    def _extension(self, code: int) -> None:
        self._note(Imported("copyreg", f"extension {code}"))

    def _persistent(self, argument: Any) -> None:
        self._call(Made(Imported("the unpickler", "persistent_load"), (argument or self._pop(),)))

    def _instance(self, argument: str) -> None:
        arguments = tuple(self._gather())
        self._global(argument)
        self._call(Made(self._pop(), arguments))

    def _object(self, _: Any) -> None:
        of, *arguments = self._gather()
        self._call(Made(of, tuple(arguments)))

    def _reduce(self) -> None:
        arguments, of = self._pop(), self._pop()
        self._call(Made(of, arguments))

    def _new_with_keywords(self, _: Any) -> None:
        keywords, arguments, of = self._pop(), self._pop(), self._pop()
        self._call(Made(of, (*arguments, keywords) if isinstance(arguments, tuple) else (arguments, keywords)))

    def _call(self, made: Made) -> None:
        self.found.calls.append(made)
        self._stack.append(made)

    def _build(self, _: Any) -> None:
        state, target = self._pop(), self._stack[-1]
        if isinstance(target, Made):
            target.state = state
            if self._joblib and is_wrapper(target):
                skip_array(target, self._file, self._read_inner)
        else:
            # State that is set on what was imported changes a module or a class for everyone.
            self.found.calls.append(Made(Imported("setattr", name_of(target)), (target, state)))

    def _read_inner(self) -> None:
        """Walk the pickle that joblib puts in the place of an array of objects."""
        inner = _Machine(b"", self._budget, joblib=self._joblib)
        inner._file, inner.found = self._file, self.found
        outer_value = self.found.value
        inner.run()
        self.found.value = outer_value


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    if len(items) % 2:
        raise ValueError("a key has no value")
    return list(zip(items[::2], items[1::2], strict=True))


_LITERALS = tuple(
    operation.name
    for operation in pickletools.opcodes
    if operation.name
    in {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
