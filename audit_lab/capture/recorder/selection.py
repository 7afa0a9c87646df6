"""What becomes of a prediction before it is queued: it is counted, recorded, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw

from audit_lab.capture.recorder.aggregates import NO_ROWS, Aggregating
from audit_lab.capture.recorder.record_form import decoded, score_of
from audit_lab.capture.recorder.sampling import RULE, Chosen, Counted, Member
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.capture.recorder.aggregates import Aggregates
    from audit_lab.capture.recorder.sampling import Sampling

__all__ = ["Selection"]


class Selection:
    """Counts predictions, and says which are recorded, and by which rule.

    Parameters
    ----------
    sampling
        By which rule they are recorded; None records all.
    aggregates
        What is counted of all of them; None counts nothing.
    rows
        Whether any is recorded.

    Attributes
    ----------
    is_plain
        Whether all are recorded and nothing is counted, so that nothing need be asked.

    Raises
    ------
    MisuseError
        Nothing at all would be recorded.
    """

    def __init__(self, sampling: Sampling | None, aggregates: Aggregates | None, *, rows: bool) -> None:
        if not rows and aggregates is None:
            raise MisuseError("nothing is recorded without rows and aggregates", "Give aggregates=al.Aggregates(...).")
        self._sampling, self._aggregates, self._rows = sampling, aggregates, rows
        self.is_plain = sampling is None and aggregates is None
        self.begin()

    def begin(self) -> None:
        """Count from nothing, in a new process too."""
        self._counted = Counted()
        self._aggregating = None if self._aggregates is None else Aggregating(self._aggregates)

    @property
    def left_out(self) -> int:
        """How many predictions were not recorded."""
        return self._counted.left_out

    def of_request(
        self, request_id: str, told: Sequence[Mapping[str, Any]], names: Sequence[str], constants: Mapping[str, Any]
    ) -> list[bool] | list[Chosen]:
        """Return for each prediction of a request what is `keep` for `said`, so that all are recorded, or none.

        Parameters
        ----------
        request_id
            The id of the request.
        told
            What `Recorder.record` is told of each, its inputs encoded.
        names, constants
            The names of the inputs in order, and what is the same in all records of the recorder.
        """
        if self._sampling is None:
            return [bool(each.get("keep", False)) for each in told]
        members = [
            Member(
                decoded(bytes(each["inputs"])),
                names,
                score_of(each.get("outputs")),
                {**constants, **each},
                keep=bool(each.get("keep", False)),
            )
            for each in told
        ]
        return self._sampling.of_request(request_id, members)

    def said(
        self,
        values: Any,
        names: Sequence[str],
        outputs: tuple[Any, Any],
        about: Mapping[str, Any],
        *,
        keep: bool | Chosen,
    ) -> dict[str, Any] | None:
        """Return what a prediction's record says of how it came to be recorded; None where it is not.

        Parameters
        ----------
        values, names
            Its inputs, in the order of the names or by name, or encoded.
        outputs
            Its score and decision.
        about
            ``at`` (microseconds since 1970), ``model_version``, ``request_id`` (its own id where it has none), and what
            else it states.
        keep
            Whether whoever records it asks for it; or what was said of it with others of its request.

        Raises
        ------
        MisuseError
            It states a rule, and there is another.
        """
        if self._sampling is not None and not RULE.isdisjoint(about):
            message = "a call says by which rule it is recorded, and the recorder has a rule of its own"
            raise MisuseError(message, "Say sampling_rule and sampling_rate to a recorder without sampling=.")
        if isinstance(values, Raw):
            values = decoded(bytes(values))
        if self._aggregating is not None:
            self._aggregating.add(values, names, outputs, about)
        if not self._rows:
            self._counted.add(Chosen(NO_ROWS, 0.0, is_recorded=False))
            return None
        if self._sampling is None:
            return {}
        if isinstance(keep, Chosen):
            chosen = keep
        else:
            chosen = self._sampling.chosen(about["request_id"], values, names, outputs[0], about, keep=keep)
        self._counted.add(chosen)
        return {"sampling_rule": chosen.rule, "sampling_rate": chosen.rate} if chosen.is_recorded else None

    def noticed(self, at: int) -> list[dict[str, Any]]:
        """Return notices of what was counted since the last ones; `at` is the present time in microseconds."""
        return [*self._counted.take(at), *(() if self._aggregating is None else self._aggregating.take(at))]
