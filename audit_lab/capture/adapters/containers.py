"""Files whose bytes are no records as they stand: archives, files that are packed in another way, text in UTF-16.

They are told by how they begin, so that nobody takes the line feeds in them for ends of records. Nothing but the first
bytes of them is unpacked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.capture.adapters.exchange import Form
    from audit_lab.capture.adapters.source import Sample

__all__ = ["not_read"]

_CONTAINERS = ((b"PAR1", "Parquet"), (b"Obj\x01", "Avro"))
_TAR, _TAR_AT = b"ustar", 257
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PACKED = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ\x00", "packed by xz"),
    (b"\x04\x22\x4d\x18", "packed by lz4"),
    (b"\xff\x06\x00\x00sNaPpY", "packed by snappy"),
    # One layer of gzip is taken off before.
    (b"\x1f\x8b", "packed by gzip twice"),
)


def not_read(sample: Sample, form: Form | None) -> str | None:
    """Return what a file is and what to do, where its bytes are no records as they stand; None where they may be.

    Parameters
    ----------
    sample
        How the file begins.
    form
        The form that the caller named, if any.
    """
    head = sample.head
    if head[:2] in _UTF16 and b"\x00" in head[:200]:
        return "text in UTF-16, and was not read: write it as UTF-8, and take that over"
    packed = next((what for magic, what in _PACKED if head.startswith(magic)), None)
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        packed = "a tar archive packed by gzip" if sample.is_packed else "a tar archive"
    what = next((name for magic, name in _CONTAINERS if head.startswith(magic)), None)
    if what is not None and sample.is_packed:
        packed = f"{what} packed by gzip"
    if packed is not None:
        return f"{packed}, and was not read: unpack it, and take over what comes of it"
    if what is not None and form is not None and what not in form.containers:
        return f"{what}, which logs of the form {form.name} are not: name the form that it is of, or none"
    return None
