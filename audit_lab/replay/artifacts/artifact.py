"""The artifact of a model version, as bytes whose digest is the registered one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Artifact"]


@dataclass(frozen=True)
class Artifact:
    """The file that holds a model, as the sandbox's child is handed it.

    Parameters
    ----------
    sha256
        The registered digest: of the file, or of the folder that it lies in.
    artifact_format
        How the child reads `content`. Not always what the registry states: of a folder it is that of the file within,
        and of a booster that was lifted out of a pickle it is ``xgboost-lifted``.
    content
        The bytes of the file.
    trusted_by_digest
        Whether it runs code when it is opened, and may because the user named its digest.
    notes
        What was seen while it was read: disagreements within a folder, what was lifted out of what, what was left out.
    size_bytes
        Of what is registered, all files of a folder together.
    file
        The name of the file within the folder; None where a file is registered.
    lifted_from
        The format of the pickle that the booster was lifted out of; None where nothing was lifted.
    """

    sha256: str
    artifact_format: str
    content: bytes
    trusted_by_digest: bool = False
    notes: tuple[str, ...] = ()
    size_bytes: int = 0
    file: str | None = None
    lifted_from: str | None = None

    @cached_property
    def content_sha256(self) -> str:
        """The digest of `content`, which is not the registered one where that is of a folder or of a pickle."""
        return hashlib.sha256(self.content).hexdigest()
