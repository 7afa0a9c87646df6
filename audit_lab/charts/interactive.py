"""A chart as a page of its own that can be moved, zoomed and pointed at: no network, no file beside it."""

from __future__ import annotations

import html
import json
from functools import lru_cache
from typing import Any

from audit_lab.charts.drawable import drawable
from audit_lab.charts.render import vega_lite_version

__all__ = ["interactive_html"]

#: Nothing is loaded from anywhere. Vega compiles the expressions of a chart, none of which holds text of a log.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_OPTIONS = {"actions": False, "renderer": "svg", "loader": {"target": "_blank"}}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>body {{ margin: 0; background: #ffffff; }} #vg-tooltip-element td.value {{ white-space: pre-wrap; }}</style>
</head>
<body>
<div id="chart"></div>
<script>{library}</script>
<script>vegaEmbed("#chart", {specification}, {options});</script>
</body>
</html>
"""
_ENDS_A_SCRIPT = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def interactive_html(chart: Any, title: str = "") -> str:
    """Return a chart as one HTML page of about a megabyte, most of which is Vega's own code.

    Parameters
    ----------
    chart
        Any chart of this package.
    title
        What the browser's window is called.
    """
    return _PAGE.format(
        policy=html.escape(_POLICY, quote=True),
        title=html.escape(drawable(title)),
        library=_library(vega_lite_version()),
        specification=_embedded(drawable(chart.to_dict())),
        options=_embedded(_OPTIONS),
    )


@lru_cache(maxsize=1)
def _library(version: str) -> str:
    """Return Vega's code, which takes seconds to gather."""
    import vl_convert

    return vl_convert.javascript_bundle(_SNIPPET, vl_version=version).replace("</script", "<\\/script")


def _embedded(value: Any) -> str:
    """Return a value as JSON that cannot end the script that it stands in."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False).translate(_ENDS_A_SCRIPT)
