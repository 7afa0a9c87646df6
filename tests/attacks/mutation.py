"""Take the checks of the light verifier out, one at a time, and see that some attack is missed then.

    .venv/bin/python tests/attacks/mutation.py [module | "module: check"] ...

Every condition, every operand of one, every statement that adds a finding or refuses, and every row of a table of
faults is taken out in turn. A child process loads the verifier without it and examines the clean bundle, then every
attack of the table (for rows, time stamps and proofs of records: what their own tests hand to the verifier), until an
outcome is not the expected one. What survives is printed; docs/verifier.md says why each may.
"""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.abc
import importlib.util
import os
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

sys.path.insert(0, str(Path(__file__).parent))

import recorded
from attack import Attack, Prepared, prepare
from attack_scene import archived, export_clean
from attack_table import ATTACKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PACKAGE = Path(__file__).parents[2] / "audit_lab"
#: The modules that the table of attacks is about.
MODULES = (
    *(
        f"verifier.{name}"
        for name in (
            "archive",
            "bag",
            "bundle",
            "content",
            "contents",
            "coverage",
            "folder",
            "key_period",
            "models",
            "predicate",
            "research_object",
            "sign_offs",
            "signature",
            "time_stamp",
        )
    ),
    *(
        f"seal.{name}"
        for name in ("custody", "digests", "envelope", "portable_name", "sign_off", "statement", "strict_json")
    ),
)
#: What only writes, or reads for others, and is no part of a verification.
NOT_VERIFYING = frozenset(
    {
        "_plain", "canonical_json", "canonical_text", "format_manifest", "known_to_reader", "parse_custody",
        "safe_name", "settle", "sha256_chunks", "sha256_file", "sign_envelope", "sign_off_envelope", "time_text",
        "to_dict", "to_json", "verify_bundle",
    }
)  # fmt: skip
_LOADED_ANEW = ("audit_lab.seal", "audit_lab.verifier")
#: Keys that were made before are compared with what is loaded anew, and raise what it catches.
_KEPT = frozenset({"audit_lab.seal.keys", "audit_lab.seal.malformed"})
#: For all that is examined, where nothing is noticed, which takes a few of them.
_MOST_CPU_S = 40
_FALSE, _TRUE = ast.Constant(value=False), ast.Constant(value=True)
_MAKERS = frozenset({"Finding", "refused", "_finding", "_wrong", "MalformedError"})


@dataclass(frozen=True)
class Mutant:
    """A module without one of its checks: what was taken out, where, and the source that is left."""

    module: str
    line: int
    what: str
    source: str

    @property
    def name(self) -> str:
        """What it is called in docs/verifier.md, whatever the line."""
        return f"{self.module}: {self.what}"


# --- what can be taken out --------------------------------------------------------------------------------------------


def parsed(module: str) -> ast.Module:
    """Return a module of the package as it stands."""
    return ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text("utf-8"))


def checks(tree: ast.Module) -> Iterator[tuple[int, str, Callable[[ast.Module], None]]]:
    """Yield the line of each check, what it is, and what takes it out of a copy of the tree."""
    skipped = set(_skipped(tree))
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in skipped:
            for what, change in _changes(node):
                yield _line(node), what, _at(place, change)


def mutants(module: str) -> Iterator[Mutant]:
    """Yield a module without each of its checks in turn."""
    tree = parsed(module)
    for line, what, take_out in checks(tree):
        changed = copy.deepcopy(tree)
        take_out(changed)
        yield Mutant(module, line, what, ast.unparse(ast.fix_missing_locations(changed)))


def _at(place: int, change: Callable[[ast.AST], None]) -> Callable[[ast.Module], None]:
    return lambda tree: change(list(ast.walk(tree))[place])


def _skipped(tree: ast.Module) -> Iterator[int]:
    """Yield the nodes that are no part of a verification."""
    for node in ast.walk(tree):
        importing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if importing or (isinstance(node, ast.FunctionDef) and node.name in NOT_VERIFYING):
            yield from map(id, ast.walk(node))


def _changes(  # noqa: C901, PLR0912 - a case for each kind of node
    node: ast.AST,
) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    """Yield what can be taken out of a node, and how it is taken out of its copy."""
    match node:
        case ast.If():
            yield f"if {_text(node.test)}", _set("test", _FALSE)
        case ast.IfExp():
            yield f"{_text(node)}: never", _set("test", _FALSE)
            yield f"{_text(node)}: always", _set("test", _TRUE)
        case ast.BoolOp():
            for place, value in enumerate(node.values):
                yield f"{_text(value)} in {_text(node)}", _drop("values", place)
        case ast.Compare(left=ast.Tuple(), comparators=[ast.Tuple()]) if len(node.left.elts) == len(
            node.comparators[0].elts
        ):
            for place, value in enumerate(node.left.elts):
                yield f"{_text(value)} in {_text(node)}", _drop_pair(place)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign():
            yield _text(node), _replace_by_pass
        case ast.List(elts=[ast.Call(), *_]) if _makes(node.elts[0]):
            yield f"[{_text(node.elts[0])}]", _set("elts", [])
        case ast.ListComp(elt=ast.Call()) if _makes(node.elt):
            yield f"[{_text(node.elt)} ...]", _set_generators_empty
        case ast.Tuple(elts=[ast.Tuple(), ast.Tuple(), *_]) if all(isinstance(each, ast.Tuple) for each in node.elts):
            for place, row in enumerate(node.elts):
                yield f"row {_text(row)}", _drop("elts", place)
        case ast.comprehension():
            for place, condition in enumerate(node.ifs):
                yield f"only if {_text(condition)}", _drop("ifs", place)
        case ast.Call(func=ast.Name(id="all" | "any" as name)):
            yield f"{_text(node)}", _become_constant(_TRUE if name == "all" else _FALSE)
        case ast.keyword(arg="validate"):
            yield "validate", _set("value", _FALSE)


