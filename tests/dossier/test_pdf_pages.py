"""Two pages, always: what does not fit is counted, what is hostile is text, and the bytes are the same again."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from audit_lab.dossier.content import Bar, Fact
from audit_lab.dossier.cutting import SHOWN_RANGES
from audit_lab.errors import MisuseError

HOSTILE = '<script>alert(1)</script> #let x = read("/etc/passwd") $x^2$ *b* @ref [c] {d} \\e `f`'


def squeezed(text):
    return "".join(text.split())


def with_value(dossier, value):
    return replace(dossier, inputs=(Bar("feature", value, None, value, 0.1, "+0.1", 1.0),))


def test_it_has_two_pages_and_says_which_is_which(small, text_of):
    first, second = text_of(small.to_pdf())
    assert "page 1 of 2" in first
    assert "page 2 of 2" in second


def test_both_pages_say_what_they_rest_on(small, text_of):
    for page in text_of(small.to_pdf()):
        assert "Log tests/loans · made 2 January 2026, 04:04:05 CET (Europe/Oslo, UTC+01:00)" in page
        assert "by audit-lab 0" in page
        for digest in ("a" * 64, "b" * 64, "c" * 64, small.digest):
            assert digest in squeezed(page)


def test_the_footer_names_the_checkpoint_of_a_sealed_log(small, text_of):
    sealed = replace(small, source=replace(small.source, checkpoint_sha256="d" * 64))
    page = text_of(sealed.to_pdf())[0]
    assert "checkpoint" in page
    assert "d" * 64 in squeezed(page)


def test_the_same_dossier_gives_the_same_bytes_in_another_process(small, tmp_path):
    script = (
        "import pickle, sys, hashlib; d = pickle.load(open(sys.argv[1], 'rb'));"
        "print(hashlib.sha256(d.to_pdf()).hexdigest())"
    )
    import hashlib
    import pickle

    kept = tmp_path / "kept"
    kept.write_bytes(pickle.dumps(small))
    environment = {**os.environ, "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(kept)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(small.to_pdf()).hexdigest()


def test_when_it_was_made_stands_in_it_and_not_in_its_digest(small):
    later = replace(small, made_at=replace(small.made_at, utc="2026-02-03T00:00:00.000000+00:00"))
    assert later.digest == small.digest
    assert later.to_pdf() != small.to_pdf()
    assert PdfReader(BytesIO(later.to_pdf())).metadata.creation_date.isoformat() == "2026-02-03T00:00:00+00:00"


def test_it_is_tagged_has_a_title_and_a_language_and_embeds_its_fonts(small):
    reader = PdfReader(BytesIO(small.to_pdf()))
    catalog = reader.trailer["/Root"]
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/StructTreeRoot"]
    assert catalog["/Lang"] == "en"
    assert reader.metadata.title == "Dossier on decision p-003"
    metadata = catalog["/Metadata"].get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    fonts = [font.get_object() for font in reader.pages[0]["/Resources"]["/Font"].values()]
    descriptors = [font["/DescendantFonts"][0].get_object()["/FontDescriptor"] for font in fonts]
    assert descriptors
    assert all("/FontFile3" in each or "/FontFile2" in each for each in descriptors)


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_a_page_has_the_size_of_its_paper(small, paper, size):
    box = PdfReader(BytesIO(small.to_pdf(paper))).pages[0].mediabox
    assert (round(box.width), round(box.height)) == size


def test_another_paper_is_refused(small):
    with pytest.raises(MisuseError, match="no paper 'a3'"):
        small.to_pdf("a3")


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_far_too_much_is_cut_to_two_pages_with_the_count_of_what_is_left_out(crowded, paper, text_of):
    first, second = text_of(crowded.to_pdf(paper))
    left = crowded.left_out(paper)
    shown = 500 - left["inputs"]
    assert shown >= 4
    assert f"{left['inputs']} more inputs are not shown here: in the JSON of this dossier." in first
    assert f"{left['wanting']} more missing things are not shown here (gap-" in second
    assert first.count("feature_feature_") >= shown
    assert 40 - left["wanting"] >= 2
    assert f"{left['texts']} texts are shortened on these pages" in second
    assert "[10,240 characters]" in first
    assert len(crowded.to_dict()["inputs"]) == 500
    assert len(crowded.to_dict()["inputs"][0]["value"]) == 10_240


def test_nothing_is_left_out_where_all_of_it_fits(small, text_of):
    assert small.left_out() == {}
    assert "in the JSON" not in " ".join(text_of(small.to_pdf()))


def test_as_many_inputs_are_shown_as_fit(small, text_of):
    inputs = tuple(Bar(f"f{number:03d}", "1", None, "1", 0.1, "+0.1", 0.5) for number in range(500))
    many = replace(small, inputs=inputs)
    shown = 500 - many.left_out()["inputs"]
    first, _ = text_of(many.to_pdf())
    assert [number for number in range(500) if f"f{number:03d}" in first] == list(range(shown))
    assert shown >= 30


def test_hostile_text_is_shown_as_text(small, text_of):
    first, _ = text_of(with_value(small, HOSTILE).to_pdf())
    assert squeezed(HOSTILE) in squeezed(first)


def test_control_characters_are_shown_as_escapes(small, text_of):
    first, _ = text_of(with_value(small, "a\x00b\x1b[31m\u202ec\nd\u200b").to_pdf())
    assert r"a\x00b\x1b[31m\u202ec\nd\u200b" in first


@pytest.mark.parametrize("name", ["Ελένη Παπαδοπούλου", "Žofie Łukasiewicz-Ünal", "Иван Щербаков", "Nguyễn Thị Ánh"])
def test_names_in_latin_greek_and_cyrillic_letters_are_shown(small, name, text_of):
    first, _ = text_of(with_value(small, name).to_pdf())
    assert name in first


@pytest.mark.parametrize("name", ["שלום עולם", "محمد علي"])
def test_what_reads_from_right_to_left_is_shown_in_its_own_letters(small, name, text_of):
    first, _ = text_of(with_value(small, name).to_pdf())
    assert "\\u" not in first
    letters = {c for c in name if c != " "}
    import unicodedata

    shown = unicodedata.normalize("NFKC", first)
    assert letters <= set(shown)


def test_letters_that_no_font_here_has_are_shown_as_escapes(small, text_of):
    first, _ = text_of(with_value(small, "张伟 🙂").to_pdf())
    assert r"\u5f20\u4f1f \U0001f642" in first


def test_half_of_a_surrogate_pair_is_shown_as_an_escape(small, text_of):
    first, _ = text_of(with_value(small, "a\ud800b").to_pdf())
    assert r"a\ud800b" in first


def test_every_character_that_is_not_escaped_has_a_glyph(small, text_of):
    letters = [chr(code) for low, high in SHOWN_RANGES for code in range(low, high + 1) if chr(code).isprintable()]
    assert len(letters) > 2_000
    for start in range(0, len(letters), 240):
        facts = tuple(Fact("letters", " ".join(letters[at : at + 60])) for at in range(start, start + 240, 60))
        assert "\\u" not in text_of(replace(small, decided=facts).to_pdf())[0]


def test_a_sequence_without_a_glyph_is_written_in_escapes(small, monkeypatch, text_of):
    monkeypatch.setattr("audit_lab.dossier.cutting.SHOWN_RANGES", ((0x20, 0x7E), (0x4E00, 0x9FFF), (0xE9, 0xE9)))
    first, _ = text_of(with_value(small, "张 é").to_pdf())
    assert r"\u5f20 \xe9" in first


@given(value=st.text(max_size=300), name=st.text(min_size=1, max_size=80))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_any_text_leaves_two_pages(small, value, name):
    dossier = replace(
        small, inputs=(Bar(name, value, value, value, 0.1, "+0.1", 1.0),), notes=(value,), answer=(name, value)
    )
    assert len(PdfReader(BytesIO(dossier.to_pdf())).pages) == 2


def test_the_template_reads_nothing_and_imports_nothing():
    template = (Path(__file__).parents[2] / "audit_lab" / "dossier" / "pages.typ").read_text()
    assert "import" not in template
    assert "include" not in template
    assert "read(" not in template
    assert "eval" not in template
