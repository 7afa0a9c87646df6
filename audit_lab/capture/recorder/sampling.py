"""Which predictions are recorded where not all can be, and with which weight each then stands for others.

Whether a prediction is recorded depends on its request alone, by a hash of the request's id: so all predictions of a
sampled request are recorded, whoever asks again comes to the same answer, and no state is kept. What matters is
recorded always, and what is in one request with it where these are told together. Each record says by which rule, and
with which probability, it was recorded: counts weighted by one over that are unbiased (D. Horvitz and D. Thompson,
JASA 47, 1952).
"""

from __future__ import annotations

import hmac
import math
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from audit_lab.capture.recorder.record_form import plain_scalar
from audit_lab.errors import MisuseError
from audit_lab.log.keys.pseudonym import PseudonymKey, pseudonym_key

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ALWAYS", "RULE", "Chosen", "Counted", "Member", "Sampling"]

#: The columns that say by which rule a prediction was recorded.
RULE = frozenset({"sampling_rate", "sampling_rule"})

#: Why a prediction is recorded whatever its request's hash says.
ALWAYS = ("asked for", "failed", "near the threshold", "rare group")

_BY_REQUEST = "by request"
#: Why one is recorded whose request has another that is recorded always.
_BESIDE = "beside another of its request"
_RANGE = 2**64
_LONGEST_NAME = 100


class Member(NamedTuple):
    """A prediction of a request of several: what `Sampling.chosen` is told of it."""

    values: Sequence[Any] | Mapping[str, Any]
    names: Sequence[str]
    score: float | None
    about: Mapping[str, Any]
    keep: bool


class Chosen(NamedTuple):
    """What a rule says of a prediction: its words, the probability of being recorded, and whether it is."""

    rule: str
    rate: float
    is_recorded: bool


