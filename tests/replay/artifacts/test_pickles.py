"""Pickles are walked and never opened: what they would import and call is listed, whatever they do to hide it."""

from __future__ import annotations

import bz2
import contextlib
import io
import os
import pickle
import pickletools
import sys
import zlib

import cloudpickle
import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from audit_lab.replay.artifacts.pickles.contents import inspect_pickle
from audit_lab.replay.artifacts.pickles.stack import Budget, walk


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/opened",))


@pytest.fixture(scope="module")
def forest():
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(80, 3))
    return RandomForestClassifier(5, random_state=0).fit(matrix, matrix[:, 0] > 0)


def dumped(model, **options):
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(protocol):
    found = inspect_pickle(pickle.dumps({"a": [Evil(), (1, 2.5, None, True)], "b": {3, 4}}, protocol))
    assert "posix.system" in found.dangerous
    assert found.calls[0] == "posix.system('touch /tmp/opened')"
    assert found.complete


def test_a_model_of_ordinary_parts_has_nothing_dangerous(forest):
    found = inspect_pickle(pickle.dumps(forest))
    assert found.dangerous == ()
    assert found.complete
    assert {
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._tree.Tree",
        "numpy.ndarray",
        "numpy.dtype",
    } < set(found.imports)


def test_imports_are_those_that_the_unpickler_would_ask_for(forest):
    """The unpickler itself is the oracle, on a pickle that this test made."""

    class Watched(pickle.Unpickler):
        asked: set[str] = set()  # noqa: RUF012

        def find_class(self, module, name):
            self.asked.add(f"{module}.{name}")
            return super().find_class(module, name)

    content = pickle.dumps(forest)
    Watched(io.BytesIO(content)).load()
    assert set(inspect_pickle(content).imports) == Watched.asked


@pytest.mark.parametrize("compress", [0, *((method, 3) for method in ("zlib", "gzip", "bz2", "lzma", "xz"))])
def test_arrays_and_compression_of_joblib(forest, compress):
    found = inspect_pickle(dumped(forest, compress=compress), "joblib")
    assert found.complete
    assert found.compression == (compress[0] if compress else None)
    assert "sklearn.tree._tree.Tree" in found.imports
    assert "joblib.numpy_pickle.NumpyArrayWrapper" in found.imports


def test_object_in_an_array_of_joblib_is_seen():
    content = dumped({"a": np.zeros(5), "b": np.array(["x", Evil()], dtype=object), "c": np.array(["long", "er"])})
    found = inspect_pickle(content, "joblib")
    assert found.dangerous == ("posix.system",)
    assert found.complete


def test_file_of_joblib_under_another_name_is_seen_for_what_it_is():
    content = dumped({"a": np.arange(7), "b": Evil()})
    found = inspect_pickle(content, "pickle")
    assert found.dangerous == ("posix.system",)
    assert found.complete


def test_code_that_cloudpickle_carries_along():
    secret = "id"

    def run(frame):
        return __import__("os").system(secret)

    found = inspect_pickle(cloudpickle.dumps(run), "cloudpickle")
    assert {"__import__", "system", "frame"} <= set(found.own_code)
    assert "cloudpickle.cloudpickle._make_function" in found.dangerous
    assert "it brings code of its own, which uses" in found.sentence()


