"""The clean bundle that every attack starts from, the keys of all who take part, and the ways to sign again."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.evidence.archive_writer import write_archive
from audit_lab.seal.digests import format_manifest, sha256
from audit_lab.seal.envelope import sign_envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.sign_off import USUAL_ROLE, SignOff, sign_off_envelope
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.sign_offs import sign_off_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Files = dict[str, bytes]

ATTESTATION = "attestation.dsse.json"
INVESTIGATION = "data/investigation.json"
CUSTODY = "data/custody.jsonl"
NOTEBOOK = "data/notebook/investigation.ipynb"
HTML = "data/notebook/investigation.html"
RESEARCH_OBJECT = "data/ro-crate-metadata.json"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
TAGS = ("bagit.txt", "bag-info.txt", MANIFEST)
ORIGIN = "flights.example"
IN_TOTO = "application/vnd.in-toto+json"


def _key(name: str, first: int) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes(range(first, first + 32))))


#: Jane investigates, Rex reviews, Ada approves; nobody knows Mallory.
JANE, REX, ADA, MALLORY = _key("jane@bank", 0), _key("rex@bank", 2), _key("ada@bank", 3), _key("mallory", 1)
TRUST = Trust(
    (
        TrustedKey(JANE.public, "investigator", ORIGIN),
        TrustedKey(JANE.public, "sign-off", ORIGIN),
        TrustedKey(REX.public, "sign-off", ORIGIN),
        TrustedKey(ADA.public, "sign-off", "*"),
    ),
    "the auditor's trust file",
)
NOTEBOOK_CELLS = ("# Why did US vanish?", "6 * 7", "print('rows:', 10)")


@dataclass(frozen=True)
class Scene:
    """The clean bundle: its files, and the names that attacks call its parts by."""

    files: Mapping[str, bytes]
    places: Mapping[str, str]

    def copy(self) -> Files:
        """Return the files, to be changed."""
        return dict(self.files)

    def name(self, pattern: str) -> str:
        """Return a file's name, where ``{table}`` and ``{chart}`` stand for the folders of the exhibits."""
        return pattern.format_map(self.places)


def export_clean(folder: Path) -> Scene:
    """Export a case with a table, a chart and a notebook, as users do; two persons sign it off."""
    import altair as alt
    import polars as pl

    from audit_lab.evidence import Case, sign_off

    now = datetime(2026, 1, 1, tzinfo=UTC)

    def clock() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    log = SimpleNamespace(origin=ORIGIN, path=Path("flights"), manifest_sha256="ab" * 32, checkpoint=None)
    about = {"question": "Why?", "actor": "Jane Doe", "purpose": "complaint 7", "sign_offs": ("reviewed", "approved")}
    about["persons"] = 3
    case = Case.create("INC-1", log, **about, folder=folder / "cases", clock=clock)
    rows = pl.DataFrame({"carrier": ["AA", "US"], "rows": [10, 0]})
    table = case.keep(rows, "Rows by carrier")
    case.keep(alt.Chart(rows).mark_bar().encode(x="carrier:N", y="rows:Q"), "The same, drawn")
    case.finding("US vanished", [table], "high")
    case.conclude("It merged.")
    notebook = folder / "story.ipynb"
    notebook.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": _cells()}))
    with patch.dict(os.environ, AUDIT_LAB_PDF="none"):  # only where Chromium stands is there a PDF
        bundle = case.export(folder / "out", key=JANE, notebook=notebook, signed_at=datetime(2026, 2, 1, tzinfo=UTC))
    for key, name, meaning in ((REX, "Rex Holm", "reviewed"), (ADA, "Ada Byron", "approved")):
        when = datetime(2026, 2, 2, tzinfo=UTC)
        sign_off(bundle, key=key, printed_name=name, meaning=meaning, signed_at=when, trust=TRUST)
    return read_scene(bundle)


def read_scene(bundle: Path) -> Scene:
    """Return the scene of an exported bundle."""
    with zipfile.ZipFile(bundle) as file:
        files = {info.filename: file.read(info) for info in file.infolist()}
    kinds = {name.rpartition("/")[0] for name in files if name.startswith("data/exhibits/")}
    places = {place.rpartition("-")[2]: place for place in kinds}
    places["review"] = sign_off_name("reviewed", REX.public)
    places["count"] = str(len(files))
    return Scene(files, places)


def _cells() -> list[dict[str, object]]:
    code = {"cell_type": "code", "execution_count": None, "outputs": []}
    return [
        {"metadata": {}, "source": text} | ({"cell_type": "markdown"} if text.startswith("#") else code)
        for text in NOTEBOOK_CELLS
    ]


