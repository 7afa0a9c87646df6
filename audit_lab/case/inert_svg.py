"""SVG with nothing active in it: no script, no handler, no address outside the picture."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from audit_lab.errors import MisuseError

__all__ = ["inert_svg"]

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_ELEMENT_NAMES = """
circle clipPath defs desc ellipse feBlend feColorMatrix feComposite feDropShadow feFlood feGaussianBlur feMerge
feMergeNode feOffset filter g image line linearGradient marker mask path pattern polygon polyline radialGradient rect
stop svg switch symbol text textPath title tspan use
"""
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
#: Elements that are taken away while what is drawn inside them stays.
_UNWRAPPED = frozenset({"a"})
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
_ADDRESS = re.compile(r"url\s*\(\s*(?!['\"]?#)|@import|expression\s*\(|javascript:|\\", re.IGNORECASE)
_DECLARATION = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def inert_svg(text: str) -> str:
    """Return the picture with only drawing elements and attributes in it, as one ``<svg>`` element.

    Scripts, event handlers, links, foreign objects, animations, style sheets and references to anything outside the
    picture are taken out; a link's drawing stays.

    Raises
    ------
    MisuseError
        The text is not well-formed SVG, or declares a document type or entities.
    """
    if _DECLARATION.search(text):
        raise MisuseError("The SVG declares a document type", "Keep a picture without DOCTYPE or ENTITY")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above, and expat resolves none from outside
    except (ET.ParseError, ValueError) as error:
        raise MisuseError(
            f"The SVG is not well-formed ({error})", "Keep a picture that an XML reader accepts"
        ) from error
    if root.tag == "svg":
        for element in root.iter():
            if isinstance(element.tag, str) and "}" not in element.tag:
                element.tag = f"{{{_SVG}}}{element.tag}"
    if root.tag != f"{{{_SVG}}}svg":
        raise MisuseError("The picture's root is not an svg element", "Keep an SVG picture")
    _clean(root)
    # The prefixes are ET's module-wide registry; these two are what every SVG writer uses.
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def _clean(element: ET.Element) -> None:
    for name, value in list(element.attrib.items()):
        if not _is_inert_attribute(element, name, value):
            del element.attrib[name]
    children = list(element)
    for child in children:
        element.remove(child)
    for child in children:
        kind = _kind(child)
        if kind in _ELEMENTS:
            _clean(child)
            element.append(child)
        elif kind in _UNWRAPPED:
            _clean(child)
            element.extend(list(child))


def _kind(element: ET.Element) -> str:
    tag = element.tag
    return tag.removeprefix(f"{{{_SVG}}}") if isinstance(tag, str) and tag.startswith(f"{{{_SVG}}}") else ""


def _is_inert_attribute(element: ET.Element, name: str, value: str) -> bool:
    if name in {"href", _HREF}:
        picture = _kind(element) == "image" and _PICTURE.fullmatch(value) is not None
        return picture or value.startswith("#")
    if name.startswith("{"):
        return name == _SPACE
    return not name.lower().startswith("on") and _ADDRESS.search(value) is None
