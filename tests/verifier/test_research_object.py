"""What a signed bundle's RO-Crate document may not say: nothing outside the bundle is pointed at, nor fetched."""

from __future__ import annotations

import json
import socket
from copy import deepcopy

import pytest

CRATE = "data/ro-crate-metadata.json"
OUTSIDE = "research-object.points-outside"


@pytest.fixture
def described(bundle):
    """Return a bundle with a document that names every file, and the document itself."""
    files = [
        {"@id": name.removeprefix("data/"), "@type": "File", "name": "a file", "contentSize": str(len(content))}
        for name, content in bundle.payload.items()
    ]
    root = {"@id": "./", "@type": "Dataset", "hasPart": [{"@id": file["@id"]} for file in files]}
    about = {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"}}
    about["conformsTo"] = {"@id": "https://w3id.org/ro/crate/1.1"}
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": [about, root, *files]}


def found(bundle, value):
    bundle.payload[CRATE] = value if isinstance(value, bytes) else json.dumps(value).encode()
    return bundle.found()


def test_a_document_that_names_every_file_holds(bundle, described):
    assert found(bundle, described) == []


def test_a_bundle_of_an_earlier_release_has_none_and_holds(bundle):
    assert bundle.found() == []


@pytest.mark.parametrize(
    "context",
    [
        "https://evil.example/context",
        ["https://w3id.org/ro/crate/1.1/context", "https://evil.example/more"],
        {"@import": "https://evil.example/context"},
        None,
    ],
)
def test_words_whose_meaning_comes_from_elsewhere(bundle, described, context):
    assert found(bundle, {**described, "@context": context}) == [(OUTSIDE, CRATE)]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/payload.csv",
        "file:///etc/passwd",
        "//evil.example/x",
        "../attestation.dsse.json",
        "/etc/passwd",
        "./README.html",
        "exhibits/nobody/table.csv",
        "urn:x",
        "",
    ],
)
def test_an_entity_or_a_pointer_outside_the_bundle(bundle, described, address, monkeypatch):
    def fetch(*_):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket, "socket", fetch)
    entity = deepcopy(described)
    entity["@graph"].append({"@id": address, "@type": "File"})
    assert (OUTSIDE, CRATE) in found(bundle, entity)
    for member in ("hasPart", "result", "license", "conformsTo"):
        pointer = deepcopy(described)
        pointer["@graph"][1][member] = {"@id": address}
        assert (OUTSIDE, CRATE) in found(bundle, pointer), member


@pytest.mark.parametrize("member", ["url", "contentUrl", "sameAs", "@reverse", "@context", "distribution", "image"])
def test_a_member_that_a_tool_could_follow_is_unknown(bundle, described, member):
    described["@graph"][1][member] = "https://evil.example/"
    assert found(bundle, described) == [("json.member-unknown", CRATE)]


def test_a_text_may_speak_of_an_address(bundle, described):
    described["@graph"][1]["description"] = "See https://example.com/incident"
    assert found(bundle, described) == []


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        (("hasPart",), "README.html", "json.not-an-object"),
        (("hasPart",), [{"@id": 7}], "research-object.malformed"),
        (("hasPart",), [{"@id": "README.html", "@type": "File"}], "json.member-unknown"),
        (("name",), {"@id": "https://evil.example"}, "research-object.malformed"),
        (("@id",), None, "research-object.malformed"),
        (("@type",), [1], "research-object.malformed"),
    ],
)
def test_a_document_of_another_form(bundle, described, place, value, code):
    described["@graph"][1][place[0]] = value
    assert found(bundle, described) == [(code, CRATE)]


def test_a_graph_that_is_none(bundle, described):
    assert found(bundle, {**described, "@graph": {}}) == [("research-object.malformed", CRATE)]
    assert found(bundle, {**described, "@graph": [7]}) == [("json.not-an-object", CRATE)]
    assert found(bundle, b'{"@context":1,"@context":2}') == [("json.duplicate-member", CRATE)]


def test_a_file_that_it_does_not_name(bundle, described):
    bundle.payload["data/notes.txt"] = b"more"
    assert found(bundle, described) == [("research-object.file-not-described", "data/notes.txt")]


def test_a_file_of_another_size(bundle, described):
    described["@graph"][2]["contentSize"] = "1"
    assert found(bundle, described) == [("research-object.size-differs", "data/README.html")]


def test_a_changed_document_is_named_once(bundle, described):
    bundle.payload[CRATE] = json.dumps(described).encode()
    files = bundle.files()
    assert bundle.found_in({**files, CRATE: b"{}"}) == [("bundle.file-changed", CRATE)]
