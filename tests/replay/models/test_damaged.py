"""Files that were damaged: each is told to be so, whatever its library would have done with it."""

from __future__ import annotations

import json
import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained import trained

from audit_lab.errors import SandboxError
from audit_lab.replay.models.catboost_file import check_cbm
from audit_lab.replay.models.lightgbm_text import check_text
from audit_lab.replay.models.ubjson import read_ubjson
from audit_lab.replay.models.xgboost_document import check_content, check_document
from audit_lab.sandbox import run_task

FORMATS = ("xgboost-ubj", "xgboost-raw", "lightgbm-text", "catboost-cbm", "onnx", "skops")
#: What may be said of a damaged file: it is damaged, or what it now says of itself does not fit.
HONEST = ("artifact-corrupt", "artifact-not-self-contained", "artifact-types-unknown", "features-differ")


def scored(content, artifact_format, model):
    """Return what came of a file in the sandbox: a fault's code and message, how the child ended, or its scores."""
    header = {"signature": model.signature_text, "artifact_format": artifact_format}
    try:
        result = run_task(
            "audit_lab.replay.scoring:score",
            header=header,
            tables={"inputs": model.inputs},
            files={"artifact": content},
        )
    except SandboxError as error:
        return error.reason, str(error)
    fault = result.header.get("fault")
    return (fault["code"], fault["message"]) if fault else ("scored", result.tables["outputs"]["score"])


def damaged(content, seed):
    """Return a file with one byte changed, or cut off, at a place that follows from a seed."""
    generator = np.random.default_rng(seed)
    place = int(generator.integers(len(content)))
    if seed % 4 == 3:
        return content[:place]
    changed = content[place] ^ int(generator.integers(1, 256))
    return content[:place] + bytes([changed]) + content[place + 1 :]


@pytest.fixture(scope="module")
def models():
    return {artifact_format: trained(artifact_format, "probability", seed=14) for artifact_format in FORMATS}


@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize("artifact_format", FORMATS)
def test_a_damaged_file_is_blamed_and_nothing_else(models, artifact_format, seed):
    code, said = scored(damaged(models[artifact_format].artifact, seed), artifact_format, models[artifact_format])
    assert code in (*HONEST, "scored"), said


def replaced(content, before, after):
    assert content.count(before) >= 1
    place = content.index(before)
    return bytes(content[:place] + after + content[place + len(before) :])


def in_first_tree(content, name, place, number):
    """Return a booster with one number of an array of its first tree changed."""
    start = content.index(name.encode() + b"[$l#L") + len(name) + len(b"[$l#L") + 8 + 4 * place
    return bytes(content[:start] + struct.pack(">i", number) + content[start + 4 :])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda content: replaced(content, b"base_weights[$d#L\0", b"base_weights[$d#L\x7f"),
            "it announces [0-9]+ bytes, and [0-9]+ are left",
        ),
        (lambda content: in_first_tree(content, "left_children", 0, 900), "a node leads to a node that there is not"),
        (lambda content: in_first_tree(content, "left_children", 1, 1), "two nodes lead to the same node"),
        (lambda content: in_first_tree(content, "split_indices", 0, 90), "asks for a feature that there is not, of 6"),
        (lambda content: in_first_tree(content, "parents", 3, 77), "names another parent"),
        (
            lambda content: replaced(content, b"num_nodesSL\0\0\0\0\0\0\0\x0213", b"num_nodesSL\0\0\0\0\0\0\0\x0293"),
            "it states 93",
        ),
        (
            lambda content: replaced(content, b"num_classSL\0\0\0\0\0\0\0\x010", b"num_classSL\0\0\0\0\0\0\0\x0577777"),
            "77777 outputs",
        ),
    ],
    ids=["count", "child", "loop", "feature", "parent", "nodes", "classes"],
)
def test_a_booster_that_contradicts_itself_is_refused_before_the_library_sees_it(models, damage, said):
    content = damage(models["xgboost-ubj"].artifact)
    with pytest.raises(ValueError, match=said):
        check_content(content)
    code, message = scored(content, "xgboost-ubj", models["xgboost-ubj"])
    assert code == "artifact-corrupt"
    assert message.startswith("the file is damaged: ")


