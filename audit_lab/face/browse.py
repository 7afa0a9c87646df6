"""`Browse`: the predictions of a log of any length, looked at page by page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.browse.column_values import ColumnValues, values_in_order
from audit_lab.log.browse.columns import browsed_columns, column_named
from audit_lab.log.browse.conditions import rows_of_both, rows_where
from audit_lab.log.browse.inputs_of_page import inputs_by_id, inputs_by_number
from audit_lab.log.browse.ranking import Ranking
from audit_lab.log.browse.shared import Shared
from audit_lab.log.browse.stored_rows import StoredRows
from audit_lab.log.browse.summaries import coded_histogram, histogram, timeline
from audit_lab.log.files.reading import collect
from audit_lab.log.samplings import is_sampled, weight
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.query import Question, matching
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.face.access import Access
    from audit_lab.face.decision import Decision
    from audit_lab.log.browse.columns import BrowsedColumn
    from audit_lab.log.store import LogStore

__all__ = ["MOST_PAGE_ROWS", "Browse"]

MOST_PAGE_ROWS = 1_000
_MOST_FILTERS = 6
_ID, _TIME = "prediction_id", "occurred_at"


@dataclass(frozen=True)
class Browse:
    """Predictions in an order, by a filter; only the rows of a page are read, and nothing is sorted as a whole.

    A column that was asked for, for an order, a filter or a histogram, is kept: up to sixteen bytes for each row, at
    most 1 GB of them all.

    Parameters
    ----------
    store, access
        The log, and how it is asked.
    question
        Which predictions.
    decision
        Returns the decision at a place: `AuditLog.decision`.
    sort, descending
        The column by which they stand, as an expression names it, None for stored order; and whether the greatest
        comes first. Equal rows stand in stored order, rows without a value at the end; text is sorted by its first 64
        bytes.
    progress
        Called with ``"rows"`` and how many more were read, while a column is read; what it raises ends the reading.
    """

    store: LogStore = field(repr=False)
    access: Access = field(repr=False)
    question: Question
    decision: Callable[[str], Decision] = field(repr=False)
    sort: str | None = None
    descending: bool = False
    progress: Callable[[str, int], None] | None = field(repr=False, default=None)
    _kept: Shared | None = field(repr=False, default=None)
    _pages: dict[tuple[int, int], NDArray[np.int64]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def where(self, expression: str | pl.Expr | None) -> Browse:
        """Return the same table with another filter; None for all that the time range and the model leave.

        Raises
        ------
        MisuseError
            The expression cannot be read, or does not fit the log.
        """
        return replace(self, question=replace(self.question, expression=expression), _kept=self._shared)

    def sorted_by(self, column: str | None, *, descending: bool = True) -> Browse:
        """Return the same table in another order; None for the order in which it is stored.

        Raises
        ------
        MisuseError
            There is no such column, or its values have no order.
        """
        if column is not None:
            from audit_lab.log.browse.sort_keys import key_levels

            key_levels(column_named(self._columns, column).dtype)
        return replace(self, sort=column, descending=descending, _kept=self._shared)

    def watched(self, progress: Callable[[str, int], None] | None) -> Browse:
        """Return the same table with another `progress`."""
        return replace(self, progress=progress, _kept=self._shared)

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns of a page and their types: of predictions, of their outputs, then inputs as ``inputs.<name>``."""
        return {column.name: column.dtype for column in self._columns}

    @cached_property
    def rows(self) -> int:
        """How many predictions there are."""
        chosen = self._chosen
        return self._shared.rows.count if chosen is None else int(chosen.size)

    @cached_property
    def represented(self) -> float | None:
        """For about how many served predictions they stand; None where none states that others were not recorded."""
        if not is_sampled(self.store, self.question.model, self.question.since, self.question.until):
            return None
        rates = self._only_chosen(self._values("sampling_rate").values().alias("sampling_rate").to_frame().lazy())
        return float(rates.select(weight().sum()).collect().item())

    def page(self, first: int = 0, count: int = 50, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the predictions of the ranks from `first` on; fewer at the end.

        Inputs stand beside their prediction, null where it has none or where its id stands twice among them.

        Parameters
        ----------
        first, count
            The rank of the first, from 0 on, and how many, at most 1,000.
        columns
            Names of `columns`; all when omitted.

        Returns
        -------
        pl.DataFrame
            The columns asked for, then ``place`` (``id@segment:row``), which `log.decision` takes.

        Raises
        ------
        MisuseError
            There is no such column, or first or count are out of range.
        LogError
            The log cannot be read.
        """
        if first < 0 or not 0 <= count <= MOST_PAGE_ROWS:
            message = f"a page of {count:,} rows from {first:,} on cannot be shown"
            raise MisuseError(message, f"Ask for 0 to {MOST_PAGE_ROWS:,} rows, from 0 or more on.")
        wanted = [column_named(self._columns, name) for name in (self.columns if columns is None else columns)]
        with self.access.asking("page", self.question.expression, first=first, count=count, sort=self.sort) as answer:
            numbers = self._numbers(first, count)
            own = {column.name: column.own for column in wanted if column.feature is None}
            place = pl.format("{}@{}:{}", _ID, SEGMENT, ROW).alias("place")
            keys = [pl.col(_ID).alias("__id__"), pl.col("model_name").alias("__model__")]
            read = self._shared.rows.read(numbers, [*own.values(), place, *keys])
            features = [column for column in wanted if column.feature is not None]
            if features:
                beside = self._side_by_side
                if beside is None:
                    inputs = inputs_by_id(self.store, self._models, read, features)
                else:
                    inputs = inputs_by_number(beside, numbers, features)
                read = pl.concat([read, inputs], how="horizontal")
            answer.rows = read.height
            answer.touches("predictions", {name.partition(".")[0] for name in own})
            answer.touches(INPUTS_PREFIX, [column.feature for column in features if column.feature is not None])
            return read.select(*(column.name for column in wanted), "place")

    def histogram(self, column: str) -> pl.DataFrame:
        """Count the values of a column over the predictions that the filter leaves; see `summaries.histogram`.

        Raises
        ------
        MisuseError, LogError
            There is no such column; the log cannot be read.
        """
        with self.access.asking("histogram", column, of=self.question.expression):
            values = self._values(column)
            if values.coded is not None:
                return coded_histogram(values.coded, self._chosen)
            rows = values.values().to_frame().lazy() if values.narrow else values.read()
            return histogram(self._only_chosen(rows), f"{column} of {self.store.location}", self._go_on)

    def timeline(self) -> tuple[pl.DataFrame, str]:
        """Count the predictions that the filter leaves by steps of time and by decision; see `summaries.timeline`.

        Raises
        ------
        LogError
            The log cannot be read.
        """
        with self.access.asking("timeline", self.question.expression):
            times = self._values(_TIME).values().alias(_TIME).to_frame()
            coded = self._values("decision").coded
            what = f"the predictions of {self.store.location}"
            asked = self.store.placed("predictions").select(pl.col("decision").cast(pl.Categorical))
            many = None if coded is not None else self._once("decisions", lambda: collect(asked, what)["decision"])
            rows = times.with_columns(coded.numbers().alias("decision") if coded is not None else many).lazy()
            return timeline(self._only_chosen(rows), what, None if coded is None else coded.different, self._go_on)

    def alerts(self, *, raised: bool = True) -> pl.DataFrame:
        """Return the alerts of the stretch of time and the model, in order of time, whatever the expression says.

        The alerts journal, which tells the state of each, is read too unless `raised` is false.

        Returns
        -------
        pl.DataFrame
            ``alert`` (id), ``severity``, ``state`` (null for an event of the log), ``model``, ``what``, ``since``,
            ``until`` (the same moment without a window) and ``kept``: "journal" or "log".

        Raises
        ------
        IntegrityError, LogError
            The alerts journal does not hold; the log cannot be read.
        """
        from audit_lab.face.browsed_alerts import alerts_of_log, raised_alerts, within

        with self.access.asking("alerts", of=self.question.model) as answer:
            told = self._once("alerts", lambda: alerts_of_log(self.store))
            found = within(pl.concat([raised_alerts(self.store), told]) if raised else told, self.question)
            answer.rows = found.height
            return found

    @property
    def finds_inputs(self) -> bool:
        """Whether it is known where inputs stand; else every id is read for the first page that shows any."""
        if self._side_by_side is not None:
            return True
        shelf, tables = self.store.shelf, [INPUTS_PREFIX + model for model in self._models]
        return shelf is not None and all(
            shelf.small(table) is not None or not shelf.locator.indexes(table, shelf.segments(table), _ID)[1]
            for table in tables
        )

    def warm(self) -> None:
        """Find out what later questions about inputs need: whether they stand in the order of their predictions.

        Where they do, they are read from where the predictions of a page stand; an index is not asked.
        """
        from audit_lab.log.search.pairing import order_of

        for model in self._models:
            self._shared.known["order", model] = order_of(self.store, model)

    def make_ready(self) -> None:
        """Read the column that the rows are sorted by, so that the first page of this order need not wait for it."""
        if self.sort is not None:
            self._values(self.sort).keys(0)

    @spelling_text
    def summary(self) -> list[str]:
        """Return what the table shows, in sentences."""
        asked = [f"{name} {value}" for name, value in self.question.to_dict().items() if value is not None]
        order = "in stored order"
        if self.sort is not None:
            order = f"by {self.sort}, {'the greatest' if self.descending else 'the least'} first"
        every = f" of {self._shared.rows.count:,}" if self._chosen is not None else ""
        narrowed = f" ({'; '.join(asked)})" if asked else ""
        served = self.represented
        stand = (
            [] if served is None else [f"Recorded by a sampling rule, they stand for about {served:,.0f} served ones."]
        )
        return [f"{self.rows:,}{every} predictions{narrowed}, {order}.", *stand]

    @cached_property
    def _shared(self) -> Shared:
        return self._kept or Shared(StoredRows(self.store, "predictions"))

    @cached_property
    def _models(self) -> tuple[str, ...]:
        if self.question.model is None:
            return self.store.models()
        return (self.question.model,) if self.question.model in self.store.models() else ()

    @cached_property
    def _columns(self) -> list[BrowsedColumn]:
        columns: list[BrowsedColumn] = self._once(
            ("columns", self._models), lambda: browsed_columns(self.store, self._models)
        )
        return columns

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what several orders and filters of the log share, made when it is first asked for."""
        known = self._shared.known
        if key not in known:
            known[key] = make()
        return known[key]

    @cached_property
    def _chosen(self) -> NDArray[np.int64] | None:
        """The numbers of the rows that the filter leaves, ascending; None where there is no filter."""
        import numpy as np

        question, shared = self.question, self._shared
        if all(each is None for each in (question.expression, question.since, question.until, question.model)):
            return None
        key = None if isinstance(question.expression, pl.Expr) else question
        with shared.lock:
            if key is not None and key in shared.filters:
                shared.filters.move_to_end(key)
                known: NDArray[np.int64] = shared.filters[key]
                return known
        found = self._found()
        if found is None:
            from audit_lab.log.engines.answers import collected

            places = collected(matching(self.store, question), f"the predictions of {self.store.location}")
            found = np.sort(shared.rows.numbers(places))
        with shared.lock:
            if key is not None:
                shared.filters[key] = found
                while len(shared.filters) > _MOST_FILTERS:
                    shared.filters.popitem(last=False)
        return found

    def _found(self) -> NDArray[np.int64] | None:
        """Return the rows that the filter leaves, by their columns alone; None where the log has to be searched."""
        question = self.question
        if question.model is not None or isinstance(question.expression, pl.Expr) or not self._shared.rows.by_number:
            return None
        found = None
        if question.expression is not None:
            narrowed = replace(question, since=None, until=None)
            found = self._shared.filters.get(narrowed)
            if found is None:
                found = rows_where(
                    self.store, question.expression, self._columns, lambda column: self._values(column.name)
                )
            if found is None:
                return None
            with self._shared.lock:
                self._shared.filters[narrowed] = found
        if question.since is None and question.until is None:
            return found
        return rows_of_both(found, self._values(_TIME).between(question.since, question.until), self._shared.rows.count)

    def _numbers(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the numbers of the rows of a page; those of the last one are kept for its other columns."""
        if (first, count) not in self._pages:
            found = self._ranked(first, count)
            self._pages.clear()
            self._pages[first, count] = found
        return self._pages[first, count]

    def _ranked(self, first: int, count: int) -> NDArray[np.int64]:
        import numpy as np

        chosen = self._chosen
        if self.sort is None:
            if chosen is not None:
                return chosen[first : first + count]
            return np.arange(min(first, self.rows), min(first + count, self.rows))
        values = self._values(self.sort)
        if chosen is None and self.sort == _TIME and first + count <= MOST_PAGE_ROWS and not values.size_bytes:
            # Nothing was sorted by time before, so the few files at its end are quicker than the column of all.
            found = self._shared.rows.first_by_time(min(first + count, self.rows), descending=self.descending)
            if found is not None:
                return found[first:]
        return Ranking(chosen, values.keys, values.levels, values.nulls, self.descending).page(first, count)

    def _values(self, name: str) -> ColumnValues:
        column = column_named(self._columns, name)
        shared, key = self._shared, (name, self._models if column.feature is not None else ())
        with shared.lock:
            if key in shared.columns:
                return replace(shared.columns[key], progress=self.progress)
        read = values_in_order(self.store, column, self._models, shared.rows)
        what = f"{name} of {self.store.location}"
        return shared.keep(key, ColumnValues(read, shared.rows.count, what, self.progress))

    def _only_chosen(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Keep, of rows in stored order, those that the filter leaves."""
        chosen = self._chosen
        if chosen is None:
            return rows
        return collect(rows, f"the predictions of {self.store.location}")[chosen].lazy()

    def _go_on(self) -> None:
        """Let what follows progress end the work where nobody waits for it any more."""
        if self.progress is not None:
            self.progress("rows", 0)

    @property
    def _side_by_side(self) -> StoredRows | None:
        """The inputs, where it is known that they stand beside the predictions of the only model, row by row."""
        from audit_lab.log.search.pairing import Order, order_of

        if len(self._models) != 1 or self._shared.known.get(("order", self._models[0])) is not Order.SAME:
            return None
        if order_of(self.store, self._models[0]) is not Order.SAME:  # a file is another one by now
            return None
        table = INPUTS_PREFIX + self._models[0]
        rows: StoredRows = self._once(table, lambda: StoredRows(self.store, table))
        return rows if rows.by_number and rows.count == self._shared.rows.count else None
