"""Show text that somebody else wrote (names, values) without letting it speak to the terminal."""

from __future__ import annotations

from audit_lab.seal.hidden_letters import spelled

__all__ = ["printable"]


def printable(text: str, limit: int = 80) -> str:
    """Return foreign text on one line: invisible characters as escapes, a long text cut and its length said."""
    escaped = "".join(
        c if c.isprintable() and spelled(c) == c else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text[: limit + 1]
    )
    if len(text) <= limit and len(escaped) <= 2 * limit:
        return escaped
    return f"{escaped[:limit]}... ({len(text):,} characters)"
