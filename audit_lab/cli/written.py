"""Files that commands write beside what they print: whole or not at all, in folders that are made, and said so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Picture", "check_picture", "draw", "write_file", "write_frame"]

#: What a picture may be, by the ending of its file's name.
_ENDINGS = (".svg", ".png")

Picture = Annotated[str | None, typer.Option("--picture", help="Draw it into this file: .svg or .png.")]


def check_picture(picture: str | None, endings: tuple[str, ...] = _ENDINGS) -> None:
    """See, before anything is asked, that a picture's file has an ending that says what it is to be.

    Raises
    ------
    MisuseError
        It has another.
    """
    if picture is not None and Path(picture).suffix.lower() not in endings:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise MisuseError(f"a picture cannot be written to {picture!r}", f"Name a file that ends in {known}.")


def draw(chart: Any, picture: str) -> str:
    """Write a chart into the file that its ending says, and return the line that says where."""
    from audit_lab import charts

    is_png = Path(picture).suffix.lower() == ".png"
    return write_file(Path(picture), charts.png(chart) if is_png else charts.svg(chart).encode())


def write_file(path: Path, content: bytes) -> str:
    """Write a file whole or not at all, and return a line that says where, and which folders were made for it."""
    from audit_lab.log.files.durable import write_bytes

    made = [folder for folder in path.parents if not folder.exists()]
    write_bytes(path, content)
    return f"Written: {path}" + (f"; the folder {made[-1]} was made for it." if made else ".")


def write_frame(path: Path, frame: pl.DataFrame) -> str:
    """Write a frame as Parquet, as :func:`write_file` writes."""
    from io import BytesIO

    buffer = BytesIO()
    frame.write_parquet(buffer)
    return write_file(path, buffer.getvalue())
