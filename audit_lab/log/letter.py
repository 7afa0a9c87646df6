"""Search by what a letter says: a customer, a rough local time, an amount, a decision; each find says why it matches.

No score is made up: candidates are ordered by how many of the letter's clues they match, then by how near they lie to
the time that it gives. The log is read lazily and only the best candidates are held, so memory does not grow with it.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.letter_candidate import Candidate, Clues, Surroundings, as_word, candidate_of
from audit_lab.log.letter_amount import numeric_inputs
from audit_lab.log.lookup import look_up, places_of
from audit_lab.log.reading import collect, reading
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.units import input_units
...
