"""Attacks 15 to 18, 25, 27 and 28: the notebook, its rendering, exhibits, files, custody and documents of a bundle.

Each is carried out by somebody without a key (`plain`), by somebody who signs all of it anew with a key of their own
(`stranger`), and by the one who is trusted, with reviewers who sign again what they are shown (`insider`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from attack import REFUSED, Attack
from attack_scene import (
    ATTESTATION,
    CUSTODY,
    HTML,
    INVESTIGATION,
    MALLORY,
    MANIFEST,
    NOTEBOOK,
    TAG_MANIFEST,
    TAGS,
    Files,
    Scene,
    attested,
    compact,
    resigned,
)

from audit_lab.seal.custody import CustodyLine, parse_custody
from audit_lab.seal.digests import format_manifest, parse_manifest, sha256
from audit_lab.seal.envelope import sign_envelope

Edit = Callable[[Files, Scene], object]
PICTURE = "{chart}/chart.svg"
WITHHELD = {
    "profile": "p",
    "profile_sha256": "0" * 64,
    "columns": {"x": "drop"},
    "not_searched": [],
    "investigation_sha256": "0" * 64,
}
CSV = "{table}/table.csv"
NOT_TRUSTED = f"signature.key-not-trusted {ATTESTATION}"


def plain(edit: Edit) -> Callable[[Scene], Files]:
    """Return a change that nobody signs for."""

    def change(scene: Scene) -> Files:
        files = scene.copy()
        edit(files, scene)
        return files

    return change


def stranger(edit: Edit) -> Callable[[Scene], Files]:
    """Return a change that Mallory signs for, last line of custody included."""

    def change(scene: Scene) -> Files:
        files = plain(edit)(scene)
        return resigned(files, MALLORY, with_head(files))

    return change


def insider(edit: Edit, statement: Callable[[dict], object] | None = None) -> Callable[[Scene], Files]:
    """Return a change that Jane signs for; `statement` changes what she says beside."""
    return lambda scene: resigned(plain(edit)(scene), change=statement)


def nothing(_files: Files, _scene: Scene) -> None:
    """Leave the files as they are."""


# --- edits ------------------------------------------------------------------------------------------------------------


def put(name: str, content: bytes) -> Edit:
    """Write a file."""
    return lambda files, scene: files.__setitem__(scene.name(name), content)


def gone(name: str) -> Edit:
    """Take a file out."""
    return lambda files, scene: files.pop(scene.name(name))


def replaced(name: str, old: bytes, new: bytes) -> Edit:
    """Replace a text that must be there."""

    def edit(files: Files, scene: Scene) -> None:
        at = scene.name(name)
        assert old in files[at]
        files[at] = files[at].replace(old, new)

    return edit


def both(*edits: Edit) -> Edit:
    """Do one edit after the other."""

    def edit(files: Files, scene: Scene) -> None:
        for each in edits:
            each(files, scene)

    return edit


def renamed(name: str, other: str) -> Edit:
    """Give a file another name."""
    return lambda files, scene: files.__setitem__(scene.name(other), files.pop(scene.name(name)))


def in_json(name: str, change: Callable[[dict], object]) -> Edit:
    """Change a JSON document."""

    def edit(files: Files, scene: Scene) -> None:
        value = json.loads(files[scene.name(name)])
        change(value)
        files[scene.name(name)] = json.dumps(value, ensure_ascii=False).encode()

    return edit


def in_investigation(change: Callable[[dict], object]) -> Edit:
    """Change the investigation."""
    return in_json(INVESTIGATION, change)


def in_cells(change: Callable[[list], object]) -> Edit:
    """Change the cells of the executed notebook."""
    return in_json(NOTEBOOK, lambda value: change(value["cells"]))


def named_anew(files: Files, scene: Scene) -> None:
    """Make the HTML name the notebook that now stands beside it."""
    mark = sha256(scene.files[NOTEBOOK]).encode()
    assert mark in files[HTML]
    files[HTML] = files[HTML].replace(mark, sha256(files[NOTEBOOK]).encode())


def listed_anew(files: Files, _scene: Scene) -> None:
    """Make the investigation give the digests that its exhibits' files now have, and not their ids."""
    value = json.loads(files[INVESTIGATION])
    for exhibit in value["exhibits"]:
        for file in exhibit["files"]:
            file["sha256"] = sha256(files[f"data/{file['path']}"])
    files[INVESTIGATION] = json.dumps(value).encode()