def test_json_is_looked_at_as_leniently_as_the_library_reads_it():
    content = trained("xgboost-json", "probability", seed=14).artifact
    looping = content.replace(b'"left_children":[1,', b'"left_children":[0,', 1)
    assert looping != content
    for document in (looping, looping + b"\nnot JSON", looping[:-1] + b',"x":"a\nb"}'):
        with pytest.raises(ValueError, match="tree 0: a node leads to"):
            check_content(document)
    with pytest.raises(ValueError, match="nested too deep"):
        check_content(b'{"a":' + b"[" * 200_000)


@pytest.mark.parametrize("change", [{"categories": [0, 1 << 25]}, {"categories_nodes": [1]}, {"categories_sizes": [9]}])
def test_categories_that_lead_nowhere_are_refused(change):
    document = json.loads(trained("xgboost-json", "probability", seed=14).artifact)
    check_document(document)
    tree = next(each for each in document["learner"]["gradient_booster"]["model"]["trees"] if each["categories_nodes"])
    tree |= change
    with pytest.raises(ValueError, match="tree .*categor"):
        check_document(document)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("\nend of trees", "\nend of tre", "its trees have no end"),
        ("\nend of parameters", "\nend", "its parameters have no end"),
        ("Tree=1\n", "Tree=7\n", "tree 1 is not where it is said to be"),
        ("num_leaves=7", "num_leaves=9", "tree 0: leaf_value has 7 numbers instead of 9"),
        ("left_child=.", "left_child=9", "tree 0: not each node and leaf is led to once"),
        ("split_feature=.", "split_feature=9", "tree 0: a node asks for a feature that there is not"),
        ("threshold=", "thresholds=", "is not where it is said to be"),
        ("leaf_value=.", "leaf_value=?", "tree 0: could not convert string to float"),
        ("num_cat=", "num_cat:", "tree 0: the line 'num_cat:[0-9]+' names no field"),
    ],
)
def test_a_text_that_contradicts_itself_is_refused(models, before, after, said):
    text = models["lightgbm-text"].artifact.decode()
    check_text(text)
    with pytest.raises(ValueError, match=said):
        check_text(re.sub(before, after, text, count=1))


def test_a_table_of_categories_that_is_cut_off_is_refused(models):
    content = models["catboost-cbm"].artifact
    check_cbm(content)
    for size in (3, 60, len(content) - 1):
        with pytest.raises(ValueError, match=r"cut off|are left|does not begin"):
            check_cbm(content[:size])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"{i\x01ai\x05}", {"a": 5}),
        (b"[#U\x02SL\0\0\0\0\0\0\0\x02hiZ", ["hi", None]),
        (b"[TFI\x01\x00]", [True, False, 256]),
        (b"d\x3f\x80\0\0", 1.0),
    ],
)
def test_ubjson_is_read_as_its_draft_says(content, found):
    assert read_ubjson(content) == found


def test_arrays_of_one_type_keep_their_bits():
    found = read_ubjson(b"[$l#U\x02\xff\xff\xff\xff\0\0\0\x07")
    assert found.tolist() == [-1, 7]
    assert found.dtype == np.dtype(">i4")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[",
        b"[" * 5_000,
        b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"SL\xff\xff\xff\xff\xff\xff\xff\xff",
        b"{i\x01ai\x05i\x01ai\x05}",
        b"[$S#U\x01",
        b"Si\x01\xff",
        b"?",
    ],
)
def test_ubjson_that_announces_more_than_there_is_is_refused(content):
    with pytest.raises(ValueError, match=r".+"):
        read_ubjson(content)


@given(st.binary(max_size=60))
def test_bytes_are_ubjson_or_refused(content):
    try:
        read_ubjson(b"{" + content)
    except ValueError:
        return
    assert b"}" in content
