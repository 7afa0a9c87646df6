"""Every finding that the check of a log can make stands in docs/formats.md, and every one that stands there is made."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG, SEAL = ROOT / "audit_lab" / "log", ROOT / "audit_lab" / "seal"
CODE = re.compile(r'"((?:log|anchor|timestamp|cosignature)\.[a-z0-9-]+)"')
KINDS = ("segment", "leaves", "kept")


def made() -> set[str]:
    """The codes in the source; those of files are made from the file's kind."""
    files = [*(LOG / "integrity").glob("*.py"), *(LOG / "time_anchors").glob("*.py"), LOG / "keys" / "epochs.py"]
    found = {code for path in [*files, SEAL / "cosignature.py"] for code in CODE.findall(path.read_text("utf-8"))}
    found |= {f"log.{kind}-{what}" for kind in KINDS for what in ("missing", "changed")}
    return found | {"log.row-moved", "log.row-duplicated"}


def documented() -> set[str]:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    section = text.partition("## Verification of a log")[2].partition("\n## ")[0]
    table = section.partition("| code | what is wrong |")[2]
    return {code for code in re.findall(r"`([a-z]+\.[a-z0-9-]+)`", table) if not code.endswith(".")}


def test_codes_in_the_source_and_in_the_documentation_are_the_same():
    assert made() - documented() == set()
    assert documented() - made() == set()