def identified_anew(files: Files, scene: Scene) -> None:
    """Make the investigation name its exhibits by the digests that their files now have, and custody too."""
    text = files[INVESTIGATION].decode()
    value = json.loads(text)
    names = {}
    for exhibit in value["exhibits"]:
        digests = {file["name"]: sha256(files[f"data/{file['path']}"]) for file in exhibit["files"]}
        for file in exhibit["files"]:
            file["sha256"] = digests[file["name"]]
        old, exhibit["id"] = exhibit["id"], sha256(format_manifest(digests))
        names[old] = exhibit["id"]
        for finding in value["findings"]:
            finding["supported_by"] = [exhibit["id"] if each == old else each for each in finding["supported_by"]]
    files[INVESTIGATION] = json.dumps(value).encode()
    in_custody(kept_as(names), chained=True)(files, scene)


def kept_as(names: Mapping[str, str]) -> Callable[[list[CustodyLine]], object]:
    """Return the change of custody that lets exhibits have been kept under other ids."""

    def change(lines: list[CustodyLine]) -> None:
        lines[:] = [replace(line, subject=names.get(line.subject, line.subject)) for line in lines]

    return change


def withhold(value: dict) -> None:
    """Let the first exhibit say that something was withheld from it."""
    value["exhibits"][0]["redacted_from"] = value["exhibits"][0]["id"]


def withhold_of_none(value: dict) -> None:
    """Let the first exhibit say that it was made from one that the case does not have."""
    value["exhibits"][0]["redacted_from"] = "0" * 64


def of_version_1(statement: dict) -> None:
    """Make a statement one of version 1."""
    for member in ("rows", "redaction", "models"):
        del statement["predicate"][member]
    statement["predicate"]["version"] = 1
    statement["predicateType"] = "urn:audit-lab:predicate:investigation:1"


def edit_output(cells: list) -> None:
    """Make a cell have printed something else."""
    cells[2]["outputs"][0]["text"] = ["rows: 11\n"]


def edit_source(cells: list) -> None:
    """Make a cell say something else than what printed its output."""
    cells[2]["source"] = ["print('rows:', 11)"]


def delete_cell(cells: list) -> None:
    """Take a cell out."""
    del cells[1]


def forge_counts(cells: list) -> None:
    """Make the cells seem to have run in another order."""
    cells[1]["execution_count"] = cells[1]["outputs"][0]["execution_count"] = 2
    cells[2]["execution_count"] = 1


# --- custody ----------------------------------------------------------------------------------------------------------


def in_custody(change: Callable[[list[CustodyLine]], object], *, chained: bool = False) -> Edit:
    """Change the lines of the custody record, and chain them anew where asked to."""

    def edit(files: Files, _scene: Scene) -> None:
        lines = list(parse_custody(files[CUSTODY], CUSTODY))
        change(lines)
        if chained:
            before, again = "0" * 64, []
            for number, line in enumerate(lines, start=1):
                again.append(CustodyLine(**{**line.__dict__, "number": number, "previous": before}))
                before = again[-1].digest
            lines = again
        files[CUSTODY] = b"".join(line.to_bytes() + b"\n" for line in lines)

    return edit


def with_head(files: Files) -> Callable[[dict], object]:
    """Return the change of a statement that makes it name the last custody line of these files."""
    lines = files[CUSTODY].removesuffix(b"\n").split(b"\n")
    return lambda said: said["predicate"].update(custody={"lines": len(lines), "head": sha256(lines[-1])})


def insider_with_head(edit: Edit) -> Callable[[Scene], Files]:
    """Return a change of custody that Jane signs for, last line included."""

    def change(scene: Scene) -> Files:
        files = plain(edit)(scene)
        return resigned(files, change=with_head(files))

    return change


def line_with(place: int, **changes: object) -> Callable[[list[CustodyLine]], object]:
    """Return the change of one custody line."""

    def change(lines: list[CustodyLine]) -> None:
        lines[place] = CustodyLine(**{**lines[place].__dict__, **changes})

    return change


