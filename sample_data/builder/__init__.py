"""Builds the sample audit logs from the public data sets in ``sample_data/sources``, the same bytes every time.

``sources`` reads the public files; ``flights`` invents departure times and computes what was known before departure;
``delay_models`` and ``artifacts`` make and reload the real models; ``faults`` plans and plants what an investigator
should find; ``flights_registry`` and ``flights_events`` write the life cycle around them. ``credit`` and ``foreign``
make the other two folders, and ``truth`` says what was planted. Nothing here reads a clock or a random state.
"""
