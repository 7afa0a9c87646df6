"""A table of any length, looked at page by page: only the rows of a page are read, in any order and by any filter.

`columns` says what a page shows, `column_values` what a column holds, `conditions` which rows a filter leaves.
`sort_keys` turns a column into numbers that sort as it does, `ranking` finds which rows have the ranks of a page,
`stored_rows` reads them, `summaries` counts for histograms and the timeline.
"""
