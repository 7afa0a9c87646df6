"""From an id to its rows: index files that are built, found and never trusted, and rows read one by one."""
