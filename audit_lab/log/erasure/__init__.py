"""Taking a person's values out of a sealed log so that it still verifies.

`search` finds the rows, `erasure` rewrites their files, destroys their keys and seals the entry; `erasable` says which
fields that may be, `kept` holds the digests that stay, and `rows` and `erased` tell readers what is gone.
"""
