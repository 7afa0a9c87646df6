"""What shuts the child in, from the outside in.

`namespaces` (where bubblewrap has not made them already), `user`, limits on resources, `landlock`, `system_calls`, and
last Python's own `audit_hook`. `shut` raises them in that order, before the child has seen a byte of the artifact, and
`confirmed` looks at the process from inside to say which of them stand. Standard library only: any interpreter runs it.
"""
