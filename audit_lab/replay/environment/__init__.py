"""The environment in which a model ran: recorded, compared with the present one, and built again.

A `fingerprint` says which interpreter, packages, processor and numeric libraries ran a model; `fingerprint_task` takes
it inside the sandbox's child, and `recorded` finds what a log says about a prediction. `comparison` lists how two
fingerprints differ and whether the same bits may be expected of them. `requirements` turns a recorded list, which is
foreign text, into pins that are safe to hand to uv; `construction` builds them once, with `uv_command` and
`interpreters`, into the `environment_cache`. `exploration` runs the same inputs in two environments and shows where
the outputs part.

The child imports `fingerprint` and `fingerprint_task` with nothing but the recorded packages, so this file imports
nothing.
"""
