"""Attack 22: an archive or a folder that is not safely what it claims to be: refused before any of it is read."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from attack import FAILED, REFUSED, Attack
from attack_scene import ATTESTATION, CUSTODY, Scene, archived

from audit_lab.seal.stored_zip import CENTRAL, END, StoredEntry, central_header, end_record, local_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

WHOLE = "(the archive)"
README = "data/README.html"
FIRST = ATTESTATION
COUNT_TOO_LARGE = 10_001


def packed(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """Return an archive like ours of entries that need not be sorted, nor differ."""
    body, directory, at = [], [], 0
    for name, content in entries:
        entry = StoredEntry(name, zlib.crc32(content), len(content), at)
        body += [local_header(entry), content]
        directory.append(central_header(entry))
        at = entry.end
    return b"".join([*body, *directory, end_record(len(directory), sum(map(len, directory)), at)])


def with_files(*added: tuple[str, bytes]) -> Callable[[Scene], bytes]:
    """Return the clean archive with more entries, sorted in."""
    return lambda scene: packed(sorted([*scene.files.items(), *added], key=lambda entry: entry[0]))


def named(name: str) -> Callable[[Scene], bytes]:
    """Return the clean archive with one more entry of a hostile name."""
    return with_files((name, b"evil"))


def record_of(content: bytes, name: str) -> int:
    """Return where an entry's record in the directory begins."""
    return content.rindex(name.encode()) - CENTRAL.size


def in_record(name: str, at: int, form: str, *values: int) -> Callable[[Scene], bytes]:
    """Return the clean archive with some bytes of an entry's record in the directory replaced."""

    def change(scene: Scene) -> bytes:
        content = bytearray(archived(scene.files))
        struct.pack_into(form, content, record_of(bytes(content), name) + at, *values)
        return bytes(content)

    return change


def with_mode(mode: int) -> Callable[[Scene], bytes]:
    """Return the clean archive with the page to read first being something of another kind."""
    return in_record(README, 38, "<I", mode << 16)


def in_header(name: str, at: int, value: int) -> Callable[[Scene], bytes]:
    """Return the clean archive with one byte of an entry's local header changed."""

    def change(scene: Scene) -> bytes:
        content = bytearray(archived(scene.files))
        content[content.index(name.encode() + scene.files[name][:20]) - 30 + at] ^= value
        return bytes(content)

    return change


def in_end(at: int, form: str, *values: int) -> Callable[[Scene], bytes]:
    """Return the clean archive with some bytes of its end record replaced."""

    def change(scene: Scene) -> bytes:
        content = bytearray(archived(scene.files))
        struct.pack_into(form, content, len(content) - END.size + at, *values)
        return bytes(content)

    return change


def deflated(scene: Scene) -> bytes:
    """Return the clean archive with a bomb: 42 MB of nothing in 42 kB."""
    return written_by_zipfile(scene, "the-bomb", zipfile.ZIP_DEFLATED, bytes(42_000_000))


def written_by_zipfile(scene: Scene, name: str, method: int, added: bytes) -> bytes:
    """Return an archive that another program wrote, all of it as an export writes it but for one entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for each, content in sorted({**scene.files, name: added}.items()):
            info = zipfile.ZipInfo(each, (1980, 1, 1, 0, 0, 0))
            info.extract_version, info.create_system, info.external_attr = 10, 3, 0o100644 << 16
            info.compress_type = method if each == name else zipfile.ZIP_STORED
            file.writestr(info, content)
    content = bytearray(buffer.getvalue())
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 4] = 20
        content[at + 6] = 10
    return bytes(content)


def encrypted(scene: Scene) -> bytes:
    """Return the clean archive with an entry that says that it is encrypted, in both headers."""
    content = bytearray(in_header(README, 6, 1)(scene))
    content[record_of(bytes(content), README) + 8] |= 1
    return bytes(content)


def with_extra(scene: Scene) -> bytes:
    """Return the clean archive with PKWARE's Unix field of a hard link on an entry, offsets and counts made to fit."""
    content = archived(scene.files)
    at = record_of(content, README)
    extra = struct.pack("<HH", 0x000D, 12 + 11) + bytes(12) + b"/etc/passwd"
    record = bytearray(content[at : at + CENTRAL.size]) + README.encode() + extra
    struct.pack_into("<H", record, 30, len(extra))
    end = list(END.unpack(content[-END.size :]))
    end[5] += len(extra)
    return content[:at] + bytes(record) + content[at + CENTRAL.size + len(README) : -END.size] + END.pack(*end)


