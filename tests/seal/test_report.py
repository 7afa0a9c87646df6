from __future__ import annotations

import pytest

from audit_lab.errors import IntegrityError
from audit_lab.seal.report import Finding, Verdict, Verification, settle

FINDING = Finding("bundle.file-changed", "data/<b>x", "its bytes differ", "Ask again")


@pytest.mark.parametrize("verdict", [Verdict.STALE, Verdict.FAILED, Verdict.REFUSED])
def test_a_verdict_that_does_not_hold_raises_with_the_report(verdict):
    report = Verification("x.zip", verdict, (FINDING, FINDING))
    with pytest.raises(IntegrityError, match=r"x.zip is .*bundle.file-changed in data/<b>x.*1 more") as caught:
        settle(report)
    assert caught.value.report is report


@pytest.mark.parametrize("verdict", [Verdict.VERIFIED, Verdict.UNANCHORED])
def test_a_verdict_that_holds_is_returned(verdict):
    report = Verification("x.zip", verdict)
    assert settle(report) is report


def test_the_dictionary_has_every_part():
    report = Verification("x", Verdict.FAILED, (FINDING,), ("a",), ("b",), ("c",), ("d",), ("e",))
    assert report.to_dict() == {
        "subject": "x",
        "verdict": "FAILED",
        "findings": [
            {
                "code": "bundle.file-changed",
                "file": "data/<b>x",
                "meaning": "its bytes differ",
                "next_step": "Ask again",
            }
        ],
        "checked": ["a"],
        "not_checked": ["b"],
        "anchors": ["c"],
        "signers": ["d"],
        "notes": ["e"],
    }


def test_nothing_in_the_html_is_markup():
    html = Verification("<x>", Verdict.FAILED, (FINDING,))._repr_html_()
    assert "<x>" not in html
    assert "data/&lt;b&gt;x" in html
