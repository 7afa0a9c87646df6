"""The view of a batch replay: what came out the same, what did not and why, and the rows of one reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.replay.verdict import EFFECTS, Verdict
from audit_lab.widgets.asking import asking_again, narrowed
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import facts, listed, note, page, paragraph, section, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.replay.batch_replay import BatchReplay

__all__ = ["BatchReplayView"]

_GROUPS = {
    "model_name": "Model",
    "model_version": "Version",
    "verdict": "Verdict",
    "code": "Code",
    "predictions": "Predictions",
    "largest_distance": "Largest distance",
    "most_ulps": "Units in the last place",
    "first_id": "First id",
}
_ROWS = {
    "prediction_id": "Prediction",
    "occurred_at": "At",
    "model_version": "Version",
    "verdict": "Verdict",
    "recorded_score": "Score on record",
    "replayed_score": "Replayed",
    "recorded_decision": "Decision on record",
    "replayed_decision": "Replayed",
    "detail": "Detail",
}
_MOST_ROWS = 25
_REPRODUCED = (str(Verdict.EXACT), str(Verdict.WITHIN_TOLERANCE))


class BatchReplayView(OpeningPanel):
    """Sentences and groups of a batch replay, with a dropdown for a code whose predictions are shown; they open.

    Parameters
    ----------
    batch
        What ``log.replay(...)`` returned.
    """

    controls = ("code_shown", "opened", "decision", "stored")

    def __init__(self, batch: BatchReplay) -> None:
        self._batch = batch
        fallen = batch.groups.filter(~pl.col("verdict").is_in(_REPRODUCED))["code"].drop_nulls()
        codes = fallen.unique().sort().to_list()
        self.code_shown = ipywidgets.Dropdown(options=[("none", None), *codes], value=None, description="Rows of")
        self._detail, listing = ipywidgets.HTML(), self._opening()
        drawer, self._code = self._code_drawer()
        super().__init__([ipywidgets.HTML(page(self._overview())), self.code_shown, self._detail, listing, drawer])
        self.code_shown.observe(self._refresh, names="value")
        self._refresh()

    @property
    def subject(self) -> BatchReplay:
        """The batch."""
        return self._batch

    def parts(self) -> list[str]:
        """Return sentences, groups and how it was run, the predictions of the chosen code, and those opened."""
        return [*self._overview(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._batch.summary())

    def code(self) -> str:
        """Return the Python that replays the same again and shows it, with the predictions of the chosen code."""
        asked = self._batch.asked
        given = narrowed(asked)
        given += [f"environment={asked['environment']!r}"] if asked.get("environment") == "recorded" else []
        given += ["causes=False"] if asked.get("causes") is False else []
        given += [f"keep={str(self._batch.kept)!r}"] if self._batch.kept is not None else []
        code = self.code_shown.value
        found = "" if code is None else f"rows = batch.rows.filter(code={code!r})\n"
        opened = "".join(f"{line}\n" for line in self.listing.code())
        return asking_again("batch", "log.replay", given, asked, f"{found}{opened}{self._showing('batch')}")

    def _refresh(self, _: Any = None) -> None:
        code, batch = self.code_shown.value, self._batch
        if code is None:
            self.listing.name("The first decisions of each verdict", batch.groups["first_id"], batch.decisions_of)
        else:
            self._rows = self._found_rows(code)
            self.listing.name(f"Decisions of {code}", self._rows["place"].head(_MOST_ROWS), batch.decisions_of)
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _found_rows(self, code: str) -> pl.DataFrame:
        """Return the first rows of a code, and one more where there are more."""
        found = self._batch.scanned.filter(pl.col("code") == code)
        return found.sort("occurred_at", "prediction_id", "place", maintain_order=True).head(_MOST_ROWS + 1).collect()

    def _overview(self) -> list[str]:
        batch = self._batch
        said = batch.summary()
        whole = 0 < batch.predictions == batch.reproduced
        ran = [
            (what, said)
            for name, each in sorted(batch.ran.items())
            for what, said in (
                (f"{name} ran in", f"{each.environment} environment"),
                ("Tolerance", _words(each.tolerance)),
                ("Isolation", _words(each.isolation)),
            )
        ]
        kept = "" if batch.kept is None else f"Every verdict stands in {batch.kept}."
        return [
            note(said[0], bad=not whole),
            section("What that says", listed(said[1:])),
            section("By version and verdict", table(batch.groups.to_dicts(), _GROUPS)),
            section("How it was run", facts(ran)),
            paragraph(kept),
        ]

    def _chosen(self) -> list[str]:
        code = self.code_shown.value
        if code is None:
            return []
        rows = self._rows.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S"))
        more = f"The first {_MOST_ROWS}; the code below finds all of them." if rows.height > _MOST_ROWS else ""
        said = paragraph(EFFECTS.get(code, ""))
        return [section(code, said + table(rows.head(_MOST_ROWS).to_dicts(), _ROWS) + paragraph(more))]


def _words(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in named.items())
