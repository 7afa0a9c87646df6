"""What the caller of `audit_lab.adapt` says that a vendor's log does not."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.recorder.recorded_column import type_name, type_named
from audit_lab.errors import MisuseError
from audit_lab.log.foreign.mapping import Mapping

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

__all__ = ["OUTPUT_ROLES", "Settings", "settings_of"]

#: What a field of an answer can be.
OUTPUT_ROLES = ("score", "label", "probabilities", "decision")


@dataclass(frozen=True)
class Settings:
    """What the caller says.

    Attributes
    ----------
    model
        The model's name; None where the log's own shall do.
    version
        The model's version, or a table from what the log states (a version, a variant, an id of what was served) to
        versions; None leaves what is not stated as a gap.
    features
        Names of the features, for bodies that have values alone; with their types where they are a mapping.
    types
        The declared types.
    outputs
        Role (`OUTPUT_ROLES`) to the field of the answer that plays it.
    environment
        Where the model served.
    sampling_rate
        The rate that the vendor was told to record at, from 0 to 1.
    mapping
        For logs without a form of their own: which field plays which role.
    largest_record
        Records of more bytes are quarantined.
    """

    model: str | None = None
    version: str | Map[str, str] | None = None
    features: tuple[str, ...] = ()
    types: Map[str, pl.DataType] = field(default_factory=dict)
    outputs: Map[str, str] = field(default_factory=dict)
    environment: str | None = None
    sampling_rate: float | None = None
    mapping: Mapping | None = None
    largest_record: int = 16_000_000

    @cached_property
    def texts(self) -> frozenset[int]:
        """The places of features that are declared to be texts: in CSV nothing else tells."""
        return frozenset(
            place for place, name in enumerate(self.features) if isinstance(self.types.get(name), pl.String)
        )

    def version_of(self, stated: str | None) -> str | None:
        """Return the version of what a record states, or of one that states nothing."""
        if isinstance(self.version, AbstractMapping):
            return self.version.get(stated, stated) if stated is not None else None
        return self.version if self.version is not None else stated

    def to_dict(self) -> dict[str, object]:
        """Return what was said, as JSON-safe values."""
        said = {
            "model": self.model,
            "version": dict(self.version) if isinstance(self.version, AbstractMapping) else self.version,
            "features": list(self.features),
            "types": {name: str(dtype) for name, dtype in self.types.items()},
            "outputs": dict(self.outputs),
            "environment": self.environment,
            "sampling_rate": self.sampling_rate,
            "mapping": None if self.mapping is None else self.mapping.to_toml(),
            "largest_record": self.largest_record,
        }
        return {name: value for name, value in said.items() if value not in (None, [], {})}


def settings_of(
    *,
    model: str | None,
    version: str | Map[str, str] | None,
    features: Sequence[str] | Map[str, object] | None,
    outputs: Map[str, str] | None,
    environment: str | None,
    sampling_rate: float | None,
    mapping: Mapping | str | Path | None,
    largest_record_mb: float,
) -> Settings:
    """Return what a caller says, once it was looked through; a mapping may be named by its file.

    Raises
    ------
    MisuseError
        A type, a role or a rate is unknown, a feature stands twice, or the mapping cannot be read.
    """
    names = tuple(features or ())
    twice = [name for name in names if names.count(name) > 1 or name in ("prediction_id", "recorded_at")]
    if twice:
        raise MisuseError(f"the feature {twice[0][:80]!a} stands twice, or is a column of every table", "Rename it.")
    types = (
        {name: type_named(type_name(dtype, name), name) for name, dtype in features.items()}
        if isinstance(features, AbstractMapping)
        else {}
    )
    unknown = sorted(set(outputs or {}) - set(OUTPUT_ROLES))
    if unknown:
        raise MisuseError(f"an answer has no role {unknown[0][:80]!a}", f"Known are {', '.join(OUTPUT_ROLES)}.")
    if sampling_rate is not None and not 0 < sampling_rate <= 1:
        raise MisuseError(f"the sampling rate is {sampling_rate}", "It is above 0, and 1 at most.")
    if not 0 < largest_record_mb <= 1_000:  # noqa: PLR2004
        raise MisuseError(f"the largest record is {largest_record_mb} MB", "Give a number up to 1,000.")
    return Settings(
        model=model,
        version=version,
        features=names,
        types=types,
        outputs=dict(outputs or {}),
        environment=environment,
        sampling_rate=sampling_rate,
        mapping=mapping if mapping is None or isinstance(mapping, Mapping) else Mapping.read(Path(mapping)),
        largest_record=int(largest_record_mb * 1e6),
    )