@dataclass(frozen=True)
class Sampling:
    """A rule by which predictions are recorded.

    Parameters
    ----------
    name
        What the rule is called; it stands in every record. A rule that is changed gets another name.
    rate
        The share of requests that is recorded, from 0 to 1.
    tiers
        Risk tier to the share that is recorded instead; ``high`` is 1 unless told.
    near
        Predictions whose score is at most so far from the threshold are recorded always.
    groups
        Feature to values: predictions with one of them are recorded always. Values are compared as they are recorded,
        after a redaction.
    key
        A key of pseudonyms, or its file: with it nobody else can tell which requests are recorded. Without it the hash
        is SHA-256, and everybody can.

    Raises
    ------
    MisuseError
        The name is none, or a share, a distance or a group cannot be one.
    """

    name: str
    rate: float = 1.0
    tiers: Mapping[str, float] = field(default_factory=dict)
    near: float | None = None
    groups: Mapping[str, Collection[Any]] = field(default_factory=dict)
    key: PseudonymKey | Path | str | None = None

    def __post_init__(self) -> None:
        """Check the rule, and read the key."""
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            raise MisuseError("a sampling rule has no name of one line", "Name it: the name stands in each record.")
        for share in (self.rate, *self.tiers.values()):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise MisuseError(f"{share!r} is no share of the requests", "Give one from 0 to 1.")
        if self.near is not None and not (math.isfinite(self.near) and self.near >= 0):
            raise MisuseError(f"{self.near!r} is no distance from a threshold", "Give a number of 0 or more.")
        if any(isinstance(values, str) or not isinstance(values, Collection) for values in self.groups.values()):
            raise MisuseError("a rare group is no list of values", 'Write groups={"city": ["Ys"]}.')
        object.__setattr__(self, "tiers", {"high": 1.0, **self.tiers})
        object.__setattr__(self, "groups", {name: frozenset(values) for name, values in self.groups.items()})
        if self.key is not None:
            object.__setattr__(self, "key", pseudonym_key(self.key))

    def share_of(self, request_id: str) -> float:
        """Return the number from 0 to 1 (exclusive) that a request's id is hashed to: it is sampled below its rate."""
        content = f"{self.name}\0{request_id}".encode("utf-8", "surrogatepass")
        if isinstance(self.key, PseudonymKey):
            digest = hmac.digest(self.key.secret, content, "sha256")
        else:
            digest = sha256(content).digest()
        return int.from_bytes(digest[:8], "big") / _RANGE

    def chosen(
        self,
        request_id: str,
        values: Sequence[Any] | Mapping[str, Any],
        names: Sequence[str],
        score: float | None,
        about: Mapping[str, Any],
        *,
        keep: bool = False,
    ) -> Chosen:
        """Return what the rule says of a prediction.

        Parameters
        ----------
        request_id
            The id of its request; its own where it has none.
        values, names
            Its inputs, in the order of the names or by name.
        score
            Its score.
        about
            ``risk_tier``, ``threshold`` and ``error``, where it has them.
        keep
            Whether whoever records it asks for it, because it was overridden for example.
        """
        reason = self._always(values, names, score, about, keep=keep)
        if reason is not None:
            return Chosen(f"{self.name}: {reason}", 1.0, is_recorded=True)
        tier = about.get("risk_tier")
        rate = float(self.tiers.get(tier, self.rate)) if tier is not None else float(self.rate)
        words = _BY_REQUEST if tier not in self.tiers else f"{_BY_REQUEST}, risk tier {tier}"
        is_recorded = rate >= 1 or (rate > 0 and self.share_of(request_id) < rate)
        return Chosen(f"{self.name}: {words}", rate, is_recorded)

    def of_request(self, request_id: str, members: Sequence[Member]) -> list[Chosen]:
        """Return what the rule says of the predictions of one request together: all are recorded, or none.

        Where one of them is recorded always, so are the others; otherwise the highest of their rates holds for all.
        """
        alone = [self.chosen(request_id, *each[:4], keep=each.keep) for each in members]
        always = [self._always(*each[:4], keep=each.keep) is not None for each in members]
        if any(always):
            beside = Chosen(f"{self.name}: {_BESIDE}", 1.0, is_recorded=True)
            return [each if is_always else beside for each, is_always in zip(alone, always, strict=True)]
        rate = max((each.rate for each in alone), default=0.0)
        is_recorded = any(each.is_recorded for each in alone)
        return [Chosen(each.rule, rate, is_recorded) for each in alone]

    def _always(
        self,
        values: Sequence[Any] | Mapping[str, Any],
        names: Sequence[str],
        score: float | None,
        about: Mapping[str, Any],
        *,
        keep: bool,
    ) -> str | None:
        asked_for, failed, near, rare = ALWAYS
        if keep:
            return asked_for
        if about.get("error") is not None:
            return failed
        threshold = about.get("threshold")
        if (
            self.near is not None
            and score is not None
            and threshold is not None
            and abs(score - threshold) <= self.near
        ):
            return near
        if self.groups:
            named = values if isinstance(values, Mapping) else dict(zip(names, values, strict=False))
            for name, group in self.groups.items():
                value = plain_scalar(named.get(name))
                if isinstance(value, str | int | float | bool) and value in group:
                    return rare
        return None


class Counted:
    """Counts what a rule said, until the counts are taken to be written; for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, float], list[int]] = {}
        self._part = 0
        self.left_out = 0

    def add(self, chosen: Chosen) -> None:
        """Count what a rule said."""
        with self._lock:
            count = self._counts.get(chosen[:2])
            if count is None:
                count = self._counts[chosen[:2]] = [0, 0]
            count[0] += 1
            count[1] += chosen.is_recorded
            self.left_out += not chosen.is_recorded

    def take(self, at: int) -> list[dict[str, Any]]:
        """Return a notice of what was counted since the last one; none where that is nothing.

        Parameters
        ----------
        at
            The present time in microseconds since 1970.
        """
        with self._lock:
            if not self._counts:
                return []
            counts, self._counts = self._counts, {}
            self._part += 1
            part = self._part
        rules = [
            {"rule": rule, "rate": rate, "seen": seen, "recorded": recorded}
            for (rule, rate), (seen, recorded) in sorted(counts.items())
        ]
        seen, recorded = (sum(count[place] for count in counts.values()) for place in (0, 1))
        return [{"kind": "sampled", "at": at, "part": part, "seen": seen, "recorded": recorded, "rules": rules}]
