"""A folder as an artifact: its files, its digest, and the one model in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import ModelError
from audit_lab.replay.artifacts.formats import SAFE_FORMATS, UNSAFE_FORMATS, detected_format
from audit_lab.seal.digests import folder_digest
from audit_lab.seal.portable_name import colliding_names, name_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["check_names", "folder_digest", "only_model"]


def check_names(names: Iterable[str], what: str) -> None:
    """Refuse a folder whose files do not have the same names on every system.

    Raises
    ------
    ModelError
        Code ``artifact-folder``.
    """
    listed = list(names)
    faults = [f"{name!r}: {fault[1]}" for name in listed if (fault := name_fault(name)) is not None]
    faults += [f"{name!r}: another file has the same name on some systems" for name in colliding_names(listed)]
    if faults:
        raise ModelError(
            f"the artifact folder of {what} holds files that cannot be named safely: {'; '.join(faults[:5])}",
            "Ask the model's owner for the model as one file.",
            "artifact-folder",
        )


def only_model(files: Mapping[str, bytes], stated: str, what: str) -> tuple[str, str]:
    """Return name and format of the only model file of a folder that MLflow did not write.

    Parameters
    ----------
    files
        The folder's files by name.
    stated
        The format that the registry states; ``folder`` takes any.
    what
        The version, for messages.

    Raises
    ------
    ModelError
        Code ``artifact-folder``: there is no such file, or there are several.
    """
    found = {name: detected_format(name, content) for name, content in files.items()}
    models = {name: known for name, known in found.items() if known is not None}
    fitting = {name: known for name, known in models.items() if stated == "folder" or _same(known, stated)}
    if len(fitting) == 1:
        name, known = next(iter(fitting.items()))
        return name, known if stated == "folder" else stated
    listed = ", ".join(f"{name} ({known})" for name, known in sorted(models.items())) or "no model file"
    raise ModelError(
        f"the artifact folder of {what} does not hold exactly one model of format {stated}: {listed}",
        f"Ask the model's owner which file it is, and register that. Formats: {', '.join(SAFE_FORMATS)}.",
        "artifact-folder",
    )


def _same(known: str, stated: str) -> bool:
    """Whether a file that begins as one format may be of the stated one: the kinds of pickle begin alike."""
    return known == stated or (known in UNSAFE_FORMATS and stated in UNSAFE_FORMATS)
