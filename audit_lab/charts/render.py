"""Charts to SVG and PNG, in this process, without a network."""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any

from audit_lab.charts.drawable import drawable

__all__ = ["enable_offline", "png", "svg", "vega_lite_version"]

#: The renderer's ids, which it counts on from one picture to the next.
_IDENTIFIER = re.compile(r"(?<![\w-])(clip|gradient_|hatch_)(\d+)(?![\w-])")


def svg(chart: Any) -> str:
    """Return a chart, or its Vega-Lite specification, as SVG text; the same chart gives the same text.

    Ids inside it are counted from 1 and carry a part of the picture's digest, so that several pictures can stand on
    one page.
    """
    if not isinstance(chart, dict):
        return _drawn(chart.to_dict())
    return _drawn_by_shape(chart) if _has_shape(chart) else _drawn(chart)


def png(chart: Any, scale: float = 2) -> bytes:
    """Return a chart as PNG, `scale` pixels to a unit; the same chart gives the same bytes."""
    import vl_convert

    rendered: bytes = vl_convert.vegalite_to_png(
        drawable(chart.to_dict()), vl_version=vega_lite_version(), scale=scale, allowed_base_urls=[]
    )
    return rendered


def enable_offline() -> None:
    """Let notebooks show charts as SVG drawn in this process, in place of altair's renderer that loads from a CDN.

    Called when the first chart is made, unless another renderer than altair's default has been chosen.
    """
    import altair as alt

    if _RENDERER not in alt.renderers.names():
        alt.renderers.register(_RENDERER, _mimebundle)
    alt.renderers.enable(_RENDERER)


_RENDERER = "audit_lab"


def _mimebundle(spec: dict[str, Any], **_: Any) -> dict[str, str]:
    return {"image/svg+xml": _drawn(spec)}


#: What may differ from one picture of a shape to the next, beside rows: Vega-Lite hands it on to Vega as it is.
_TITLE, _TEXTS = "title", ("subtitle", "text")


def _drawn(spec: dict[str, Any]) -> str:
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(drawable(spec), vl_version=vega_lite_version(), allowed_base_urls=[])
    return _own_identifiers(drawn)


def _has_shape(spec: dict[str, Any]) -> bool:
    """Whether all rows are apart under names, and the title is one of text and subtitle."""
    title = spec.get(_TITLE)
    return bool(spec.get("datasets")) and isinstance(title, dict) and set(_TEXTS) == set(title) and bool(title["text"])


def _drawn_by_shape(spec: dict[str, Any]) -> str:
    """Draw a specification of which only rows and title change: it is compiled once, which needs neither."""
    import vl_convert

    rows, title = spec["datasets"], spec[_TITLE]
    # No two alike: the compiler takes sources that hold the same for one.
    empty = {name: [{"rows of": name}] for name in rows}
    shape = {**spec, "datasets": empty, _TITLE: {**title, **dict.fromkeys(_TEXTS, "-")}}
    vega = json.loads(_compiled(json.dumps(drawable(shape), sort_keys=True)))
    # Made drawable with the names beside them, which a shape's own are already.
    given = drawable({"datasets": rows, _TITLE: title})
    for source in vega["data"]:
        if source["name"] in given["datasets"]:
            source["values"] = given["datasets"][source["name"]]
    vega[_TITLE] = {**vega[_TITLE], **{name: given[_TITLE][name] for name in _TEXTS}}
    return _own_identifiers(vl_convert.vega_to_svg(vega, allowed_base_urls=[]))


@lru_cache(maxsize=32)
def _compiled(shape: str) -> str:
    import vl_convert

    return json.dumps(vl_convert.vegalite_to_vega(shape, vl_version=vega_lite_version()))


def _own_identifiers(drawn: str) -> str:
    """Count the ids from 1 in order of appearance, behind a prefix that no other picture has."""
    numbers: dict[str, int] = {}
    counted = _IDENTIFIER.sub(lambda found: f"{found[1]}{numbers.setdefault(found[0], len(numbers) + 1)}", drawn)
    prefix = hashlib.sha256(counted.encode()).hexdigest()[:10]
    return _IDENTIFIER.sub(lambda found: f"p{prefix}-{found[0]}", counted)


def vega_lite_version() -> str:
    """Return the Vega-Lite version that altair writes, as vl-convert names it: ``6.4``."""
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
