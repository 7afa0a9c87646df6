"""The re-run: a bundle's notebook is executed again, behind walls, and compared cell by cell.

`world` builds the place without network in which `inside` runs the notebook against a read-only view of the log that
`log_place` found the notebook to open; `outputs` compares what two runs of a cell showed, by kind;
`environment_change` says where the environment is another than the recorded one; `report` puts it together.
"""
