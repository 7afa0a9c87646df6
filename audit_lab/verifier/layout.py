"""Where things stand in an evidence bundle (format version 2; version 1 is read too)."""

from __future__ import annotations

import re

__all__ = [
    "ATTESTATION",
    "BAG_DECLARATION",
    "BAG_INFO",
    "CUSTODY",
    "ENVIRONMENT",
    "ENVIRONMENT_LOCK",
    "EXHIBITS",
    "FOLLOW_UP",
    "FORMAT_VERSION",
    "HTML_MARK",
    "INVESTIGATION",
    "INVESTIGATION_FORMAT",
    "INVESTIGATION_VERSION",
    "MANIFEST",
    "MODELS",
    "MODEL_FILES",
    "NOTEBOOK",
    "NOTEBOOK_HTML",
    "NOTEBOOK_PDF",
    "PAYLOAD",
    "PDF_MARK",
    "PICTURE",
    "PREDICATE_TYPE",
    "PREDICATE_TYPES",
    "PROOFS",
    "PROOF_CHECKPOINT",
    "PROOF_INDEX",
    "PROOF_PARTS",
    "PROVEN_ROWS",
    "README",
    "REPORT",
    "REPORT_HTML",
    "RESEARCH_OBJECT",
    "ROWS",
    "SIGN_OFFS",
    "SIGN_OFF_NAME",
    "TAG_FILES",
    "TAG_MANIFEST",
    "TIME_STAMP",
]

#: The version of the bundle, which is that of its attestation.
FORMAT_VERSION = 2
#: The kind of the attestation in each version that is read.
PREDICATE_TYPES = {version: f"urn:audit-lab:predicate:investigation:{version}" for version in (1, FORMAT_VERSION)}
PREDICATE_TYPE = PREDICATE_TYPES[FORMAT_VERSION]
INVESTIGATION_VERSION = 1
INVESTIGATION_FORMAT = "audit_lab.investigation"

ATTESTATION = "attestation.dsse.json"
BAG_DECLARATION = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
#: Sign-offs are about the attestation, and come after it: no manifest lists them.
SIGN_OFFS = "signatures/"
SIGN_OFF_NAME = re.compile(r"signatures/[a-z]+-[0-9a-f]{16}\.dsse\.json")
#: An outside authority's time stamp over the attestation (RFC 3161); no manifest lists it either.
TIME_STAMP = "timestamp.tsr"
#: The tag files that the tag manifest lists.
TAG_FILES = frozenset({BAG_DECLARATION, BAG_INFO, MANIFEST})

PAYLOAD = "data/"
README = "data/README.html"
INVESTIGATION = "data/investigation.json"
NOTEBOOK = "data/notebook/investigation.ipynb"
NOTEBOOK_HTML = "data/notebook/investigation.html"
NOTEBOOK_PDF = "data/notebook/investigation.pdf"
EXHIBITS = "data/exhibits/"
#: How the name of an exhibit's picture ends.
PICTURE = ".svg"
ROWS = "data/rows/"
#: Rows of the log with proofs, each file beside the proofs of the same name; every other folder is an exhibit's.
PROVEN_ROWS = "data/rows/log/"
PROOFS = "data/proofs/"
#: The exact bytes of the log's checkpoint, for public tools; and what the proofs have in common.
PROOF_CHECKPOINT = "data/proofs/checkpoint"
PROOF_INDEX = "data/proofs/log.json"
PROOF_PARTS = "data/proofs/rows/"
MODELS = "data/models/digests.json"
#: Where artifacts stand that leave with the bundle: one folder for each, named by the artifact's digest.
MODEL_FILES = "data/models/artifacts/"
ENVIRONMENT = "data/environment/environment.json"
#: The same packages as a file for pip.
ENVIRONMENT_LOCK = "data/environment/requirements.txt"
CUSTODY = "data/custody.jsonl"
#: Comments on the case and its status: they go on after a sign-off, which is about the investigation.
FOLLOW_UP = "data/follow-up.json"
#: The incident report as it stood in the case, and as it is computed when the case is exported.
REPORT = "data/report.md"
REPORT_HTML = "data/report.html"
#: What each file is and what made it, as RO-Crate.
RESEARCH_OBJECT = "data/ro-crate-metadata.json"

#: How the HTML names the notebook that it was made from; `{}` is the SHA-256 of the notebook file.
HTML_MARK = '<meta name="audit-lab-notebook-sha256" content="{}">'
#: How a PDF does, as text in parentheses: among its first bytes (as its creator) or its last (as its identifier).
PDF_MARK = "audit-lab-notebook-sha256 {}"
