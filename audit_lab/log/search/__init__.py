"""Questions over whole tables: an expression in SQL, a range of time, predictions beside their inputs.

`expression` parses a text into `expression_nodes` of which only known ones pass, `expression_terms` gives them types,
`like_pattern` turns LIKE into a pattern. `query` answers; `wide` and `pairing` put inputs beside predictions without
multiplying rows.
"""
