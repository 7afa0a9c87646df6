"""Take the prediction logs of serving platforms over into a sealed log: `adaptation.adapt`, or ``audit_lab.adapt``.

The way of a record: `source` lists the files and their digests; `forms` tells which form a file is of; the form reads
records and makes of each a `exchange.Half` (a request, a response, both, or a label) or a `exchange.Refusal`; halves
are paired by key; `bodies` decodes an exchange into instances; a `part` turns instances into rows; `identity` gives
each an id that the log does not have; `appending` writes what is refused to the `quarantine` and then appends the rows
together with an event that says how far each file was read (`ledger`). The `report` counts all of it.

**To add a form**, write a class like `sagemaker.SageMaker` and add an object of it to `forms.FORMS`. It has

- ``name``, and ``pairs``: False where a record holds both sides, True where request and response are records of their
  own (then records of one ``key`` are put together over all files of the call);
- ``recognises(sample)``: from the first 64 KiB of a file alone, and never by its name alone;
- ``read(file, start, settings)``: yields `exchange.Chunk`, with every record once, in a fixed order, numbered from 1,
  each with its raw bytes, and ``next_start`` to go on from. A record that cannot be understood is a `Refusal` with one
  of the codes of `exchange`, never an exception and never left out. `lines.read_lines` does this for lines;
- ``decode(half, settings)``: usually `bodies.decode_exchange`, which knows MLflow's scoring forms, versions 1 and 2 of
  the inference protocol, SageMaker's and Seldon's, bare JSON and CSV.

A half's ``about`` holds whatever columns of predictions the record states (``model_name``, ``model_version``,
``endpoint``, ``request_id``, ``latency_ms``, ``sampling_rate``, ``error``, ...). ``model_version`` may be a name that
``version=`` resolves as a table. A body that the platform dropped is None: the exchange is kept, without that side.
The rule that holds always: records in the files = ``rows`` = ``kept`` + ``quarantined``.
"""
