"""The table of attacks on a bundle: every row is one variant of an attack, and the findings that name it."""

from __future__ import annotations

import attack_archives
import attack_contents
import attack_crate
import attack_holding
import attack_signatures

ATTACKS = tuple(
    attack
    for module in (attack_holding, attack_archives, attack_contents, attack_signatures, attack_crate)
    for attack in module.ATTACKS
)
