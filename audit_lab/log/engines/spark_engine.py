"""Scan a log's files with Spark, for logs that outgrow one machine."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.engines.brought import brought
from audit_lab.log.engines.part import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import narwhals as nw

    from audit_lab.log.engines.part import Part

__all__ = ["SparkEngine", "beside_pandas"]

_INSTALL = "Install it with the extra `spark`: pip install 'audit-lab[spark]'; it also needs a Java runtime."
_PATTERN = "\\*?[]{},"
_UNQUOTED = "_-!.~'()*,;:$&+=@"

#: What a session of ours runs with: this machine's loopback only, no page, no console noise.
_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "OFF",
    "spark.sql.shuffle.partitions": "2",
}
#: What every session needs for the same answers as the other engines.
_SAME_ANSWERS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}


@contextmanager
def beside_pandas() -> Iterator[None]:
    """Keep PySpark from warning that it is not ready for pandas 3, of which nothing is used here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        yield


class SparkEngine:
    """Questions run by Spark: by the session that is active, or by one of two threads on this machine."""

    name = "spark"

    def scan(self, part: Part) -> nw.LazyFrame[Any]:
        """Return the rows of a part: the columns wanted, then ``_segment`` and ``_row``."""
        import narwhals as nw

        unspeakable = [name for name in part.schema if "." in name or "`" in name]
        if unspeakable:
            raise MisuseError(
                f"the engine spark cannot ask for a column named {unspeakable[0]!r}",
                "Leave engine out: polars takes names with dots and backticks.",
            )
        session = self._session
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import functions

        try:
            rows = session.read.parquet(*(_literal(uri) for uri in part.uris))
            if not part.says_places:
                segments = functions.create_map(
                    *(functions.lit(each) for file in part.files for each in (_file_name(file.uri), file.segment))
                )
                rows = rows.select(
                    *part.schema.names(),
                    segments[functions.col("_metadata.file_name")].alias(SEGMENT),
                    functions.col("_metadata.row_index").alias(ROW),
                )
            return brought(nw.from_native(rows), part)
        except (PySparkException, Py4JError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise LogError(
                f"{part.uris[0]} and the files of its kind cannot be read with spark ({first})",
                "Ask the same without engine=; if that fails too, restore the file from a backup.",
            ) from error

    def local(self, frame: pl.DataFrame) -> nw.LazyFrame[Any]:
        """Return rows of this process as a frame of the engine."""
        import narwhals as nw

        unsigned = [name for name, dtype in frame.schema.items() if dtype.is_unsigned_integer()]
        rows = frame.cast(dict.fromkeys(unsigned, pl.Int64))
        made: nw.LazyFrame[Any] = nw.from_native(self._session.createDataFrame(rows.to_arrow()))
        return made

    @cached_property
    def _session(self) -> Any:
        try:
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise MisuseError("the engine spark is not installed", _INSTALL) from error
        active = SparkSession.getActiveSession()
        try:
            with beside_pandas():
                session = _local_session() if active is None else active.newSession()
        except PySparkException as error:
            first = str(error).splitlines()[0][:200]
            raise MisuseError(f"the engine spark does not start ({first})", _INSTALL) from error
        for name, value in _SAME_ANSWERS.items():
            session.conf.set(name, value)
        return session


def _local_session() -> Any:
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[2]").appName("audit_lab")
    for name, value in _LOCAL.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _literal(uri: str) -> str:
    """Return an address that Spark takes as it is: nothing in it is a pattern, S3 is what its connector calls it."""
    address = f"s3a://{uri.removeprefix('s3://')}" if uri.startswith("s3://") else uri
    return "".join(f"\\{character}" if character in _PATTERN else character for character in address)


def _file_name(uri: str) -> str:
    """Return a file's name as Spark states it for a row: as a part of a URI, its non-ASCII letters kept."""
    return "".join(
        each if each.isalnum() or not each.isascii() or each in _UNQUOTED else quote(each, safe="")
        for each in uri.rpartition("/")[2]
    )
