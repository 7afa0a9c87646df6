"""Search: expressions that are parsed and never evaluated, and the rows that they are asked of."""
