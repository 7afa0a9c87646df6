"""The pages of a bundle say what the case in it says, or the full verifier finds them."""

from __future__ import annotations

import zipfile

import pytest

import audit_lab as al
from audit_lab.evidence import examine_in_full, export_case
from audit_lab.evidence.archive_writer import chunks_of, write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.export import _Material, _payload
from audit_lab.evidence.research_object import research_object
from audit_lab.seal.strict_json import canonical_json, parse_json
from audit_lab.seal.trust import ANY_ORIGIN, Trust, TrustedKey

DIFFERS, MALFORMED = "page.rendering-differs", "case.malformed"
README, REPORT, PAGE = "data/README.html", "data/report.html", "data/verify.html"
INVESTIGATION, FOLLOW_UP = "data/investigation.json", "data/follow-up.json"


@pytest.fixture
def told(case):
    """Return a case that says everything that a case can."""
    exhibit = case.exhibits[0]
    case.conclude("Nobody was harmed.\n<b>Really.</b>")
    case.event("2026-01-02T10:00:00+01:00", "the first letter came")
    case.action("correct the unit", kind="corrective", owner="J. Doe", due="2027-01-01")
    case.comment("to be read twice", about=exhibit)
    case.change_status("under review", "all is written")
    case.draft_report()
    return case


@pytest.fixture
def signed(told, key, signed_at, tmp_path):
    """Return a function that changes the payload as the trusted signer could, and writes the bundle."""

    def make(change=None, tags=None):
        predicate, payload = _payload(_Material(told, None, None, [tmp_path], tmp_path), key, signed_at)
        whole = {name: b"".join(chunks_of(content)) for name, content in payload.items()}
        if change is not None:
            del whole["data/ro-crate-metadata.json"]
            change(whole)
            whole["data/ro-crate-metadata.json"] = research_object(whole, told, told.exhibits, predicate)
        files = bundle_files(whole, predicate, key)
        path = tmp_path / "case.zip"
        with path.open("wb") as file:
            write_archive(file, files)
        return path

    return make


def found(path, trust):
    return [(finding.code, finding.file) for finding in examine_in_full(path, trust).findings]


def replacing(name, old, new):
    def change(files):
        assert old in files[name], name
        files[name] = files[name].replace(old, new)

    return change


def in_json(name, edit):
    def change(files):
        value = parse_json(files[name], name)
        edit(value)
        files[name] = canonical_json(value) + b"\n"

    return change


def test_pages_of_a_case_that_says_everything_are_made_again(signed, trust):
    report = examine_in_full(signed(), trust)
    assert report.findings == ()
    assert any(line.startswith("README.html and the report, made again from the case") for line in report.checked)
    assert any(line.startswith("report.md, environment.json, requirements.txt") for line in report.not_checked)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replacing(README, b"Nobody was harmed.", b"Somebody was harmed."), (DIFFERS, README)),
        (replacing(README, b"<h2>Answer", b"<p>VERIFIED</p><h2>Answer"), (DIFFERS, README)),
        (replacing(README, b"J. Doe", b"R. Roe"), (DIFFERS, README)),
        (replacing(README, b"to be read twice", b"to be read once"), (DIFFERS, README)),
        (replacing(README, b"</style>", b"</style><script src=http://x.example/></script>"), (DIFFERS, README)),
        (replacing(REPORT, b"DRAFT", b"FINAL"), (DIFFERS, REPORT)),
        (lambda files: files.__setitem__(PAGE, b"<h1>VERIFIED</h1>"), ("page.not-the-verifier", PAGE)),
        (lambda files: files.__setitem__(FOLLOW_UP, b'{"nonsense":[1]}\n'), ("json.member-missing", INVESTIGATION)),
        (in_json(FOLLOW_UP, lambda value: value["comments"].clear()), (DIFFERS, README)),
        (in_json(FOLLOW_UP, lambda value: value["comments"][0].update(at="soon")), (MALFORMED, INVESTIGATION)),
        (in_json(INVESTIGATION, lambda value: value["actions"][0].update(owner="R. Roe")), (DIFFERS, README)),
        (in_json(INVESTIGATION, lambda value: value["actions"][0].pop("owner")), (MALFORMED, INVESTIGATION)),
        (in_json(INVESTIGATION, lambda value: value.update(conclusion=3)), (MALFORMED, INVESTIGATION)),
        (in_json(INVESTIGATION, lambda value: value["case"].update(timezone="Mars/Base")), (MALFORMED, INVESTIGATION)),
    ],
)  # fmt: skip
def test_a_page_that_says_other_than_the_case_is_found(signed, trust, change, expected):
    assert expected in found(signed(change), trust)


