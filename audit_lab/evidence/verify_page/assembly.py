"""The page as one file: its own script and style, each allowed by its digest, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.custody import CUSTODY_FORMAT, FIRST_CUSTODY_FORMAT
from audit_lab.seal.digests import sha256
from audit_lab.seal.keys import DEMONSTRATION_PREFIX, SMALL_ORDER_Y
from audit_lab.seal.row_proofs import LOG_PROOF_FORMAT, SEGMENT_PROOF_FORMAT
from audit_lab.seal.sign_off import MEANINGS, ROLES, ROLES_OF, SIGN_OFF_TYPE
from audit_lab.seal.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from audit_lab.seal.stored_zip import MOST_ENTRIES
from audit_lab.verifier import layout
from audit_lab.verifier.bag import DECLARATION
from audit_lab.verifier.content import EXHIBIT, EXHIBIT_TOO, INVESTIGATION_MEMBERS, INVESTIGATION_TOO
from audit_lab.verifier.contents import MOST_DOCUMENT_BYTES
from audit_lab.verifier.kept import BY_HAND, KEPT
from audit_lab.verifier.named_rows import FROM_LOG, MADE_UP
from audit_lab.verifier.predicate import HOW_REDACTED, RESULTS
from audit_lab.verifier.research_object import CONTEXT, DESCRIPTOR, OUTSIDE, POINTERS, ROOT, TEXTS

__all__ = ["PAGE_NAME", "checking_page", "write_page"]

#: Where the page stands in a bundle.
PAGE_NAME = "data/verify.html"

_SCRIPTS = (
    "report",
    "strict_json",
    "archive",
    "keys",
    "signed",
    "sign_offs",
    "research_object",
    "content",
    "models",
    "rows",
    "examine",
    "page",
)
_HERE = Path(__file__).parent


@cache
def checking_page() -> bytes:
    """Return the page; the same release gives the same bytes."""
    parts = "\n".join(_source(f"{name}.js") for name in _SCRIPTS)
    facts = json.dumps(_layout(), sort_keys=True, indent=1, ensure_ascii=True)
    script = f'"use strict";\n(() => {{\nconst LAYOUT = {facts};\n\n{parts}}})();\n'
    style = _source("style.css")
    policy = (
        f"default-src 'none'; script-src {_allowed(script)}; style-src {_allowed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Check an evidence bundle</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{_source('page.html')}<script>{script}</script>\n</body>\n</html>\n"
    ).encode()


def write_page(path: Path) -> str:
    """Write the page, for a reader who gets it apart from any bundle, and return its SHA-256."""
    write_bytes(path, checking_page())
    return sha256(checking_page())


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _allowed(content: str) -> str:
    """Return a source expression that allows this inline content (Content Security Policy 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _layout() -> dict[str, object]:
    """Return the names and limits that page and verifier share."""
    tags = {layout.TAG_MANIFEST, *layout.TAG_FILES}
    documents = {layout.ATTESTATION, layout.CUSTODY, layout.INVESTIGATION, layout.RESEARCH_OBJECT, *tags}
    return {
        "attestation": layout.ATTESTATION,
        "bagDeclaration": layout.BAG_DECLARATION,
        "bagInfo": layout.BAG_INFO,
        "crateAllowed": sorted(OUTSIDE | {DESCRIPTOR, ROOT}),
        "crateContext": CONTEXT,
        "cratePointers": sorted(POINTERS),
        "crateTexts": sorted(TEXTS),
        "byHand": BY_HAND,
        "custody": layout.CUSTODY,
        "custodyFormats": [FIRST_CUSTODY_FORMAT, CUSTODY_FORMAT],
        "declaration": DECLARATION.decode(),
        "demonstrationPrefix": DEMONSTRATION_PREFIX,
        "documents": sorted(documents),
        "exhibit": sorted(EXHIBIT),
        "exhibitToo": sorted(EXHIBIT_TOO),
        "exhibits": layout.EXHIBITS,
        "fromLog": FROM_LOG,
        "howRedacted": HOW_REDACTED,
        "htmlMark": layout.HTML_MARK,
        "investigation": layout.INVESTIGATION,
        "kept": KEPT,
        "madeUp": MADE_UP,
        "investigationFormat": layout.INVESTIGATION_FORMAT,
        "investigationMembers": sorted(INVESTIGATION_MEMBERS),
        "investigationToo": sorted(INVESTIGATION_TOO),
        "investigationVersion": layout.INVESTIGATION_VERSION,
        "manifest": layout.MANIFEST,
        "meanings": MEANINGS,
        "logProofFormat": LOG_PROOF_FORMAT,
        "modelFiles": layout.MODEL_FILES,
        "mostDocumentBytes": MOST_DOCUMENT_BYTES,
        "mostEntries": MOST_ENTRIES,
        "notebook": layout.NOTEBOOK,
        "notebookHtml": layout.NOTEBOOK_HTML,
        "notebookPdf": layout.NOTEBOOK_PDF,
        "payload": layout.PAYLOAD,
        "payloadType": PAYLOAD_TYPE,
        "pdfMark": layout.PDF_MARK,
        "predicateTypes": layout.PREDICATE_TYPES,
        "proofCheckpoint": layout.PROOF_CHECKPOINT,
        "proofIndex": layout.PROOF_INDEX,
        "proofParts": layout.PROOF_PARTS,
        "proofs": layout.PROOFS,
        "provenRows": layout.PROVEN_ROWS,
        "researchObject": layout.RESEARCH_OBJECT,
        "results": RESULTS,
        "roles": ROLES,
        "rolesOf": ROLES_OF,
        "rows": layout.ROWS,
        "segmentProofFormat": SEGMENT_PROOF_FORMAT,
        "signOffName": layout.SIGN_OFF_NAME.pattern,
        "signOffType": SIGN_OFF_TYPE,
        "signOffs": layout.SIGN_OFFS,
        "smallOrderY": sorted(map(str, SMALL_ORDER_Y), key=int),
        "statementType": STATEMENT_TYPE,
        "tagFiles": sorted(layout.TAG_FILES),
        "tagManifest": layout.TAG_MANIFEST,
        "timeStamp": layout.TIME_STAMP,
    }
