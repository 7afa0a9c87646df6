"""A table of any length, looked at page by page: only the rows of a page are read, in any order and by any filter.

`columns` says what a page shows, `sort_keys` turns a column into numbers that sort as it does, `ranking` finds which
rows have the ranks of a page, `pages` reads them, `summaries` counts for histograms and the timeline.
"""
