from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

import audit_lab as al
from audit_lab.dossier import Dossier
from audit_lab.dossier.content import (
    Bar,
    Changed,
    Fact,
    Happening,
    Integrity,
    Owner,
    Reproduction,
    Source,
    Wanting,
    Why,
)
from audit_lab.dossier.moments import clock_of

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OSLO = clock_of("Europe/Oslo")
DECIDED = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def text_of():
    """Return a function that gives the text of each page, every run of spaces one space."""

    def text_of(pdf):
        return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]

    return text_of


@pytest.fixture
def decide(make_log):
    """Return a function that opens the small log, changed, and gives one of its decisions."""

    def decide(prediction_id="p-003", **changed):
        return al.open(make_log(**changed)).decision(prediction_id)

    return decide


@pytest.fixture
def small():
    """Return a dossier made up without a log, of which a test replaces parts."""
    moment = OSLO.at(DECIDED)
    return Dossier(
        prediction_id="p-003",
        decision="'deny'",
        standing="'deny'",
        answer=("It was decided.", "The score decided.", "It comes out again."),
        decided=(Fact("About", "s-3"),),
        version=(Fact("Stated by the prediction", "loans 1"),),
        approvals=(Happening(moment, "approved", "ada (risk officer)", "fit"),),
        inputs=(Bar("income", "1200.5", "EUR", "1200.5 EUR", 0.25, "+25.0 percentage points", 1.0),),
        explained="How far each moved the probability of 'bad'.",
        why=Why("The score decided.", ("Income raised it.",), is_explained=True, reasons=(), changed=None),
        replay=Reproduction("EXACT", "exact", "It is the same.", "The same score.", ("It ran here.",)),
        afterwards=(Happening(moment, "outcome", "registry", "good"),),
        wanting=(Wanting("gap", "lineage-missing", "No lineage.", "Cannot tell.", Owner("whoever trained it", ())),),
        integrity=Integrity("NOT CHECKED", "Nobody verified it.", (), (), (), ()),
        source=Source("tests/loans", None, "a" * 64, "p-003@part:3", "b" * 64, "c" * 64, None, None, 20, "audit-lab 0"),
        notes=("Invented.",),
        personal=("Personal data: none.",),
        timezone="Local times are those of Europe/Oslo, as was asked.",
        asked_by=None,
        made_at=OSLO.at(MADE),
    )


@pytest.fixture
def crowded(small):
    """Return a dossier with far more than two pages hold: long, wide, foreign and hostile."""
    moment, long = OSLO.at(DECIDED), "x" * 10_240
    words = "one word after another " * 440
    return replace(
        small,
        prediction_id="p" * 500,
        answer=(words, long, words),
        decided=tuple(Fact(f"Fact {number}", long if number % 2 else words) for number in range(10)),
        version=tuple(Fact(f"Fact {number}", words) for number in range(6)),
        approvals=tuple(Happening(moment, "approved", "a" * 300, words) for _ in range(50)),
        inputs=tuple(
            Bar(f"{'feature_' * 20}{number}", long, "u" * 200, long, 0.1, "1" * 300, 1.0 if number % 2 else -1.0)
            for number in range(500)
        ),
        explained=words,
        why=Why(long, (words, long) * 20, True, (words, long) * 20, Changed(True, (words, long) * 20)),  # noqa: FBT003
        replay=Reproduction("DIVERGED", "score-differs", words, long, (words, long) * 20),
        afterwards=tuple(Happening(moment, long, words, long) for _ in range(60)),
        wanting=tuple(
            Wanting("gap", f"gap-{number}", words, long, Owner(words, (long, words))) for number in range(40)
        ),
        integrity=Integrity("FAILED", words, (long, words) * 10, (words,), (long,), (words,)),
        source=replace(small.source, log="origin/" * 400, manifest_sha256=None),
        notes=(words, long) * 10,
        personal=(words, long) * 10,
        asked_by=words,
    )
