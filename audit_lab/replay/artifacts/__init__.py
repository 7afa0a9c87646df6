"""Artifacts of model versions: read and compared with their digest, looked into without running anything of them.

`reading` takes the registered file or folder out of a log and compares its digest before a byte is parsed. Of a folder,
`folder` gives the digest and `mlmodel` what MLflow wrote about it. A pickle is never loaded here: `inspection` walks
its instructions on a stack of stand-ins and lists what opening it would import and call, and `lifting` takes an XGBoost
booster out of one, whose bytes need no pickle. What may then be handed to the sandbox's child is an `artifact`.
"""
