"""The table of attacks on a bundle: every row is one variant of an attack, and the findings that name it."""

from __future__ import annotations

import attack_archives
import attack_contents
import attack_crate
import attack_signatures

ATTACKS = (*attack_archives.ATTACKS, *attack_contents.ATTACKS, *attack_signatures.ATTACKS, *attack_crate.ATTACKS)