def of_first_format(lines: list[CustodyLine]) -> None:
    """Make the last line one that does not say which files it changed."""
    line_with(-1, changes=None)(lines)


def of_both_formats(lines: list[CustodyLine]) -> None:
    """Make every line but the last one that does not say which files it changed."""
    for place in range(len(lines) - 1):
        line_with(place, changes=None)(lines)


def in_line(place: int, change: Callable[[dict], object]) -> Edit:
    """Change the JSON of one custody line."""

    def edit(files: Files, _scene: Scene) -> None:
        lines = files[CUSTODY].split(b"\n")
        value = json.loads(lines[place])
        change(value)
        lines[place] = compact(value)
        files[CUSTODY] = b"\n".join(lines)

    return edit


def in_change(**values: object) -> Edit:
    """Change what the first custody line says of the file that it changed."""
    return in_line(0, lambda line: line["changes"][0].update(values))


# --- tag files --------------------------------------------------------------------------------------------------------


_TAG_FILES = {"manifest": MANIFEST, "declaration": "bagit.txt", "info": "bag-info.txt"}


def with_tags(**changed: Callable[[bytes], bytes]) -> Callable[[Scene], Files]:
    """Return a bundle whose tag files Jane got wrong, with a tag manifest and a signature that fit them."""

    def change(scene: Scene) -> Files:
        files = scene.copy()
        for what, edit in changed.items():
            if what != "tags":
                files[_TAG_FILES[what]] = edit(files[_TAG_FILES[what]])
        files[TAG_MANIFEST] = format_manifest({name: sha256(files[name]) for name in TAGS})
        if "tags" in changed:
            files[TAG_MANIFEST] = changed["tags"](files[TAG_MANIFEST])
        return attested(files)

    return change


def listing(change: Callable[[dict[str, str]], object]) -> Callable[[bytes], bytes]:
    """Change what a manifest lists."""

    def edit(content: bytes) -> bytes:
        listed = parse_manifest(content, MANIFEST)
        change(listed)
        return format_manifest(listed)

    return edit


# --- the rows ---------------------------------------------------------------------------------------------------------


def by_each(number: int, what: str, edit: Edit, file: str, fit: Edit = nothing) -> Iterator[Attack]:
    """Yield an attack on one file, by somebody without a key, and by a stranger who makes all else `fit` it."""
    yield Attack(number, f"{what}; nothing signed", plain(edit), (f"bundle.file-changed {file}",))
    yield Attack(number, f"{what}; all signed by a stranger", stranger(both(edit, fit)), (NOT_TRUSTED,))


def _notebook_attacks() -> Iterator[Attack]:
    for what, change in (
        ("an output edited", edit_output),
        ("a source edited, its output kept", edit_source),
        ("a cell deleted", delete_cell),
        ("execution counts forged", forge_counts),
    ):
        edit = in_cells(change)
        yield from by_each(15, what, edit, NOTEBOOK, named_anew)
        yield Attack(
            15,
            f"{what}; signed by the trusted key, HTML kept",
            insider(edit),
            (f"notebook.rendering-of-another {HTML}",),
        )
    yield Attack(
        15,
        "another notebook than the attested one; signed by the trusted key",
        insider(in_cells(edit_output), lambda said: said["predicate"]["notebook"].update(executed_sha256="0" * 64)),
        (f"notebook.other-notebook {NOTEBOOK}", f"notebook.rendering-of-another {HTML}"),
    )
    for what, name in (("notebook", NOTEBOOK), ("HTML", HTML)):
        yield Attack(15, f"{what} left out; nothing signed", plain(gone(name)), (f"bundle.file-missing {name}",))
    yield Attack(
        15,
        "notebook left out; signed by the trusted key",
        insider(gone(NOTEBOOK)),
        (f"notebook.missing {ATTESTATION}",),
    )
    yield Attack(
        15,
        "HTML left out; signed by the trusted key",
        insider(gone(HTML)),
        (f"notebook.missing {ATTESTATION}",),
    )
    yield Attack(
        15,
        "notebook slipped in that nobody attested; signed by the trusted key",
        insider(nothing, lambda said: said["predicate"].update(notebook=None)),
        (f"notebook.not-attested {HTML}", f"notebook.not-attested {NOTEBOOK}"),
    )


