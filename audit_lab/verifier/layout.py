"""Where things stand in an evidence bundle (format version 1)."""

from __future__ import annotations

import re

__all__ = [
    "ATTESTATION",
    "BAG_DECLARATION",
    "BAG_INFO",
    "CUSTODY",
    "ENVIRONMENT",
    "EXHIBITS",
    "FOLLOW_UP",
    "FORMAT_VERSION",
    "HTML_MARK",
    "INVESTIGATION",
    "INVESTIGATION_FORMAT",
    "MANIFEST",
    "MODELS",
    "NOTEBOOK",
    "NOTEBOOK_HTML",
    "PAYLOAD",
    "PREDICATE_TYPE",
    "README",
    "REPORT",
    "REPORT_HTML",
    "ROWS",
    "SIGN_OFFS",
    "SIGN_OFF_NAME",
    "TAG_FILES",
    "TAG_MANIFEST",
]

FORMAT_VERSION = 1
PREDICATE_TYPE = "urn:audit-lab:predicate:investigation:1"
INVESTIGATION_FORMAT = "audit_lab.investigation"

ATTESTATION = "attestation.dsse.json"
BAG_DECLARATION = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
#: Sign-offs are about the attestation, and come after it: no manifest lists them.
SIGN_OFFS = "signatures/"
SIGN_OFF_NAME = re.compile(r"signatures/[a-z]+-[0-9a-f]{16}\.dsse\.json")
#: The tag files that the tag manifest lists.
TAG_FILES = frozenset({BAG_DECLARATION, BAG_INFO, MANIFEST})

PAYLOAD = "data/"
README = "data/README.html"
INVESTIGATION = "data/investigation.json"
NOTEBOOK = "data/notebook/investigation.ipynb"
NOTEBOOK_HTML = "data/notebook/investigation.html"
EXHIBITS = "data/exhibits/"
ROWS = "data/rows/"
MODELS = "data/models/digests.json"
ENVIRONMENT = "data/environment/environment.json"
CUSTODY = "data/custody.jsonl"
#: Comments on the case and its status: they go on after a sign-off, which is about the investigation.
FOLLOW_UP = "data/follow-up.json"
#: The incident report as it stood in the case, and as it is computed when the case is exported.
REPORT = "data/report.md"
REPORT_HTML = "data/report.html"

#: How the HTML names the notebook that it was made from; `{}` is the SHA-256 of the notebook file.
HTML_MARK = '<meta name="audit-lab-notebook-sha256" content="{}">'