# --- reading and signing what stands in a bundle ----------------------------------------------------------------------


def compact(value: object) -> bytes:
    """Return a value without floats as canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def statement_of(files: Mapping[str, bytes], name: str = ATTESTATION) -> dict:
    """Return what an envelope holds."""
    return json.loads(base64.b64decode(json.loads(files[name])["payload"]))


def tagged(files: Files) -> Files:
    """Return the files with manifests and payload size that fit them."""
    payload = {name: content for name, content in files.items() if name.startswith("data/")}
    info = [line for line in files["bag-info.txt"].split(b"\n") if not line.startswith(b"Payload-Oxum")][:-1]
    oxum = f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}".encode()
    files = files | {
        "bag-info.txt": b"\n".join([*info, oxum, b""]),
        MANIFEST: format_manifest({name: sha256(content) for name, content in payload.items()}),
    }
    return files | {TAG_MANIFEST: format_manifest({name: sha256(files[name]) for name in TAGS})}


def described(files: Files) -> Files:
    """Return the files with a research object that names exactly these, each with its size."""
    value = json.loads(files[RESEARCH_OBJECT])
    present = {name.removeprefix("data/"): str(len(content)) for name, content in files.items() if _in_payload(name)}
    graph = [each for each in value["@graph"] if "File" not in each["@type"] or each["@id"] in present]
    named = {each["@id"] for each in graph}
    graph += [{"@id": name, "@type": "File"} for name in sorted(present.keys() - named)]
    for each in graph:
        if each["@id"] in present:
            each["contentSize"] = present[each["@id"]]
        for member in ("hasPart", "result", "instrument"):
            if member in each:
                pointers = each[member] if isinstance(each[member], list) else [each[member]]
                each[member] = [pointer for pointer in pointers if pointer["@id"] in present]
    return {**files, RESEARCH_OBJECT: json.dumps({**value, "@graph": graph}).encode()}


def _in_payload(name: str) -> bool:
    return name.startswith("data/") and name != RESEARCH_OBJECT


def attested(
    files: Files,
    key: SigningKey = JANE,
    change: Callable[[dict], object] | None = None,
    kind: str = IN_TOTO,
) -> Files:
    """Return the files with an attestation of exactly these, signed with `key`, and the two sign-offs made anew.

    `change` is called with the statement before it is signed. Nobody who is trusted signs for Mallory, who takes the
    sign-offs out.
    """
    if key is MALLORY:
        files = {name: content for name, content in files.items() if not name.startswith("signatures/")}
    statement = statement_of(files)
    subjects = {n: sha256(c) for n, c in files.items() if n != ATTESTATION and not n.startswith("signatures/")}
    if key is MALLORY:
        statement["predicate"]["signer"] = key.name
    statement["subject"] = [{"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)]
    predicate = statement["predicate"]
    if predicate["notebook"] is not None:
        predicate["notebook"]["executed_sha256"] = subjects.get(NOTEBOOK, "0" * 64)
        predicate["notebook"]["html_sha256"] = subjects.get(HTML, "0" * 64)
    if change is not None:
        change(statement)
    return signed_off({**files, ATTESTATION: sign_envelope(compact(statement), kind, [key])})


def resigned(files: Files, key: SigningKey = JANE, change: Callable[[dict], object] | None = None) -> Files:
    """Return the files with everything made to fit and signed anew."""
    return attested(tagged(described(files)), key, change)


def signed_off(files: Files) -> Files:
    """Return the files with the sign-offs that are there signed again by those who signed them."""
    again = {}
    for name, key, meaning, printed in (
        (sign_off_name("reviewed", REX.public), REX, "reviewed", "Rex Holm"),
        (sign_off_name("approved", ADA.public), ADA, "approved", "Ada Byron"),
    ):
        if name in files:
            again[name] = said(files, key, meaning, printed)[1]
    return files | again


def said(files: Mapping[str, bytes], key: SigningKey, meaning: str, printed: str, **changes: str) -> tuple[str, bytes]:
    """Return a sign-off of these files: the name that it stands under, and its envelope."""
    stated = {
        "attestation_sha256": sha256(files[ATTESTATION]),
        "case_id": "INC-1",
        "printed_name": printed,
        "role": USUAL_ROLE[meaning],
        "meaning": meaning,
        "reason": "",
        "signed_at": "2026-02-02T00:00:00.000000Z",
        "signer": key.name,
    }
    return sign_off_name(meaning, key.public), sign_off_envelope(SignOff(**(stated | changes)), ATTESTATION, key)


def archived(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of some files, as an export writes it."""
    buffer = io.BytesIO()
    write_archive(buffer, files)
    return buffer.getvalue()