def _rendering_attacks() -> Iterator[Attack]:
    edit = replaced(HTML, b"rows: 10", b"rows: 11")
    yield from by_each(16, "HTML edited, notebook intact", edit, HTML)
    yield Attack(
        16,
        "HTML edited after it was attested; signed by the trusted key",
        insider(edit, lambda said: said["predicate"]["notebook"].update(html_sha256="0" * 64)),
        (f"notebook.other-rendering {HTML}",),
    )
    other = replaced(HTML, b'notebook-sha256" content="', b'notebook-sha256" content="0')
    yield Attack(
        16,
        "HTML of another notebook; signed by the trusted key",
        insider(other),
        (f"notebook.rendering-of-another {HTML}",),
    )

    def late(files: Files, _scene: Scene) -> None:
        mark = files[HTML][files[HTML].index(b'<meta name="audit-lab-notebook') :].partition(b">")[0] + b">"
        files[HTML] = files[HTML].replace(mark, b"") + b" " * (1 << 16) + mark

    yield Attack(
        16,
        "HTML that names its notebook where nobody reads it; signed by the trusted key",
        insider(late),
        (f"notebook.rendering-of-another {HTML}",),
    )
    pdf = "data/notebook/investigation.pdf"
    yield Attack(
        16,
        "PDF of another notebook; signed by the trusted key",
        insider(put(pdf, b"%PDF-1.7 (audit-lab-notebook-sha256 " + b"0" * 64 + b")")),
        (f"notebook.rendering-of-another {pdf}",),
    )
    yield Attack(
        16,
        "PDF where no notebook was attested; signed by the trusted key",
        insider(
            both(gone(NOTEBOOK), gone(HTML), put(pdf, b"%PDF")), lambda said: said["predicate"].update(notebook=None)
        ),
        (f"notebook.not-attested {pdf}",),
    )
    yield from by_each(
        16, "the page to read first edited", put("data/README.html", b"<p>All is well.</p>"), "data/README.html"
    )