def _line(node: ast.AST) -> int:
    return node.ifs[0].lineno if isinstance(node, ast.comprehension) else node.lineno


def _makes(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKERS


def _text(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0]


def _set(field: str, value: object) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, field, value)


def _drop(field: str, place: int) -> Callable[[ast.AST], None]:
    return lambda node: getattr(node, field).pop(place)


def _drop_pair(place: int) -> Callable[[ast.AST], None]:
    def change(node: ast.Compare) -> None:
        node.left.elts.pop(place)
        node.comparators[0].elts.pop(place)

    return change


def _become(node: ast.AST, other: ast.AST) -> None:
    node.__class__ = other.__class__
    node.__dict__ = {**other.__dict__, "lineno": node.lineno, "col_offset": node.col_offset}


def _replace_by_pass(node: ast.AST) -> None:
    _become(node, ast.Pass())


def _set_generators_empty(node: ast.ListComp) -> None:
    _become(node, ast.List([], ast.Load()))


def _become_constant(constant: ast.Constant) -> Callable[[ast.AST], None]:
    return lambda node: _become(node, constant)


# --- what comes of it -------------------------------------------------------------------------------------------------


class Examined(Protocol):
    """Something that is examined, and what must come of it."""

    @property
    def expected(self) -> object:
        """What `outcome` must be."""
        ...

    def outcome(self, verifier: Any) -> object:
        """What comes of it by a verifier, the module `audit_lab.verifier.bundle`."""
        ...


class _Without(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module of the package from another source."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.source = f"audit_lab.{mutant.module}", mutant.source

    def find_spec(self, name: str, _path: object, _target: object = None) -> object:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_source(self, _name: str) -> str:
        return self.source


def noticed_by(mutant: Mutant, prepared: Sequence[Examined]) -> int | None:
    """Return which outcome is not as expected without the check, or None where all are.

    They are looked at in a child process of bounded time, which may also break: then it is -1.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader) as said:
            words = said.read().split()
        os.waitpid(child, 0)
        return -1 if not words else None if words == ["none"] else int(words[0])
    said = "-1"
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU_S, _MOST_CPU_S))
        for name in [each for each in sys.modules if each.startswith(_LOADED_ANEW) and each not in _KEPT]:
            del sys.modules[name]
        sys.meta_path.insert(0, _Without(mutant))
        verifier = importlib.import_module("audit_lab.verifier.bundle")
        outcomes = (place for place, each in enumerate(prepared) if each.outcome(verifier) != each.expected)
        said = str(next(outcomes, "none"))
    except BaseException:  # noqa: BLE001 - whatever breaks shows that the check was needed
        pass
    finally:
        os.write(writer, said.encode())
        os._exit(0)


def check_whole(modules: Iterable[str], prepared: Sequence[Examined]) -> None:
    """Check that modules from which nothing is taken out pass, so that what is noticed is what was taken out.

    Raises
    ------
    RuntimeError
        One does not, and so nothing that is found about it means anything.
    """
    for module in modules:
        place = noticed_by(Mutant(module, 0, "nothing", ast.unparse(parsed(module))), prepared)
        if place == -1:
            raise RuntimeError(f"{module} as it is breaks, or takes more than {_MOST_CPU_S} s of processor")
        if place is not None:
            raise RuntimeError(f"{module} as it is does not give what is expected: {prepared[place]}"[:400])


def carried_out(folder: Path) -> list[Prepared]:
    """Return the clean bundle, which must pass, and then every attack, all carried out."""
    scene = export_clean(folder)
    clean = Attack(0, "the clean bundle", lambda scene: archived(scene.files), (), "UNANCHORED")
    return [prepare(each, scene, folder) for each in (clean, *ATTACKS)]


def _with_recorded(folder: Path) -> list[Examined]:
    """Return all of the table, and what other tests hand to the verifier."""
    return [*carried_out(folder), *recorded.record(folder)]


def run(
    modules: Sequence[str], folder: Path, only: frozenset[str] = frozenset()
) -> Iterator[tuple[str, int, list[Mutant]]]:
    """Yield each module, how many checks it has, and those that could be taken out unnoticed.

    Where names of checks are given, `only` these are taken out.
    """
    for own, examined in ((MODULES, carried_out), (recorded.MODULES, _with_recorded)):
        wanted = [module for module in modules if module in own]
        if not wanted:
            continue
        place_of_its_own = folder / examined.__name__
        place_of_its_own.mkdir()
        order: list[Examined] = list(examined(place_of_its_own))
        check_whole(wanted, order)
        for module in wanted:
            count, survivors = 0, []
            for mutant in mutants(module):
                if only and mutant.name not in only:
                    continue
                count += 1
                place = noticed_by(mutant, order)
                if place is None:
                    survivors.append(mutant)
                elif place > 0:  # what noticed one is likely to notice the next
                    order.insert(1, order.pop(place))
            yield module, count, survivors


def main(words: Sequence[str]) -> None:
    """Print the number of checks of each module, and every survivor; checks can be named instead of modules."""
    only = frozenset(word for word in words if ": " in word)
    modules = tuple(dict.fromkeys(word.partition(": ")[0] for word in words)) or (*MODULES, *recorded.MODULES)
    with tempfile.TemporaryDirectory() as folder:
        for module, count, survivors in run(modules, Path(folder), only):
            sys.stdout.write(f"{module}: {count} checks, {len(survivors)} survive ({_cpu_s():.0f} s of CPU so far)\n")
            for mutant in survivors:
                sys.stdout.write(f"    {mutant.line}: {mutant.what}\n")
            sys.stdout.flush()


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(sys.argv[1:])
