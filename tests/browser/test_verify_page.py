"""``verify.html`` in a browser: it finds what the verifier finds, shows text as text, and asks no network."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.evidence.verify_page import checking_page
from audit_lab.seal.custody import NO_LINE, CustodyLine
from audit_lab.seal.digests import sha256
from audit_lab.seal.envelope import sign_envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.sign_off import SignOff, sign_off_envelope
from audit_lab.seal.trust import Trust, TrustedKey, format_trust
from audit_lab.verifier.bundle import examine_archive
from audit_lab.verifier.research_object import CONTEXT, OUTSIDE
from audit_lab.verifier.sign_offs import sign_off_name
from tests.verifier.conftest import EXHIBIT_ID, KEY, STRANGER, TRUST, Bundle

pytestmark = pytest.mark.browser

ATTESTATION = "attestation.dsse.json"
REX = SigningKey("rex@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
REX_TRUSTED = TrustedKey(REX.public, "sign-off", "*")
PAST, TO_COME = datetime(2025, 1, 1, tzinfo=UTC), datetime(2125, 1, 1, tzinfo=UTC)
DONE = "body[data-done]:not([data-done=''])"
SAID = """() => Object.fromEntries([
    ["verdict", document.getElementById("verdict").textContent],
    ...["found", "checked", "unchecked", "signers", "notes"].map(
        name => [name, [...document.querySelectorAll(`#${name} li`)].map(line => line.textContent)])])"""
#: Drop a file of these bytes.
DROP_FILE = """content => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(content), letter => letter.charCodeAt(0))], "case.zip"));
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
}"""
#: Drop a folder of these files, which its readers hand out one entry at a time, as browsers may.
DROP_FOLDER = """files => {
    const bytes = content => Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    const folder = (name, inside) => ({
        name, isDirectory: true,
        createReader: () => {
            const left = [...new Set(Object.keys(inside).map(path => path.split("/")[0]))].map(first => {
                const below = Object.entries(inside).filter(([path]) => path.startsWith(`${first}/`));
                const short = below.map(([path, text]) => [path.slice(first.length + 1), text]);
                return below.length > 0
                    ? folder(first, Object.fromEntries(short))
                    : {name: first, isDirectory: false, file: give => give(new File([bytes(inside[first])], first))};
            });
            return {readEntries: give => give(left.splice(0, 1))};
        },
    });
    const event = new Event("drop", {cancelable: true});
    event.dataTransfer = {items: [{webkitGetAsEntry: () => folder("case", files)}], files: []};
    document.getElementById("drop").dispatchEvent(event);
}"""
HOSTILE = '<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=1</script>'


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """Return the page, opened from a disk by a browser that notes each request and each complaint."""
    path = tmp_path_factory.mktemp("page") / "verify.html"
    path.write_bytes(checking_page())
    context = browser.new_context(viewport={"width": 1000, "height": 1100})
    opened = context.new_page()
    opened.asked, opened.complaints = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.goto(path.as_uri())
    yield opened
    context.close()


class Shown:
    """What the page says of a bundle."""

    def __init__(self, page):
        page.wait_for_selector(DONE, state="attached")
        said = page.evaluate(SAID)
        self.verdict, self.found, self.checked = said["verdict"], said["found"], said["checked"]
        self.unchecked, self.signers, self.notes = said["unchecked"], said["signers"], said["notes"]

    def findings(self):
        return sorted(tuple(line.split(": ", 2)[:2]) for line in self.found)


def paste(page, trust):
    text = trust if isinstance(trust, str) else format_trust(trust.keys)
    if page.locator("#investigator-keys").input_value() != text:
        page.locator("#investigator-keys").fill(text)


def examined(page, content, trust=TRUST):
    """Give the page an archive and keys, and return what it says once it is done."""
    paste(page, trust)
    payload = {"name": "case.zip", "mimeType": "application/zip", "buffer": content}
    page.locator("#archive").set_input_files([payload])
    return Shown(page)


def in_python(content, trust=TRUST):
    """Return the verdict and the findings of the verifier."""
    report = examine_archive(io.BytesIO(content), "case.zip", trust)
    return str(report.verdict), sorted((found.code, found.file) for found in report.findings)


def edited(name, content):
    return lambda bundle: bundle.archive({**bundle.files(), name: content})


def without(name):
    return lambda bundle: bundle.archive({each: content for each, content in bundle.files().items() if each != name})


def attested(change):
    """Sign a statement that was changed by a function."""

    def make(bundle):
        statement = json.loads(base64.b64decode(json.loads(bundle.files()[ATTESTATION])["payload"]))
        change(statement)
        envelope = sign_envelope(json.dumps(statement).encode(), "application/vnd.in-toto+json", [KEY])
        return bundle.archive({**bundle.files(), ATTESTATION: envelope})

    return make


def attestation(change):
    """Change the bytes of the attestation, whose signature stays as it was."""
    return lambda bundle: bundle.archive({**bundle.files(), ATTESTATION: change(bundle.files()[ATTESTATION])})


def payload(name, content):
    def make(bundle):
        bundle.payload[name] = content
        return bundle.archive()

    return make


def custody(*changes):
    """Write a record of three lines, of which the last one keeps the exhibit, each changed so; attest the last line."""

    def make(bundle):
        lines, previous = [], NO_LINE
        for number in (1, 2, 3):
            at = f"2026-01-01T00:00:0{number}.000000Z"
            act = ("exhibit kept", EXHIBIT_ID) if number == 3 else ("commented", "x")
            lines.append(CustodyLine(number, at, "jane", *act, "complaint", previous))
            previous = lines[-1].digest
        for place, change in changes:
            lines[place] = None if change is None else replace(lines[place], **change)
        kept = [line for line in lines if line is not None]
        bundle.payload["data/custody.jsonl"] = b"".join(line.to_bytes() + b"\n" for line in kept)
        return bundle.attest(custody_lines=len(kept), custody_head=kept[-1].digest).archive()

    return make


def said(files, **changes):
    about = {"printed_name": "Rex Holm", "role": "reviewer", "meaning": "reviewed", "reason": ""}
    about |= {"attestation_sha256": sha256(files[ATTESTATION]), "case_id": "INC-1", "signer": REX.name}
    return SignOff(**{**about, "signed_at": "2026-01-03T00:00:00.000000Z", **changes})


def signed_off(**changes):
    def make(bundle):
        files = bundle.files()
        stated = said(files, **changes)
        name = sign_off_name(stated.meaning, REX.public)
        return bundle.archive({**files, name: sign_off_envelope(stated, ATTESTATION, REX)})

    return make


def zipped(name, mode=0o100644):
    def make(bundle):
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.extract_version, info.create_system, info.external_attr = 10, 3, mode << 16
        return bundle.zipped([(info, b"x")])

    return make


def stranger(bundle):
    bundle.key = STRANGER
    return bundle.attest(signer="mallory").archive()


def cut(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


#: What is done to a bundle; the page must find in each exactly what the verifier does.
ATTACKS = {
    "clean": lambda bundle: bundle.archive(),
    "a file edited": edited("data/README.html", b"<p>another story</p>"),
    "a file added": edited("data/exhibits/x.csv", b"1"),
    "a file added at the root": edited("evil.html", b"1"),
    "a file missing": without("data/environment/environment.json"),
    "the attestation missing": without(ATTESTATION),
    "the manifest edited": edited("manifest-sha256.txt", b""),
    "signed by a stranger": stranger,
    "a signature of other bytes": attestation(
        lambda content: content.replace(b'"sig":"', b'"sig":"A', 1).replace(b'=="}', b'="}')
    ),
    "the payload edited": attestation(lambda content: canonical({**json.loads(content), "payload": "e30="})),
    "the signature stripped": attestation(lambda content: canonical({**json.loads(content), "signatures": []})),
    "an envelope with a space": attestation(lambda content: content.replace(b",", b", ", 1)),
    "an envelope with a member twice": attestation(lambda content: content.replace(b"{", b'{"payload":"",', 1)),
    "an envelope with a byte order mark": attestation(lambda content: b"\xef\xbb\xbf" + content),
    "an envelope that is not UTF-8": attestation(lambda content: content.replace(b"in-toto", b"in-\xff")),
    "no subjects": attested(lambda statement: statement.update(subject=[])),
    "a subject twice": attested(lambda statement: statement["subject"].append(statement["subject"][0])),
    "another kind": attested(lambda statement: statement.update(predicateType="urn:other")),
    "a later version": attested(lambda statement: statement["predicate"].update(version=99)),
    "another case": attested(lambda statement: statement["predicate"]["case"].update(id="INC-2")),
    "another signer": lambda bundle: bundle.attest(signer="ceo@bank").archive(),
    "another notebook attested": lambda bundle: bundle.attest(
        notebook=replace(bundle.predicate.notebook, executed_sha256="0" * 64)
    ).archive(),
    "an exhibit changed": lambda bundle: payload(f"{bundle.exhibit}/table.csv", b"a\n2\n")(bundle),
    "an exhibit unlisted": payload("data/exhibits/999-x/secret.csv", b""),
    "HTML edited": edited("data/notebook/investigation.html", b""),
    "HTML of another notebook": payload("data/notebook/investigation.html", b""),
    "support missing": lambda bundle: bundle.edit_investigation(
        findings=[{"id": "F1", "claim": "c", "supported_by": ["0"], "confidence": "high"}]
    ).archive(),
    "an investigation too deep": payload("data/investigation.json", b"[" * 70),
    "custody whole": custody(),
    "a custody line changed": custody((1, {"actor": "john"})),
    "a custody line missing": custody((1, None)),
    "the first custody line missing": custody((0, None)),
    "custody with a clock turned back": custody((2, {"at": "2025-01-01T00:00:00.000000Z"})),
    "custody that is no text": payload("data/custody.jsonl", b"{}\n"),
    "custody without its last newline": payload("data/custody.jsonl", b"{}"),
    "zip slip": zipped("../evil"),
    "a drive letter": zipped("C:/evil"),
    "a name that is not portable": zipped("data/\u00e9"),
    "a device": zipped("data/nul.txt"),
    "a symbolic link": zipped("data/x", 0o120777),
    "a pipe": zipped("data/x", 0o010644),
    "data after the end": lambda bundle: bundle.archive() + b"x",
    "data before the start": lambda bundle: b"x" + bundle.archive(),
    "cut off": lambda bundle: bundle.archive()[:-30],
    "no zip": lambda _: b"hello",
    "a header changed": lambda bundle: cut(bundle.archive(), 10),
    "a checksum changed": lambda bundle: cut(bundle.archive(), bundle.archive().rindex(b"PK\x01\x02") + 16),
    "a name twice": lambda bundle: bundle.zipped([("data/x", b"1"), ("data/x", b"2")]),
    "signed off": signed_off(),
    "signed off another case": signed_off(case_id="INC-2"),
    "signed off another content": signed_off(attestation_sha256="0" * 64),
    "signed off before it was signed": signed_off(signed_at="2026-01-01T00:00:00.000000Z"),
    "signed off by the author": signed_off(printed_name="JANE "),
    "signed off by somebody else": signed_off(signer="ada@bank"),
    "rejected": signed_off(meaning="rejected", reason="The window is wrong"),
}


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_the_page_finds_what_the_verifier_finds(page):
    trust = Trust((*TRUST.keys, REX_TRUSTED))
    differing = {}
    for name, attack in ATTACKS.items():
        content = attack(Bundle())
        verdict, findings = in_python(content, trust)
        shown = examined(page, content, trust)
        assert findings or name in {"clean", "custody whole", "signed off", "rejected"}, name
        if (shown.verdict, shown.findings()) != (verdict, findings):
            differing[name] = (shown.verdict, shown.findings(), verdict, findings)
    assert differing == {}


def test_a_clean_bundle_lists_what_was_checked_and_what_was_not(page):
    shown = examined(page, Bundle().archive(), str(KEY.public))
    assert shown.verdict == "UNANCHORED"
    assert shown.signers == ["jane@bank (key id 01fd667e75a9bed2)"]
    assert len(shown.checked) == 6
    assert any(line.startswith("this page: one that came inside a bundle") for line in shown.unchecked)
    assert any("of proven rows, the disclosed values" in line for line in shown.unchecked)
    assert any("could have made it today" in line for line in shown.notes)


def test_a_time_stamp_is_left_to_the_verifier_and_anchors_nothing_here(page):
    shown = examined(page, edited("timestamp.tsr", b"1")(Bundle()))
    assert (shown.verdict, shown.found) == ("UNANCHORED", [])
    assert any(line.startswith("the time stamp in this bundle: the verifier checks it") for line in shown.unchecked)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (TrustedKey(KEY.public, "sign-off", "*"), "signature.key-not-trusted"),
        (TrustedKey(KEY.public, "investigator", "credit"), "signature.wrong-origin"),
        (TrustedKey(KEY.public, "investigator", "*", PAST), "signature.key-revoked"),
        (TrustedKey(KEY.public, "investigator", "*", valid_until=PAST), "signature.key-expired"),
    ],
)
def test_a_trust_file_limits_its_keys_here_too(page, entry, code):
    shown = examined(page, Bundle().archive(), Trust((entry,)))
    assert (shown.verdict, [found for found, _ in shown.findings()]) == ("FAILED", [code])


def test_an_end_that_is_to_come_is_noted_and_whose_key_it_is_is_told(page):
    entry = TrustedKey(KEY.public, "investigator", "*", TO_COME, person='Jane "J" Doe')
    shown = examined(page, Bundle().archive(), Trust((entry,)))
    assert (shown.verdict, shown.found) == ("UNANCHORED", [])
    assert shown.signers == ['jane@bank (key id 01fd667e75a9bed2, which is that of Jane "J" Doe by the trust file)']
    assert any("jane@bank is revoked from 2125-01-01T00:00:00Z, which is still to come" in line for line in shown.notes)
    assert not any(line.startswith("who holds") for line in shown.unchecked)


def test_without_a_holder_in_the_trust_file_that_is_not_checked(page):
    shown = examined(page, Bundle().archive())
    assert "who holds the keys that signed: what you pasted names no person for jane@bank" in shown.unchecked


def test_a_time_stamp_may_date_a_signature_before_its_key_was_revoked(page):
    revoked = Trust((TrustedKey(KEY.public, "investigator", "*", PAST),))
    shown = examined(page, edited("timestamp.tsr", b"1")(Bundle()), revoked)
    assert (shown.verdict, shown.found) == ("INCOMPLETE", [])
    assert any(line.startswith("whether jane@bank signed in time: ") for line in shown.unchecked)


def test_what_turns_the_direction_of_text_is_named(page):
    shown = examined(page, zipped("data/\u202efdp.exe")(Bundle()))
    said = "".join(shown.found)
    assert "[U+202E]fdp.exe" in said
    assert "\u202e" not in said


def test_a_signature_of_the_future_is_noted(page):
    shown = examined(page, Bundle().attest(signed_at="2125-01-01T00:00:00.000000Z").archive())
    assert any("2125-01-01T00:00:00.000000Z, which is still to come" in line for line in shown.notes)


def test_by_its_own_rule_a_bundle_that_nobody_signed_off_is_not_finished(page):
    bundle = Bundle()
    case = json.loads(bundle.payload["data/investigation.json"])["case"]
    bundle.edit_investigation(case={**case, "sign_offs": {"required": ["approved"], "persons": 2}})
    shown = examined(page, bundle.archive())
    assert any(line.startswith("By its own rule this bundle is not finished") for line in shown.notes)


def test_without_a_key_nobody_vouches_for_the_bundle(page):
    shown = examined(page, Bundle().archive(), "")
    assert (shown.verdict, shown.findings()) == ("FAILED", [("signature.key-not-trusted", ATTESTATION)])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "is not the line of a public key"),
        (str(KEY.public).replace("jane", "john"), "does not carry its own key hash"),
        (str(replace(KEY.public, raw=bytes(32))), "small order"),
        ('[[key]]\nrole = "investigator"', "lacks public, role or origin"),
        ('[[key]]\ntrusted = "yes"', "not known"),
        (format_trust([TrustedKey(KEY.public, "log", "*", person="Jane")]), "which are for persons' keys"),
        (format_trust([TrustedKey(KEY.public, "sign-off", "*", roles=("judge",))]), "no roles of a key"),
        (format_trust([TrustedKey(KEY.public, "log", "*")]) + "revoked_from = 2026-01-01", "no time with a zone"),
    ],
)
def test_what_is_no_key_is_said_to_be_none(page, text, why):
    examined(page, Bundle().archive())
    paste(page, text)
    page.wait_for_selector(DONE, state="attached")
    assert page.get_by_text("The keys are not understood").is_visible()
    assert why in page.locator("#status").text_content()
    assert page.locator("#report").is_hidden()


def test_a_folder_is_checked_as_the_archive_is(page, tmp_path):
    for name, content in {**Bundle().files(), "data/README.html": b"edited"}.items():
        (tmp_path / "case" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "case" / name).write_bytes(content)
    paste(page, TRUST)
    page.locator("#folder").set_input_files(tmp_path / "case")
    shown = Shown(page)
    assert shown.findings() == [("bundle.file-changed", "data/README.html")]
    assert any("symbolic links" in line for line in shown.unchecked)


def test_an_archive_and_a_folder_can_be_dropped(page):
    paste(page, TRUST)
    page.evaluate(DROP_FILE, base64.b64encode(Bundle().archive()).decode())
    assert Shown(page).verdict == "UNANCHORED"
    files = {**Bundle().files(), "data/README.html": b"edited"}
    page.evaluate(DROP_FOLDER, {name: base64.b64encode(content).decode() for name, content in files.items()})
    assert Shown(page).findings() == [("bundle.file-changed", "data/README.html")]
    assert page.locator("#subject").text_content() == "case (folder)"


def test_a_browser_without_ed25519_says_that_nobody_vouches_for_it(browser, tmp_path):
    (tmp_path / "verify.html").write_bytes(checking_page())
    context = browser.new_context()
    context.add_init_script(
        "crypto.subtle.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError'));"
    )
    page = context.new_page()
    page.goto((tmp_path / "verify.html").as_uri())
    shown = examined(page, Bundle().archive())
    assert (shown.verdict, shown.found, shown.signers) == ("INCOMPLETE", [], [])
    assert any("this browser cannot check Ed25519 signatures" in line for line in shown.unchecked)
    assert "signature over the exact bytes" not in "".join(shown.checked)
    context.close()


def test_keys_of_reviewers_are_pasted_as_lines(page):
    content = signed_off()(Bundle())
    assert examined(page, content).findings() == [
        ("sign-off.key-not-trusted", f"signatures/reviewed-{REX.public.key_id[:16]}.dsse.json")
    ]
    page.locator("#sign-off-keys").fill(f"# Rex, by telephone\n{REX.public}\n")
    shown = Shown(page)
    page.locator("#sign-off-keys").fill("")
    assert (shown.verdict, shown.found, len(shown.signers)) == ("UNANCHORED", [], 2)
    assert shown.signers[1].startswith("reviewed by Rex Holm, reviewer, at 2026-01-03T00:00:00.000000Z")


def test_hostile_texts_are_shown_and_run_nothing(page):
    def spoil(statement):
        statement["predicate"]["case"]["id"] = HOSTILE
        statement["subject"].append({"name": f"data/{HOSTILE}", "digest": {"sha256": "0" * 64}})

    shown = examined(page, attested(spoil)(Bundle()))
    assert ("bundle.file-missing", f"data/{HOSTILE}") in shown.findings()
    assert any("onerror" in line for line in shown.notes)
    names = examined(page, zipped(f"data/{HOSTILE}")(Bundle()))
    assert any(HOSTILE in line for line in names.found)
    assert page.locator("#report img, #report script").count() == 0
    assert page.evaluate("globalThis.ran") is None


def test_no_request_leaves_and_nothing_is_complained_of(page):
    examined(page, Bundle().archive())
    assert [url for url in page.asked if not url.startswith("file:")] == []
    assert len(page.asked) == 1
    assert page.complaints == []


def test_the_policy_allows_neither_foreign_scripts_nor_requests(page):
    refused = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "globalThis.ran = 1";
            document.body.append(script);
            const fetched = await fetch("https://example.org/").then(() => "fetched", () => "refused");
            return [fetched, globalThis.ran ?? null];
        }"""
    )
    assert refused == ["refused", None]
    page.complaints.clear()


def test_the_page_is_one_file_that_names_no_address_but_what_it_compares():
    text = checking_page().decode()
    compared = {"https://in-toto.io/Statement/v1", CONTEXT, *OUTSIDE}
    assert set(re.findall(r"https?://[^\s\"'`]+", text)) == compared
    assert "default-src 'none'; script-src 'sha256-" in text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\bon\w+=", text)
    assert text.isascii()