def with_comment(scene: Scene) -> bytes:
    """Return the clean archive with a comment on an entry, counts made to fit."""
    content = archived(scene.files)
    at = record_of(content, README) + CENTRAL.size + len(README)
    changed = bytearray(content[:at] + b"note" + content[at:])
    struct.pack_into("<H", changed, record_of(content, README) + 32, 4)
    struct.pack_into("<I", changed, len(changed) - 10, struct.unpack_from("<I", content, len(content) - 10)[0] + 4)
    return bytes(changed)


def moved(scene: Scene, lead: bytes, hidden: bytes, tail: bytes) -> bytes:
    """Return the clean archive with bytes before the first entry, before the second and behind the last."""
    body, directory, at = [lead], [], len(lead)
    for place, name in enumerate(sorted(scene.files)):
        if place == 1:
            body.append(hidden)
            at += len(hidden)
        content = scene.files[name]
        entry = StoredEntry(name, zlib.crc32(content), len(content), at)
        body += [local_header(entry), content]
        directory.append(central_header(entry))
        at = entry.end
    return b"".join([*body, tail, *directory, end_record(len(directory), sum(map(len, directory)), at + len(tail))])


def with_checksum(name: str) -> Callable[[Scene], bytes]:
    """Return the clean archive with a checksum that is not the entry's, the same in both headers."""

    def change(scene: Scene) -> bytes:
        content = bytearray(in_record(name, 16, "<I", 7)(scene))
        struct.pack_into("<I", content, content.index(name.encode() + scene.files[name][:20]) - 16, 7)
        return bytes(content)

    return change


def smaller(scene: Scene) -> bytes:
    """Return the clean archive whose last entry says in both headers that it is shorter than it is."""
    name = max(scene.files)
    content = bytearray(in_record(name, 20, "<2I", 7, 7)(scene))
    struct.pack_into("<2I", content, content.index(name.encode() + scene.files[name][:20]) - 12, 7, 7)
    return bytes(content)


def overlapping(scene: Scene) -> bytes:
    """Return the clean archive with the second entry's record pointing at the first entry."""
    return in_record("bag-info.txt", 42, "<I", 0)(scene)


def cut(end: int) -> Callable[[Scene], bytes]:
    """Return the clean archive without its last bytes."""
    return lambda scene: archived(scene.files)[:-end]


def directory_cut(size_bytes: int) -> Callable[[Scene], bytes]:
    """Return the clean archive with a directory that ends within a record, the end record made to fit."""

    def change(scene: Scene) -> bytes:
        content = archived(scene.files)
        end = list(END.unpack(content[-END.size :]))
        end[5] -= size_bytes
        return content[: -END.size - size_bytes] + END.pack(*end)

    return change