def _exhibit_attacks() -> Iterator[Attack]:
    swapped = put(PICTURE, b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    yield from by_each(17, "an exhibit's picture swapped, its data kept", swapped, PICTURE, identified_anew)
    yield Attack(
        17,
        "a picture swapped; signed by the trusted key",
        insider(swapped),
        (f"case.exhibit-file-wrong {PICTURE}",),
    )
    yield Attack(
        17,
        "a picture swapped, and its digest; signed by the trusted key",
        insider(both(swapped, listed_anew)),
        (f"case.exhibit-id-wrong {INVESTIGATION}",),
    )
    yield from by_each(17, "a table edited", put(CSV, b"carrier,rows\nAA,10\nUS,9\n"), CSV, identified_anew)
    yield Attack(17, "an exhibit's file left out; nothing signed", plain(gone(CSV)), (f"bundle.file-missing {CSV}",))
    yield Attack(
        17,
        "an exhibit's file left out; signed by the trusted key",
        insider(gone(CSV)),
        (f"case.exhibit-file-missing {CSV}",),
    )
    yield Attack(
        17,
        "an exhibit without files; signed by the trusted key",
        insider(in_investigation(lambda value: value["exhibits"][0].update(files=[], id=sha256(b"")))),
        (
            f"case.exhibit-id-wrong {INVESTIGATION}",
            f"case.exhibit-not-kept {INVESTIGATION}",
            f"case.exhibit-unlisted {CSV}",
            "case.exhibit-unlisted {table}/table.parquet",
            f"case.support-missing {INVESTIGATION}",
        ),
    )
    for where in ("exhibits", "rows"):
        stray = f"data/{where}/999-x/secret.csv"
        yield Attack(
            17,
            f"a file among the {where} that no exhibit owns; signed by the trusted key",
            insider(put(stray, b"x")),
            (f"case.exhibit-unlisted {stray}",),
        )
    yield Attack(
        17,
        "a file among the rows of the log, in the version that had none; signed by the trusted key",
        insider(put("data/rows/log/0001-x.parquet", b"x"), of_version_1),
        ("case.exhibit-unlisted data/rows/log/0001-x.parquet",),
    )
    yield Attack(
        17,
        "an exhibit that withholds something, and no redaction attested; signed by the trusted key",
        insider(in_investigation(withhold)),
        (f"case.redaction-not-attested {INVESTIGATION}",),
    )
    yield Attack(
        17,
        "an exhibit made from one that the case does not have, as is attested; signed by the trusted key",
        insider(in_investigation(withhold_of_none), lambda said: said["predicate"].update(redaction=WITHHELD)),
        (f"case.exhibit-not-kept {INVESTIGATION}",),
    )
    yield Attack(
        17,
        "an exhibit made from one that the case does not have; nothing signed",
        plain(in_investigation(withhold_of_none)),
        (f"bundle.file-changed {INVESTIGATION}",),
    )
    for what, changes in (
        ("kept under another id", {"subject": "0" * 64}),
        ("kept by somebody else", {"actor": "mallory"}),
        ("kept at another time", {"at": "2026-01-01T00:00:01.500000Z"}),
        ("not kept, but looked at", {"action": "exhibit seen"}),
    ):
        yield Attack(
            17,
            f"an exhibit that was {what} by custody; signed by the trusted key",
            insider_with_head(in_custody(line_with(1, **changes), chained=True)),
            (f"case.exhibit-not-kept {INVESTIGATION}",),
        )
    yield Attack(
        17,
        "a finding that rests on no exhibit; signed by the trusted key",
        insider(in_investigation(lambda value: value["findings"][0].update(supported_by=["0" * 64]))),
        (f"case.support-missing {INVESTIGATION}",),
    )


def _file_attacks() -> Iterator[Attack]:
    for name in (
        "data/x",
        "evil.html",
        "data/notebook/investigation.pdf",
        "signatures/x.dsse.json",
        "signatures/reviewed-0123456789abcdef.dsse.json.html",
        "signatures/a",
        "manifest-md5.txt",
    ):
        yield Attack(18, f"file added: {name}", plain(put(name, b"x")), (f"bundle.file-added {name}",))
    yield Attack(
        18,
        "file added, and put into the manifests",
        lambda scene: tagged_only({**scene.files, "data/x": b"x"}),
        (
            "bundle.file-added data/x",
            "bundle.file-changed bag-info.txt",
            f"bundle.file-changed {MANIFEST}",
            f"bundle.file-changed {TAG_MANIFEST}",
        ),
    )
    for name in ("bagit.txt", "bag-info.txt", MANIFEST, TAG_MANIFEST, CUSTODY, INVESTIGATION, "data/README.html"):
        yield Attack(18, f"file missing: {name}", plain(gone(name)), (f"bundle.file-missing {name}",))
    yield Attack(
        18,
        "file renamed",
        plain(renamed("data/README.html", "data/README2.html")),
        ("bundle.file-added data/README2.html", "bundle.file-missing data/README.html"),
    )
    yield Attack(18, "several at once", several, SEVERAL)
    yield from (
        Attack(18, f"{what}; nothing signed", plain(put(name, b"")), (f"bundle.file-changed {name}",))
        for what, name in (("empty manifest", MANIFEST), ("empty tag manifest", TAG_MANIFEST))
    )
    tags = {
        "empty manifest": (with_tags(manifest=lambda _: b""), f"manifest.empty {MANIFEST}"),
        "empty tag manifest": (with_tags(tags=lambda _: b""), f"manifest.empty {TAG_MANIFEST}"),
        "manifest that leaves a file out": (
            with_tags(manifest=listing(lambda listed: listed.pop("data/README.html"))),
            f"bag.manifest-incomplete {MANIFEST}",
        ),
        "manifest that lists more": (
            with_tags(manifest=listing(lambda listed: listed.update({"data/x": "0" * 64}))),
            f"bag.manifest-incomplete {MANIFEST}",
        ),
        "manifest with another digest": (
            with_tags(manifest=listing(lambda listed: listed.update({CUSTODY: "0" * 64}))),
            f"bag.manifest-wrong {MANIFEST}",
        ),
        "tag manifest with another digest": (
            with_tags(tags=listing(lambda listed: listed.update({"bagit.txt": "0" * 64}))),
            f"bag.manifest-wrong {TAG_MANIFEST}",
        ),
        "tag manifest that leaves a file out": (
            with_tags(tags=listing(lambda listed: listed.pop("bagit.txt"))),
            f"bag.manifest-incomplete {TAG_MANIFEST}",
        ),
        "manifest that lists a file twice": (
            with_tags(manifest=lambda content: content.split(b"\n")[0] + b"\n" + content),
            f"manifest.duplicate-name {MANIFEST}",
        ),
        "manifest that is not sorted": (
            with_tags(manifest=lambda content: b"\n".join([*content.split(b"\n")[-2::-1], b""])),
            f"manifest.malformed {MANIFEST}",
        ),
        "manifest without its last newline": (
            with_tags(manifest=lambda content: content[:-1]),
            f"manifest.malformed {MANIFEST}",
        ),
        "manifest of another form": (
            with_tags(manifest=lambda content: content.replace(b"  ", b" *")),
            f"manifest.malformed {MANIFEST}",
        ),
        "manifest that is not UTF-8": (
            with_tags(manifest=lambda content: content + b"0" * 64 + b"  \xff\n"),
            f"manifest.malformed {MANIFEST}",
        ),
        "bag of another version": (
            with_tags(declaration=lambda content: content.replace(b"1.0", b"0.97")),
            "bag.declaration bagit.txt",
        ),
        "another payload size": (
            with_tags(info=lambda content: content.replace(b"Oxum: ", b"Oxum: 1")),
            "bag.payload-size bag-info.txt",
        ),
    }
    yield from (
        Attack(18, f"{what}; signed by the trusted key", change, (found,)) for what, (change, found) in tags.items()
    )
    for what, name, found in (
        ("no manifest", MANIFEST, f"manifest.empty {MANIFEST}"),
        ("no tag manifest", TAG_MANIFEST, f"manifest.empty {TAG_MANIFEST}"),
        ("no payload size", "bag-info.txt", "bag.payload-size bag-info.txt"),
        ("no bag", "bagit.txt", "bag.declaration bagit.txt"),
    ):
        yield Attack(
            18,
            f"{what}; signed by the trusted key",
            lambda scene, name=name: attested(plain(gone(name))(scene)),
            (found,),
        )


def tagged_only(files: Files) -> Files:
    """Return the files with manifests that fit, under the old signature."""
    from attack_scene import tagged

    return tagged(files)


def several(scene: Scene) -> Files:
    """Change two files and take one out."""
    files = scene.copy()
    files["data/README.html"] = files[CUSTODY] = b"x"
    del files["bagit.txt"]
    return files


SEVERAL = ("bundle.file-changed data/README.html", f"bundle.file-changed {CUSTODY}", "bundle.file-missing bagit.txt")


def _custody_attacks() -> Iterator[Attack]:
    edits = {
        "a line edited": (in_custody(line_with(1, why="another reason")), "line-changed"),
        "a line removed": (in_custody(lambda lines: lines.pop(1)), "line-missing"),
        "the first line removed": (in_custody(lambda lines: lines.pop(0)), "line-missing"),
        "two lines swapped": (in_custody(lambda lines: lines.insert(1, lines.pop(2))), "line-moved"),
        "a line repeated": (in_custody(lambda lines: lines.insert(1, lines[1])), "line-repeated"),
        "the first line bound to another record": (in_custody(line_with(0, previous="1" * 64)), "line-changed"),
        "the clock rolled back": (
            in_custody(line_with(2, at="2025-12-31T00:00:00.000000Z"), chained=True),
            "time-out-of-order",
        ),
        "a line of the old format among new ones": (in_custody(of_first_format, chained=True), "line-changed"),
        "the last line ends within": (replaced(CUSTODY, b"}\n", b"}"), "malformed"),
        "no line at all": (put(CUSTODY, b""), "malformed"),
        "a line with spaces": (replaced(CUSTODY, b'"actor":', b'"actor": '), "malformed"),
        "a line of another format": (in_line(1, lambda line: line.update(format="audit_lab.custody/9")), "malformed"),
        "a line with a number for a text": (in_line(1, lambda line: line.update(why=7)), "malformed"),
        "a line with a text for a number": (in_line(1, lambda line: line.update(number="2")), "malformed"),
        "a line whose number is a truth": (in_line(0, lambda line: line.update(number=True)), "malformed"),
        "a line before the first": (in_line(0, lambda line: line.update(number=0)), "malformed"),
        "a line bound to no digest": (in_line(1, lambda line: line.update(previous="x")), "malformed"),
        "a line without a time": (in_line(1, lambda line: line.update(at="yesterday")), "malformed"),
        "a line at no day": (in_line(1, lambda line: line.update(at="2026-02-30T00:00:00.000000Z")), "malformed"),
        "changes that are no list": (in_line(0, lambda line: line.update(changes={})), "malformed"),
        "changes that are an object": (in_line(0, lambda line: line.update(changes={"file": "x"})), "malformed"),
        "a line removed, and one of the old format": (
            in_custody(lambda lines: (lines.pop(1), of_first_format(lines))),
            "line-missing",
        ),
        "a change of nothing": (in_change(before=None, after=None), "malformed"),
        "a change to the same": (in_change(before="1" * 64, after="1" * 64), "malformed"),
        "a change to no digest": (in_change(after="x"), "malformed"),
        "a change to a number": (in_change(after=7), "malformed"),
        "a change of no file": (in_change(file=7), "malformed"),
        "a file changed twice by one line": (
            in_line(0, lambda line: line["changes"].append(line["changes"][0])),
            "malformed",
        ),
    }
    for what, (edit, code) in edits.items():
        yield Attack(
            25,
            f"custody: {what}; signed by the trusted key",
            insider_with_head(edit),
            (f"custody.{code} {CUSTODY}",),
        )
    yield from by_each(25, "custody: a line edited", in_custody(line_with(-1, why="another reason")), CUSTODY)
    for what, said in (("lines", {"lines": 1}), ("head", {"head": "0" * 64})):
        yield Attack(
            25,
            f"custody: other {what} than attested; signed by the trusted key",
            insider(nothing, lambda statement, said=said: statement["predicate"]["custody"].update(said)),
            (f"custody.other-head {CUSTODY}",),
        )
    yield Attack(
        25,
        "custody: it ends after the time of the signature",
        insider(nothing, lambda statement: statement["predicate"].update(signed_at="2025-01-01T00:00:00.000000Z")),
        (f"custody.time-out-of-order {CUSTODY}",),
    )
    yield Attack(
        25,
        "custody: a line without members, and one that is no JSON",
        insider_with_head(
            both(in_line(0, lambda line: line.clear()), replaced(CUSTODY, b'{"action":"conc', b'{action":"conc'))
        ),
        (f"json.member-missing {CUSTODY}", f"json.not-json {CUSTODY}"),
    )


HOSTILE_JSON = {
    "a byte order mark": (lambda content: b"\xef\xbb\xbf" + content, "json.byte-order-mark"),
    "invalid UTF-8": (lambda content: content.replace(b'"', b'"\xff', 1), "json.not-utf8"),
    "a member twice": (lambda content: content.replace(b"{", b'{"x":1,"x":2,', 1), "json.duplicate-member"),
    "deep nesting": (lambda _: b"[" * 100_000 + b"]" * 100_000, "json.too-deep"),
    "nesting in members": (lambda _: b'{"a":' * 65 + b"1" + b"}" * 65, "json.too-deep"),
    "a huge integer": (lambda content: content.replace(b"{", b'{"x":' + b"9" * 5000 + b",", 1), "json.number-too-big"),
    "a negative huge integer": (
        lambda content: content.replace(b"{", b'{"x":-10000000000000000,', 1),
        "json.number-too-big",
    ),
    "a huge float": (lambda content: content.replace(b"{", b'{"x":1e999,', 1), "json.number-too-big"),
    "a huge negative float": (lambda content: content.replace(b"{", b'{"x":-1e999,', 1), "json.number-too-big"),
    "a NaN": (lambda content: content.replace(b"{", b'{"x":NaN,', 1), "json.not-json"),
    "half a surrogate pair": (lambda content: content.replace(b"{", b'{"x":"\\ud800",', 1), "json.lone-surrogate"),
    "nothing": (lambda _: b"", "json.not-json"),
    "half of it": (lambda content: content[: len(content) // 2], "json.not-json"),
    "a list": (lambda _: b"[]", "json.not-an-object"),
    "a member that nobody knows": (lambda content: content.replace(b"{", b'{"x":1,', 1), "json.member-unknown"),
    "no members": (lambda _: b"{}", "json.member-missing"),
}


def hostile_payload(scene: Scene, edit: Callable[[bytes], bytes]) -> Files:
    """Return the clean bundle with a statement of hostile bytes, signed by the trusted key."""
    files = scene.copy()
    payload = base64.b64decode(json.loads(files[ATTESTATION])["payload"])
    from attack_scene import IN_TOTO, JANE

    return {**files, ATTESTATION: sign_envelope(edit(payload), IN_TOTO, [JANE])}


def _json_attacks() -> Iterator[Attack]:
    for what, (edit, code) in HOSTILE_JSON.items():

        def investigation(files: Files, _scene: Scene, edit: Callable[[bytes], bytes] = edit) -> None:
            files[INVESTIGATION] = edit(files[INVESTIGATION])

        yield Attack(
            28,
            f"investigation of {what}; signed by the trusted key",
            insider(investigation),
            (f"{code} {INVESTIGATION}",),
        )
        yield Attack(
            28,
            f"envelope of {what}",
            lambda scene, edit=edit: {**scene.files, ATTESTATION: edit(scene.files[ATTESTATION])},
            (f"{code} {ATTESTATION}",),
            REFUSED,
        )
        yield Attack(
            28,
            f"statement of {what}; signed by the trusted key",
            lambda scene, edit=edit: hostile_payload(scene, edit),
            (f"{code} {ATTESTATION}",),
            REFUSED,
        )
    yield Attack(
        28,
        "document of 17 MB",
        plain(put(CUSTODY, b" " * (17 << 20))),
        (f"archive.document-too-large {CUSTODY}",),
        REFUSED,
    )


def _case_attacks() -> Iterator[Attack]:
    changes = {
        "of another version": (lambda value: value.update(version=9), "case.version-unknown"),
        "of another format": (lambda value: value.update(format="other"), "case.version-unknown"),
        "of another case": (lambda value: value["case"].update(id="INC-2"), "case.other-case"),
        "of another question": (lambda value: value["case"].update(question="How?"), "case.other-case"),
        "of another log": (lambda value: value["log"].update(origin="credit"), "case.other-case"),
        "of another state of the log": (lambda value: value["log"].update(manifest_sha256="0"), "case.other-case"),
        "of another checkpoint": (lambda value: value["log"].update(checkpoint="flights\n7\n"), "case.other-case"),
        "whose exhibits are no list": (lambda value: value.update(exhibits={}), "case.malformed"),
        "whose exhibit is a number": (lambda value: value.update(exhibits=[1]), "json.not-an-object"),
        "whose case is no object": (lambda value: value.update(case=[]), "case.malformed"),
        "whose log is no object": (lambda value: value.update(log=7), "case.malformed"),
        "whose files are no list": (lambda value: value["exhibits"][0].update(files=7), "case.malformed"),
        "whose findings are no list": (lambda value: value.update(findings=7), "case.malformed"),
        "whose exhibit has more members": (lambda value: value["exhibits"][0].update(x=1), "json.member-unknown"),
        "whose file has more members": (
            lambda value: value["exhibits"][0]["files"][0].update(x=1),
            "json.member-unknown",
        ),
        "whose finding has more members": (lambda value: value["findings"][0].update(x=1), "json.member-unknown"),
        "whose finding is a text": (lambda value: value.update(findings=["x"]), "json.not-an-object"),
    }
    for what, (change, code) in changes.items():
        yield Attack(
            28,
            f"investigation {what}; signed by the trusted key",
            insider(in_investigation(change)),
            (f"{code} {INVESTIGATION}",),
        )
    yield Attack(
        18,
        "no investigation; signed by the trusted key",
        insider(gone(INVESTIGATION)),
        (f"case.investigation-missing {INVESTIGATION}",),
    )
    yield Attack(
        18,
        "no custody record; signed by the trusted key",
        insider(gone(CUSTODY)),
        (f"custody.malformed {CUSTODY}",),
    )


ATTACKS = (
    *_notebook_attacks(),
    *_rendering_attacks(),
    *_exhibit_attacks(),
    *_file_attacks(),
    *_custody_attacks(),
    *_json_attacks(),
    *_case_attacks(),
)