HIDDEN = {
    "text put together on the stack": (
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x02id\x85R.", "os.system"
    ),
    "a name dropped between": (b"\x80\x04\x8c\x02os\x8c\x05nicer0\x8c\x06system\x93.", "os.system"),
    "through __import__ and getattr": (
        b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(Vos\ntRVsystem\ntR(Vid\ntR.", "os.system"
    ),
    "through import_module": (b"cimportlib\nimport_module\n(Vsubprocess\ntR.", "subprocess"),
    "named as in Python 2": (b"c__builtin__\neval\n(S'1'\ntR.", "builtins.eval"),
    "an instance": (b"(S'id'\nios\nsystem\n.", "os.system"),
    "an object": (b"(cos\nsystem\nS'id'\no.", "os.system"),
    "behind the end of another": (b"\x80\x04N0cos\nsystem\n.", "os.system"),
    "an extension": (b"\x80\x02\x82\x07.", "copyreg.extension 7"),
    "within a byte string": (pickle.dumps({"inner": pickle.dumps(Evil())}), "posix.system"),
    "within a byte string within one": (pickle.dumps([pickle.dumps([pickle.dumps(Evil())])]), "posix.system"),
    "within a byte string of an old protocol": (pickle.dumps([pickle.dumps(Evil(), 0)], 2), "posix.system"),
    "handed to loads": (b"cpickle\nloads\n(C\x10cos\nsystem\n(Vid\ntR.tR.", "os.system"),
    "the state of a module": (b"csys\nmodules\n}Vos\nNsb.", "sys.modules"),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_hidden_is_found(name):
    content, expected = HIDDEN[name]
    found = inspect_pickle(content)
    assert expected in found.imports
    assert expected in found.dangerous


def test_what_cannot_be_told_is_named_as_computed():
    content = b"cbuiltins\ngetattr\n(cbuiltins\ninput\n)RVsystem\ntR."
    assert "<computed>.system" in inspect_pickle(content).dangerous


def test_dangerous_names_stand_first():
    content = pickle.dumps([np.float64(1.0), Evil(), collections_of_mine()])
    found = inspect_pickle(content)
    assert found.imports[0] == "posix.system"
    assert found.sentence(1).startswith("it would import posix.system and ")
    assert "it would call posix.system('touch /tmp/opened')" in found.sentence()


def collections_of_mine():
    from collections import OrderedDict

    return OrderedDict(a=1)


BROKEN = {
    "cut off": (pickle.dumps(Evil())[:-1], "pickle exhausted before seeing STOP"),
    "empty": (b"", "pickle exhausted before seeing STOP"),
    "no pickle": (b"hello", "it recalls number 101, which it never remembered"),
    "an empty stack": (b"\x80\x040.", "it takes from an empty stack"),
    "no mark": (b"\x80\x04t.", "it gathers without a mark"),
    "a key without a value": (b"\x80\x04(\x8c\x01ad.", "a key has no value"),
    "an unknown instruction": (b"\x80\x04\xff.", "opcode b'\\xff' unknown"),
    "a number longer than the file": (b"\x80\x04\x8b\xff\xff\xff\x7f1.", "not enough data in stream"),
    "a joblib array that is cut off": (dumped({"a": np.zeros(500)})[:300], "an array of joblib is cut off"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_walk_that_breaks_off_says_why_and_where(name):
    content, expected = BROKEN[name]
    found = inspect_pickle(content, "joblib" if "joblib" in name else "pickle")
    assert not found.complete
    assert expected in found.problem
    assert "the list is not complete" in found.sentence()


def test_cut_off_pickle_still_lists_what_came_before():
    assert inspect_pickle(pickle.dumps(Evil())[:-1]).dangerous == ("posix.system",)


def test_endless_instructions_are_not_walked_to_their_end():
    found = walk(b"\x80\x04" + b"N0" * 1_000 + b"N.", Budget(instructions=500))
    assert found.problem.startswith("it has more instructions than are walked")


def test_a_stack_that_grows_is_not_followed():
    assert "grows beyond" in walk(b"\x80\x04" + b"N" * 1_000 + b".", Budget(stack=100)).problem


def test_instructions_of_inner_pickles_count_together():
    inner = pickle.dumps(list(range(300)))
    outer = walk(pickle.dumps([inner] * 3), Budget())
    assert len(outer.byte_strings) == 1  # remembered, so that one string stands for three
    budget = Budget(instructions=700)
    problems = [walk(inner, budget).problem for _ in range(4)]
    assert problems[0] is None
    assert problems[-1].startswith("it has more instructions")


@pytest.mark.parametrize("compress", [zlib.compress, bz2.compress])
def test_file_that_unpacks_without_end_is_not_unpacked(compress):
    bomb = compress(b"\x80\x04" + b"N0" * 600_000 + b"N.")
    found = inspect_pickle(bomb, "joblib", most_bytes=1_000_000)
    assert not found.complete
    assert found.problem == "it unpacks to more than 0.001 GB"


def test_compression_that_is_not_read_is_named():
    assert (
        inspect_pickle(b"\x04\x22\x4d\x18rest", "joblib").problem == "it is compressed with lz4, which is not read here"
    )
    assert "zlib compression is corrupt" in inspect_pickle(b"x\x9cnonsense", "joblib").problem


def test_deep_nesting_is_walked_without_recursion():
    depth = 50_000
    found = inspect_pickle(b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b".")
    assert found.complete
    assert found.imports == ()
    assert depth > sys.getrecursionlimit()


def test_names_are_shown_so_that_a_terminal_stays_as_it_was():
    found = inspect_pickle(b"\x80\x04\x8c\x05\x1b[31m\x8c\x04na\nm\x93.")
    assert found.imports == ("\\x1b[31m.na\\nm",)


ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    ATOMS, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)
)


@given(VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
@settings(max_examples=150)
def test_plain_values_import_at_most_what_old_protocols_need_for_bytes(value, protocol):
    found = walk(pickle.dumps(value, protocol), Budget())
    assert found.problem is None
    assert {imported.path for imported in found.imports} <= {"_codecs.encode", "builtins.bytes"}
    assert found.end == len(pickle.dumps(value, protocol))


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_are_walked_or_break_off(content):
    found = inspect_pickle(content)
    assert found.complete == (found.problem is None)


@given(st.data())
@settings(max_examples=100)
def test_nothing_that_the_disassembler_names_is_left_out(data):
    """Instructions in any order: whatever import `pickletools` reads from a GLOBAL is listed too."""
    pieces = st.sampled_from(
        [
            b"N",
            b"(",
            b"t",
            b")",
            b"]",
            b"}",
            b"0",
            b"2",
            b"R",
            b"cos\nsystem\n",
            b"cnumpy\nndarray\n",
            b"\x94",
            b"h\x00",
        ]
    )
    content = b"\x80\x04" + b"".join(data.draw(st.lists(pieces, max_size=25))) + b"."
    found = walk(content, Budget())
    expected = []
    with contextlib.suppress(ValueError):
        for operation, argument, place in pickletools.genops(content):
            if operation.name == "GLOBAL" and (found.problem is None or place <= _broke_off(found.problem)):
                expected.append(argument.replace(" ", "."))
    assert [imported.path for imported in found.imports] == expected


def _broke_off(problem):
    return int(problem.rpartition("(byte ")[2].rstrip(")"))
