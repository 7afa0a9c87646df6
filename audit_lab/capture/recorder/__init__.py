"""Record predictions as they are made, at a cost that the model does not feel.

A `recorder` takes what it is handed into memory, in the `record_form`; its `spool_writer`, a thread, brings that to the
disk in frames of a `spool_file`, and whoever waits for a `ticket` is told. A `sealing_process`, which `sealing` looks
after, turns the `spooled_rows` into segments of the log with the `sealer`, each record once.
"""
