"""One exhibit: files named by their digest, with a title and how they were made."""

from __future__ import annotations

import html
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.case.representation import Representation

__all__ = ["EXHIBIT_NAME", "Caption", "Exhibit", "read_exhibits", "write_exhibit"]

EXHIBIT_NAME = "exhibit.json"

_FOLDER = re.compile(r"\d{3,}-[0-9a-f]{12}-[a-z]+(?:-[a-z]+)*")
_MEMBERS = frozenset({"id", "number", "kind", "title", "note", "query", "models", "files"})
#: Members that an exhibit kept by an earlier release does not have.
_LATER = frozenset({"code", "method", "rows"})


@dataclass(frozen=True)
class Caption:
    """What is said of an exhibit: its title, a note, the query and the code that made it, and by which method."""

    title: str
    note: str
    query: str
    code: str = ""
    method: str = ""


@dataclass(frozen=True)
class Exhibit:
    """What a case keeps of one thing; `files` maps a name to its SHA-256, `id` is the digest over them.

    `rows` is how many rows it speaks of; None where that is not counted. Who kept it, and when, is in custody.
    """

    id: str
    number: int
    kind: str
    title: str
    note: str
    query: str
    models: tuple[Mapping[str, str], ...]
    files: Mapping[str, str]
    folder: Path
    code: str = ""
    method: str = ""
    rows: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the exhibit as JSON-safe values, without the folder it happens to stand in."""
        names = sorted((_MEMBERS | _LATER) - {"models", "files"})
        value: dict[str, Any] = {name: getattr(self, name) for name in names}
        return {**value, "models": [dict(model) for model in self.models], "files": dict(self.files)}

    @property
    def caption(self) -> Caption:
        """Title, note, query, code and method."""
        return Caption(self.title, self.note, self.query, self.code, self.method)

    def retitled(self, caption: Caption) -> Exhibit:
        """Return the same exhibit under another title, note, query, code or method."""
        return replace(self, **asdict(caption))

    def content_of(self, name: str) -> bytes:
        """Return the content of one of its files.

        Raises
        ------
        AuditLabError
            It cannot be read.
        """
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            what = f"{self.folder / name} cannot be read"
            raise AuditLabError(what, "Restore the case's folder as it was") from error

    def content(self) -> bytes:
        """Return the file ``exhibit.json``."""
        return canonical_json(self.to_dict()) + b"\n"

    @spelling
    def _repr_html_(self) -> str:
        """Show the exhibit's name in a notebook."""
        return f"<p>Exhibit {self.number} ({self.kind}, {self.id[:12]}): {html.escape(self.title)}</p>"


def write_exhibit(exhibits: Path, number: int, kept: Representation, caption: Caption) -> Exhibit:
    """Write an exhibit's folder aside and rename it into place, so that it is there whole or not at all."""
    digest = kept.digest
    folder = exhibits / f"{number:03}-{digest[:12]}-{kept.kind}"
    files = {name: sha256(content) for name, content in sorted(kept.files.items())}
    exhibit = Exhibit(
        digest, number, kept.kind, **asdict(caption), models=kept.models, files=files, folder=folder, rows=kept.rows
    )
    exhibits.mkdir(exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=exhibits, prefix=".aside-"))
    try:
        for name, content in kept.files.items():
            write_bytes(aside / name, content)
        write_bytes(aside / EXHIBIT_NAME, exhibit.content())
        aside.chmod(0o755)
        aside.replace(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return exhibit


def read_exhibits(exhibits: Path) -> tuple[Exhibit, ...]:
    """Read every exhibit of a case, in the order in which they were kept.

    Raises
    ------
    AuditLabError
        An exhibit's record cannot be read.
    """
    if not exhibits.is_dir():
        return ()
    folders = [folder for folder in exhibits.iterdir() if _FOLDER.fullmatch(folder.name)]
    return tuple(sorted((_read_exhibit(folder) for folder in folders), key=lambda exhibit: exhibit.number))


def _read_exhibit(folder: Path) -> Exhibit:
    path = folder / EXHIBIT_NAME
    try:
        value = members(parse_json(path.read_bytes(), str(path)), _MEMBERS, str(path), _LATER)
    except OSError as error:
        raise AuditLabError(f"The exhibit {path} cannot be read", "Restore the case's folder as it was") from error
    wrong = next((name for name, each in value.items() if not _is_typed(name, each)), None)
    if wrong is not None:
        raise AuditLabError(f"{path}, {wrong}: it is not of its type", "Restore the case's folder as it was")
    return Exhibit(**{**value, "models": tuple(value["models"])}, folder=folder)


def _is_typed(name: str, value: Any) -> bool:
    """Whether a member of an exhibit's record is of its type."""
    if name in {"number", "rows"}:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return whole or (name == "rows" and value is None)
    if name == "models":
        return isinstance(value, list) and all(_is_texts(each) for each in value)
    return _is_texts(value) if name == "files" else isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
