"""What a signed bundle's RO-Crate document may say; what it may not stands in the table of attacks."""

from __future__ import annotations

import json

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


def test_a_text_may_speak_of_an_address(bundle, described):
    described["@graph"][1]["description"] = "See https://example.com/incident"
    assert found(bundle, described) == []
