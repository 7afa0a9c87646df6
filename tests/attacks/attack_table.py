"""The table of attacks on a bundle: every row is one variant of an attack, and the findings that name it."""

from __future__ import annotations

import attack_ages
import attack_archives
import attack_contents
import attack_crate
import attack_holding
import attack_models
import attack_signatures
import attack_stamps

MODULES = (
    attack_holding,
    attack_models,
    attack_archives,
    attack_contents,
    attack_signatures,
    attack_crate,
    attack_stamps,
    attack_ages,
)
ATTACKS = tuple(attack for module in MODULES for attack in module.ATTACKS)
