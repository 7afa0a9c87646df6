"""Attack 23: text of a bundle that would act, in a terminal or in a notebook, is shown as text."""

from __future__ import annotations

import io
import json

import pytest
from attack_archives import packed
from attack_contents import in_investigation, insider
from attack_scene import ADA, ATTESTATION, TRUST, archived, said

from audit_lab.verifier.bundle import examine_archive
from audit_lab.verifier.command import _text

CLEAR, SCRIPT = "\x1b[2J\x1b]0;owned\x07\u202e", "<script>alert(1)</script><img src=x onerror=alert(1)>"


def hostile_name(scene):
    return packed([*scene.files.items(), (f"data/{CLEAR}{SCRIPT}", b"")])


def hostile_case(scene):
    """Let the trusted signer put hostile text wherever there is text."""
    text = CLEAR + SCRIPT

    def state(statement):
        statement["predicate"]["case"].update(id=text, question=text)
        statement["predicate"]["log"].update(origin=text)
        statement["predicate"]["signer"] = text

    changed = in_investigation(lambda value: value["case"].update(id=text + "2", question=text, actor=text))
    return archived(insider(changed, state)(scene))


def hostile_reason(scene):
    """Let Ada reject in a name of her own, and nothing else be signed by her key, which would be two names of one."""
    alone = {name: content for name, content in scene.files.items() if not name.startswith("signatures/approved-")}
    name, content = said(alone, ADA, "rejected", "Ada <b>Byron</b>", reason=CLEAR + SCRIPT)
    return archived({**alone, name: content})


@pytest.mark.parametrize("attack", [hostile_name, hostile_case, hostile_reason])
def test_nothing_acts(scene, attack):
    report = examine_archive(io.BytesIO(attack(scene)), "INC-1.zip", TRUST)
    shown = _text(report)
    assert "owned" in shown
    assert [letter for letter in shown if not letter.isprintable() and letter != "\n"] == []
    page = report._repr_html_()
    assert "owned" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x1b" not in json.dumps(report.to_dict())


def test_a_name_of_a_megabyte_is_no_burden(scene):
    report = examine_archive(io.BytesIO(packed([(f"data/{'x' * 60_000}", b"")])), "INC-1.zip", TRUST)
    assert [finding.code for finding in report.findings] == ["archive.name-too-long"]
    assert ATTESTATION not in {finding.file for finding in report.findings}
