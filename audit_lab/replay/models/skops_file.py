"""skops: a file that names every type it is made of; types that nobody vouched for are not built."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.zip_faults import ZIP_FAULTS
from audit_lab.replay.models.libraries import first_line, import_library, unreadable
from audit_lab.replay.models.scorer import ModelFault, Note, Scorer
from audit_lab.replay.models.sklearn_estimator import estimator_scorer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from audit_lab.replay.signature import Signature

__all__ = ["load_skops"]

_MOST_BYTES = 4_000_000_000
_MOST_SCHEMA_BYTES = 200_000_000
#: Packages whose types skops judges one by one. Whatever else a file names is refused here, also where an older skops
#: would have built it without asking.
_JUDGED = ("builtins", "collections", "numpy", "scipy", "sklearn")
_SHOWN = 20


def load_skops(path: Path, signature: Signature, trusted: Sequence[str] = ()) -> Scorer:
    """Load a skops file whose types are all known to skops or named in `trusted`.

    Raises
    ------
    ModelFault
        Code ``artifact-types-unknown``, ``artifact-corrupt``, or one of `estimator_scorer`.
    """
    named = _named_types(path)
    skops = import_library("skops.io")
    try:
        untrusted = set(skops.get_untrusted_types(file=path))
    except Exception as error:
        raise unreadable("skops", error) from error
    untrusted |= {name for name in named if name.partition(".")[0] not in _JUDGED}
    unknown = sorted(untrusted - set(trusted))
    if unknown:
        raise ModelFault(
            "artifact-types-unknown",
            f"the skops file holds types that nobody vouched for: {_listed(unknown)}; name those that you trust",
        )
    try:
        estimator = skops.load(path, trusted=sorted(untrusted))
    except Exception as error:
        raise unreadable("skops", error) from error
    scorer = estimator_scorer(estimator, signature)
    known = sorted(named - untrusted)
    message = f"types that the skops file names and skops knows as harmless: {_listed(known) or 'none'}"
    scorer.notes.append(Note("types-audited", message))
    if untrusted:
        message = f"built although skops does not know them, because they were named: {_listed(sorted(untrusted))}"
        scorer.notes.append(Note("types-trusted-by-name", message))
    return scorer


def _named_types(path: Path) -> set[str]:
    """Return the types that the file's schema names, read without skops."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            schema_size = archive.getinfo("schema.json").file_size
            if size > _MOST_BYTES or schema_size > _MOST_SCHEMA_BYTES:
                raise ModelFault("artifact-corrupt", f"the skops file would unpack to {size / 1e9:.1f} GB")
            schema = json.loads(archive.read("schema.json"))
        return {f"{node['__module__']}.{node['__class__']}" for node in _nodes(schema)}
    except (*ZIP_FAULTS, KeyError) as error:  # a schema of any depth is a RuntimeError too
        raise ModelFault("artifact-corrupt", f"the file is no skops file: {first_line(error)}") from error


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield each node of a schema that names a type."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__module__" in node and "__class__" in node:
                yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
