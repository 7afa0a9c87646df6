"""A library that takes more than there is, as the child imports it."""

raise MemoryError("no more")