class Shrinking(io.BytesIO):
    """An archive that somebody cuts short while it is read: where the bytes of a file were, there are none."""

    gone_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read, and find nothing where the file should be that is so large."""
        return b"" if size == self.gone_bytes else super().read(size)


def shrinking(scene: Scene) -> Callable[[], BinaryIO]:
    """Return a function that opens the clean archive, which loses the page to read first."""

    def opened() -> BinaryIO:
        file = Shrinking(archived(scene.files))
        file.gone_bytes = len(scene.files[README])
        return file

    return opened


def many_entries(declared: int) -> Callable[[Scene], bytes]:
    """Return an archive of 10,001 empty files that declares so many."""

    def change(_scene: Scene) -> bytes:
        content = packed((f"data/{number:05}", b"") for number in range(COUNT_TOO_LARGE))
        end = list(END.unpack(content[-END.size :]))
        end[3] = end[4] = declared
        return content[: -END.size] + END.pack(*end)

    return change


def huge_directory(scene: Scene) -> bytes:
    """Return the clean archive that declares a directory of 17 MiB."""
    content = archived(scene.files)
    end = list(END.unpack(content[-END.size :]))
    end[5] = 17 << 20
    return content[: -END.size] + END.pack(*end)


def zip64(scene: Scene) -> bytes:
    """Return the clean archive whose end record defers to a zip64 record with ten million entries before it."""
    content = archived(scene.files)
    end = END.unpack(content[-END.size :])
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10_000_000, 10_000_000, end[5], end[6])
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(content) - END.size, 1)
    return content[: -END.size] + record + locator + content[-END.size :]


def written(scene: Scene, folder: Path) -> Path:
    """Write the clean bundle as a folder."""
    for name, content in scene.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def unpacked(change: Callable[[Path], object]) -> Callable[[Scene, Path], Path]:
    """Return the clean bundle as a folder, changed."""

    def place(scene: Scene, folder: Path) -> Path:
        change(written(scene, folder))
        return folder

    return place


def linked(folder: Path) -> None:
    (folder / README).unlink()
    (folder / README).symlink_to("/etc/passwd")


def hard_linked(folder: Path) -> None:
    (folder / CUSTODY).unlink()
    os.link(folder / "bagit.txt", folder / CUSTODY)


def crowded(folder: Path) -> None:
    place = os.open(folder / "data", os.O_RDONLY)
    for number in range(COUNT_TOO_LARGE):
        os.mknod(str(number), dir_fd=place)
    os.close(place)


def sparse(_scene: Scene, folder: Path) -> Path:
    """Write an archive of 4 GiB, none of which takes room on the disk."""
    with (folder / "big.zip").open("wb") as file:
        file.truncate(2**32)
    return folder / "big.zip"


def _name(name: str, code: str, what: str) -> Attack:
    return Attack(22, what, named(name), (f"archive.{code} {name}",), REFUSED)


def _archive(what: str, change: Callable[[Scene], bytes], *found: str) -> Attack:
    return Attack(22, what, change, tuple(f"archive.{each}" for each in found), REFUSED)


def _folder(what: str, change: Callable[[Path], object], *found: str, verdict: str = REFUSED) -> Attack:
    return Attack(22, f"folder: {what}", unpacked(change), found, verdict, on_disk=True)


_LONG = "data/" + "a" * 240
_ACUTE = "data/é"
_FOLDED = "data/e\u0301"

ATTACKS = (
    _name("../evil", "path-escape", "zip slip"),
    _name("data/../../evil", "path-escape", "zip slip from within"),
    _name("data/..", "path-escape", "zip slip at the end"),
    _name("/etc/passwd", "absolute-path", "absolute path"),
    _name("C:/evil", "drive-letter", "drive letter"),
    _name("data\\..\\evil", "backslash-in-name", "backslash"),
    _name("data/folder/", "folder-entry", "entry for a folder"),
    _name("data/x\x00.html", "nul-in-name", "NUL in a name"),
    _name(_ACUTE, "name-not-portable", "name that is no portable one"),
    _name("data/./x", "name-not-portable", "name with a dot for a folder"),
    _name("data/x.", "name-not-portable", "name that ends in a dot"),
    _name("data/con.txt", "name-not-portable", "device of another system"),
    _name("data/-rf x", "name-not-portable", "name that is an option"),
    _name(_LONG, "name-too-long", "name of 245 characters"),
    _archive("symbolic link", with_mode(stat.S_IFLNK | 0o777), f"symbolic-link {README}"),
    _archive("pipe", with_mode(stat.S_IFIFO | 0o644), f"special-file {README}"),
    _archive("character device", with_mode(stat.S_IFCHR | 0o644), f"special-file {README}"),
    _archive("block device", with_mode(stat.S_IFBLK | 0o644), f"special-file {README}"),
    _archive("socket", with_mode(stat.S_IFSOCK | 0o644), f"special-file {README}"),
    _archive("folder by its mode", with_mode(stat.S_IFDIR | 0o755), f"special-file {README}"),
    _archive("set-user-id", with_mode(stat.S_IFREG | stat.S_ISUID | 0o755), f"header-changed {README}"),
    _archive("hard link in an extra field", with_extra, f"header-changed {README}"),
    _archive("comment on an entry", with_comment, f"header-changed {README}"),
    _archive("duplicate entry", with_files((README, b"evil")), f"duplicate-entry {README}"),
    _archive("names equal but for case", named("data/readme.HTML"), "colliding-names data/readme.HTML"),
    _archive(
        "names equal but for normalisation",
        with_files((_ACUTE, b"1"), (_FOLDED, b"2")),
        f"name-not-portable {_ACUTE}",
        f"name-not-portable {_FOLDED}",
        f"colliding-names {_ACUTE}",
    ),
    _archive("file that is another's folder", named(f"{README}/x"), f"colliding-names {README}"),
    _archive(
        "overlapping entries",
        overlapping,
        "overlapping bag-info.txt",
        "header-changed bag-info.txt",
        "hidden-data bagit.txt",
    ),
    _archive("bomb of 42 MB in 42 kB", deflated, "compressed the-bomb", "size-beyond-end the-bomb"),
    _archive("encrypted entry", encrypted, f"encrypted {README}", f"header-changed {README}"),
    _archive("65,535 declared entries", in_end(8, "<2H", 65_535, 65_535), f"too-many-entries {WHOLE}"),
    _archive("10,001 entries", many_entries(COUNT_TOO_LARGE), f"too-many-entries {WHOLE}"),
    _archive("10,001 entries that say that they are one", many_entries(1), f"end-record-changed {WHOLE}"),
    _archive("directory of 17 MiB", huge_directory, f"too-many-entries {WHOLE}"),
    _archive("ten million entries by zip64", zip64, f"end-record-changed {WHOLE}"),
    _archive("compressed size other than the size", in_record(README, 20, "<I", 7), f"sizes-disagree {README}"),
    _archive(
        "size beyond the end",
        in_record("tagmanifest-sha256.txt", 20, "<2I", 2**31, 2**31),
        "size-beyond-end tagmanifest-sha256.txt",
    ),
    _archive(
        "size that is too small, in both headers",
        smaller,
        f"hidden-data {WHOLE}",
    ),
    _archive(
        "offset of another entry",
        in_record(FIRST, 42, "<I", 1),
        f"leading-data {FIRST}",
        f"header-changed {FIRST}",
        "overlapping bag-info.txt",
    ),
    _archive("data after the end", lambda scene: archived(scene.files) + b"\0", f"trailing-data {WHOLE}"),
    _archive("an archive after the end", lambda scene: archived(scene.files) * 2, f"end-record-changed {WHOLE}"),
    _archive("a comment of the archive", in_end(20, "<H", 1), f"end-record-changed {WHOLE}"),
    _archive("another count of entries", in_end(8, "<H", 3), f"end-record-changed {WHOLE}"),
    _archive("another disk", in_end(4, "<H", 1), f"end-record-changed {WHOLE}"),
    _archive("directory elsewhere", in_end(16, "<I", 0), f"end-record-changed {WHOLE}"),
    _archive("data before the start", lambda scene: moved(scene, b"#!/bin/sh\n", b"", b""), f"leading-data {FIRST}"),
    _archive("data between entries", lambda scene: moved(scene, b"", b"hidden", b""), "hidden-data bag-info.txt"),
    _archive("data behind the last entry", lambda scene: moved(scene, b"", b"", b"hidden"), f"hidden-data {WHOLE}"),
    _archive("another time in a local header", in_header(README, 10, 1), f"header-changed {README}"),
    _archive("another name in a local header", in_header(README, 30, 32), f"header-changed {README}"),
    _archive("another time in the directory", in_record(README, 12, "<H", 1), f"header-changed {README}"),
    _archive(
        "record of the directory without its mark",
        in_record(README, 0, "<I", 0),
        "header-changed (entry 4 of the directory)",
        f"hidden-data {WHOLE}",
    ),
    _archive(
        "directory that ends within a record",
        directory_cut(10),
        "header-changed tagmanifest-",
        "header-changed tagmanifest-",
    ),
    _archive(
        "directory that ends within the fixed part of a record",
        directory_cut(CENTRAL.size),
        "header-changed (entry {count} of the directory)",
        f"hidden-data {WHOLE}",
    ),
    _archive("end record alone, cut off", lambda _: b"PK\x05\x06", f"trailing-data {WHOLE}"),
    _archive(
        "hostile name among entries that are not sorted",
        lambda scene: packed(sorted({**scene.files, "../evil": b""}.items(), reverse=True)),
        "path-escape ../evil",
    ),
    *(
        Attack(22, f"checksum that is not that of {name}", with_checksum(name), (f"archive.header-changed {name}",))
        for name in (README, ATTESTATION)
    ),
    Attack(
        22,
        "archive that is cut short while it is read",
        shrinking,
        (f"bundle.file-changed {README}",),
        FAILED,
    ),
    _archive(
        "entries that are not sorted",
        lambda scene: packed(sorted(scene.files.items(), reverse=True)),
        f"not-sorted {WHOLE}",
    ),
    _archive("cut off", cut(1000), f"not-a-zip {WHOLE}"),
    _archive("cut off in the last byte", cut(1), f"trailing-data {WHOLE}"),
    _archive("nothing", lambda _: b"", f"not-a-zip {WHOLE}"),
    _archive("another kind of file", lambda _: b"\x1f\x8b" + bytes(100), f"not-a-zip {WHOLE}"),
    Attack(22, "archive of 4 GiB", sparse, (f"archive.too-big {WHOLE}",), REFUSED, on_disk=True),
    _folder("symbolic link", linked, f"archive.symbolic-link {README}"),
    _folder("link to a folder", lambda at: (at / "data/loop").symlink_to(at), "archive.symbolic-link data/loop"),
    _folder("pipe", lambda at: os.mkfifo(at / "data/pipe"), "archive.special-file data/pipe"),
    _folder("name that is an option", lambda at: (at / "-rf x").touch(), "archive.name-not-portable -rf x"),
    _folder("folder of such a name", lambda at: (at / "data/a b").mkdir(), "archive.name-not-portable data/a b"),
    _folder(
        "names equal but for case",
        lambda at: (at / "data/readme.HTML").touch(),
        "archive.colliding-names data/readme.HTML",
    ),
    Attack(
        22,
        "folder: empty",
        lambda _, folder: folder,
        ("signature.missing attestation.dsse.json",),
        REFUSED,
        on_disk=True,
    ),
    _folder("10,001 files", crowded, "archive.too-many-entries {path}"),
    _folder("hard link to another file", hard_linked, f"bundle.file-changed {CUSTODY}", verdict="FAILED"),
)
