"""What is withheld when a case is exported: a profile says of which columns (`profile`).

Rows of the log keep the digests of what is withheld, and so their proofs. Tables and documents of exhibits are changed
(`values`), which gives these exhibits other names (`case`); whatever else would still show a withheld value makes the
export fail (`search`).
"""