def test_a_report_that_was_taken_out_is_missed_on_the_page(signed, trust):
    def change(files):
        del files[REPORT], files["data/report.md"]

    assert found(signed(change), trust) == [(DIFFERS, README)]


def test_pages_of_another_release_are_said_not_to_be_compared(signed, trust, monkeypatch):
    path = signed(replacing(README, b"Nobody", b"Somebody"))
    monkeypatch.setattr("audit_lab.evidence.page_comparison.library_version", lambda: "99.1")
    report = examine_in_full(path, trust)
    assert report.findings == ()
    (line,) = [line for line in report.not_checked if line.startswith("README.html, the report and verify.html")]
    assert "here is 99.1" in line
    assert not any(line.startswith("README.html and the report, made again") for line in report.checked)


def test_what_was_edited_by_hand_stands_in_custody_before_the_page_is_made(told, key, tmp_path, recwarn):
    (told.folder / "conclusion.txt").write_text("Edited.")
    own = Trust((TrustedKey(key.public, "investigator", ANY_ORIGIN),), "own")
    bundle = export_case(told, tmp_path / "out.zip", key=key)
    assert examine_in_full(bundle, own).findings == ()
    assert any("conclusion.txt" in str(each.message) for each in recwarn)


def test_the_page_tells_what_each_exhibit_says(tmp_path, key):
    log = al.open("sample_data/credit")
    decision = log.decision(log.predictions.head(1).collect()["prediction_id"][0])
    case = al.Case.create("SAID-1", log, question="Why?", actor="a", purpose="b", folder=tmp_path)
    case.keep(decision, "The decision")
    case.keep(decision.replay(), "Its replay")
    case.keep(log.verify(), "The log")
    bundle = export_case(case, tmp_path / "said.zip", key=key)
    own = Trust((TrustedKey(key.public, "investigator", ANY_ORIGIN),), "own")
    assert examine_in_full(bundle, own).findings == ()
    with zipfile.ZipFile(bundle) as archive:
        page = next(archive.read(name).decode() for name in archive.namelist() if name.endswith(README))
    assert f"The prediction {decision.prediction_id} of " in page
    assert f"Replay of {decision.prediction_id}: EXACT:" in page
    assert "Verification of the log audit-lab.example/credit: " in page


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "The case asks nobody else to sign it off."),
        (
            {"sign_offs": ("reviewed", "approved")},
            "reviewed and approved, by another person than the investigator, or by several.",
        ),
        (
            {"sign_offs": ("reviewed", "approved"), "persons": 3},
            "reviewed and approved, by two persons, neither of them the investigator.",
        ),
        ({"sign_offs": ("reviewed",)}, "as reviewed, by another person than the investigator."),
        ({"sign_offs": ("approved",), "persons": 1}, "signed off as approved. Sign-offs are added"),
    ],
)
def test_the_page_tells_which_sign_offs_the_case_asks_for(tmp_path, key, rule, said):
    log = al.open("sample_data/credit")
    case = al.Case.create("SAID-2", log, question="Why?", actor="a", purpose="b", folder=tmp_path, **rule)
    bundle = export_case(case, tmp_path / "said.zip", key=key)
    with zipfile.ZipFile(bundle) as archive:
        page = next(archive.read(name).decode() for name in archive.namelist() if name.endswith(README))
    assert said in page


def test_pages_name_what_turns_the_direction_of_text(told, signed, trust):
    hidden = "paid \u202edecnuob\u2069 \u200bto"
    told.conclude(hidden)
    told.comment(f"about {hidden}")
    told.draft_report()
    path = signed()
    assert found(path, trust) == []
    with zipfile.ZipFile(path) as file:
        pages = {name: file.read(name).decode() for name in (README, REPORT)}
    for page in pages.values():
        assert ">U+202E</mark>decnuob<mark" in page
        assert not set(page) & {"\u202e", "\u2069", "\u200b"}
    assert "[U+202E]" not in pages[README].partition("<body>")[0]
