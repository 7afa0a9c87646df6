"""Evidence: from a case and its notebook to a signed bundle, and back to a verdict.

`export_notebook` runs a notebook from a clean kernel and exports the case that it makes; `export_case` exports a case
that exists. The executed notebook is rendered as a page without scripts (`notebook_html`), everything is put into a
BagIt bag (`bundle_files`), attested, signed, and written as one archive (`archive_writer`). `verify_in_full` is the
light verifier and what needs polars.

What a name needs is imported when the name is first used: a verifier starts without what an export needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.first_use import imported_on_first_use

if TYPE_CHECKING:
    from audit_lab.evidence.case import Case
    from audit_lab.evidence.demonstration import Demonstration, demonstration_key
    from audit_lab.evidence.export import export_case, export_notebook
    from audit_lab.evidence.full_verifier import examine_in_full, verify_in_full
    from audit_lab.evidence.keyring import accepted_keys, signing_key
    from audit_lab.evidence.notebook_html import render_html
    from audit_lab.evidence.notebook_run import ExecutedNotebook, execute_notebook
    from audit_lab.evidence.signing_off import SignedOff, read_sign_offs, sign_off
    from audit_lab.evidence.time_stamp import stamp_bundle, stamp_request

__all__ = [
    "Case",
    "Demonstration",
    "ExecutedNotebook",
    "SignedOff",
    "accepted_keys",
    "demonstration_key",
    "examine_in_full",
    "execute_notebook",
    "export_case",
    "export_notebook",
    "read_sign_offs",
    "render_html",
    "sign_off",
    "signing_key",
    "stamp_bundle",
    "stamp_request",
    "verify_in_full",
]

_HOMES = {
    "Case": "case",
    "Demonstration": "demonstration",
    "ExecutedNotebook": "notebook_run",
    "SignedOff": "signing_off",
    "accepted_keys": "keyring",
    "demonstration_key": "demonstration",
    "examine_in_full": "full_verifier",
    "execute_notebook": "notebook_run",
    "export_case": "export",
    "export_notebook": "export",
    "read_sign_offs": "signing_off",
    "render_html": "notebook_html",
    "sign_off": "signing_off",
    "signing_key": "keyring",
    "stamp_bundle": "time_stamp",
    "stamp_request": "time_stamp",
    "verify_in_full": "full_verifier",
}

__getattr__ = imported_on_first_use(__name__, _HOMES)
