"""``verify.html``: a page without a network that checks a bundle in a browser.

It is put together (`assembly`) from the scripts beside this file, in the order of what they build on: what is found
(`report.js`), strict JSON, the archive's shape, pasted keys, what is signed, the content, proven rows, the examination,
the page. Names and limits come from the light verifier, so that the two cannot drift apart.
"""

from __future__ import annotations

from audit_lab.evidence.verify_page.assembly import PAGE_NAME, checking_page, write_page

__all__ = ["PAGE_NAME", "checking_page", "write_page"]
