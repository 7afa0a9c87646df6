"""Finding rows by an id: where each stands, and its reading with as few bytes as may be.

An `index_file` holds the hashes of one id column; `index_builder` makes those that a log lacks, in the `index_cache`,
and `open_indexes` keeps them open. The `locator` asks them, `row_search` compares what it says with the files, or reads
the column where there is no index; `row_reader` decodes single rows, and `lookup` answers with all rows of an id.
`shelf` keeps small tables at hand between questions.
"""
