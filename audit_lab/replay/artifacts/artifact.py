"""The artifact of a model version, as bytes whose digest is the registered one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Artifact"]


@dataclass(frozen=True)
class Artifact:
    """A file, or a folder of files, that holds a model.

    Parameters
    ----------
    sha256
        The registered digest, which the content has.
    artifact_format
        How it is read.
    content
        Its bytes, or those of each file of a folder by relative name.
    trusted_by_digest
        Whether it runs code when it is opened, and may because the user named its digest.
    notes
        What was seen while it was read: disagreements within a folder, what was lifted out of what.
    """

    sha256: str
    artifact_format: str
    content: bytes | Mapping[str, bytes]
    trusted_by_digest: bool = False
    notes: tuple[str, ...] = ()
