"""A file that comes into a finished bundle: a sign-off, a time stamp. Every other byte stays as it was."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.aside_file import aside
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.report import settle
from audit_lab.verifier.bundle import examine_archive, examine_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.container import Container

__all__ = ["add_file"]


def add_file(path: Path, container: Container, name: str, content: bytes, trust: Trust) -> None:
    """Add a file to an archive or a folder, so that a reader sees the bundle with it or without it.

    Raises
    ------
    IntegrityError
        The bundle does not hold with it; it is then as it was.
    AuditLabError
        Somebody else changed the bundle meanwhile, or it cannot be written.
    """
    if path.is_dir():
        write_bytes(path / name, content)
        report = examine_bundle(path, trust)
        if not report.holds:
            (path / name).unlink()
        settle(report)
        return
    contents = {each: partial(container.chunks, each) for each in container.names}
    before = path.stat()
    try:
        with aside(path) as file:
            write_archive(file, {**contents, name: content})
            settle(examine_archive(file, path.name, trust))
            if path.stat() != before:
                raise AuditLabError(f"Somebody else changed {path} meanwhile", "Look at it again, then add to it")
    except OSError as error:
        message = f"The bundle {path} cannot be written ({error.strerror})"
        raise AuditLabError(message, "Make room there, or work on a copy in another folder") from error
