"""Why one prediction came out as it did, and what would have changed it, for the `Decision` that users hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from audit_lab.errors import MisuseError
from audit_lab.face.progress import shown_while
from audit_lab.face.reconstructed import Reconstructed
from audit_lab.log.files.printable import printable
from audit_lab.log.search.query import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from audit_lab.explain.agreement import Agreement
    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.counterfactual import Constraints, Counterfactuals
    from audit_lab.explain.reasons import ReasonCodes, Reasons
    from audit_lab.explain.what_if import WhatIf
    from audit_lab.sandbox import Limits

__all__ = ["Explained"]


class Explained(Reconstructed):
    """The questions about one decision that are answered by asking its model again."""

    def explain(
        self,
        method: Literal["shap", "lime"] = "shap",
        *,
        seed: int = 0,
        output: Literal["probability", "log-odds", "margin", "value"] | None = None,
        perturbation: Literal["interventional", "path-dependent"] = "interventional",
        sampling: Literal["by-row", "shap"] = "by-row",
        max_evals: int | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        limits: Limits | None = None,
        cache: bool = True,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
    ) -> Attribution:
        """Attribute the score to the recorded inputs, against a declared background of the same version's decisions.

        Parameters
        ----------
        method, seed, output, perturbation, sampling, max_evals, limits
            As `audit_lab.explain.explain`; `seed` chooses the background too.
        groups
            Features that have one contribution together, by the name of that; those that the signature of the version
            declares when omitted, and none when empty.
        cache
            Whether the same explanation of before may be read from this user's cache, and this one is kept there.
        trust, trusted_types
            As for `replay`.

        Raises
        ------
        ModelError
            The inputs or the artifact are missing; `code` says which.
        """
        from audit_lab.explain.of_decision import explain_decision

        given = {name: list(members) for name, members in groups.items()} if isinstance(groups, Mapping) else groups
        with self._access.asking(
            "explain",
            self.place,
            method=method,
            seed=seed,
            output=output,
            perturbation=None if perturbation == "interventional" else perturbation,
            sampling=None if sampling == "by-row" else sampling,
            max_evals=max_evals,
            groups=given,
            cache=None if cache else False,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            self.tell(answer)
            attribution = explain_decision(
                self._store,
                self._parts,
                method,
                seed=seed,
                output=output,
                perturbation=perturbation,
                sampling=sampling,
                max_evals=max_evals,
                groups=self._declared() if groups is None else groups,
                limits=limits,
                cache=cache,
                trust=trust,
                trusted_types=trusted_types,
            )
            answer.rows = 1 + len(attribution.background.rows)
            return attribution

    def agreement(
        self,
        *,
        seed: int = 0,
        groups: Mapping[str, Sequence[str]] | None = None,
        limits: Limits | None = None,
        cache: bool = True,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
    ) -> Agreement:
        """Put SHAP beside LIME, and each explanation of record beside the recomputed one of its method.

        What is on record as Shapley values of the log-odds is compared with those of the log-odds.

        Parameters
        ----------
        seed, groups, limits, cache, trust, trusted_types
            As for `explain`.

        Raises
        ------
        ModelError
            The inputs or the artifact are missing; `code` says which.
        """
        from audit_lab.explain.agreement import agreement_between
        from audit_lab.explain.of_decision import explain_decision

        given = {name: list(members) for name, members in groups.items()} if isinstance(groups, Mapping) else groups
        with self._access.asking(
            "agreement",
            self.place,
            seed=seed,
            groups=given,
            cache=None if cache else False,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            self.tell(answer)

            def explained(method: str, output: str | None = None) -> Attribution:
                return explain_decision(
                    self._store,
                    self._parts,
                    method,
                    seed=seed,
                    output=output,
                    groups=self._declared() if groups is None else groups,
                    limits=limits,
                    cache=cache,
                    trust=trust,
                    trusted_types=trusted_types,
                )

            shap, lime = explained("shap"), explained("lime")
            answer.rows = 1 + len(shap.background.rows)
            return agreement_between(shap, lime, self.explanations, lambda output: explained("shap", output))

    def _declared(self) -> Mapping[str, Sequence[str]]:
        """Return the groups of features that the signature of the version declares."""
        return self._parts.signature.groups if self._parts.signature else {}

    def reasons(
        self,
        codes: ReasonCodes | str | Path,
        *,
        reference: str = "all",
        seed: int = 0,
        limits: Limits | None = None,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
    ) -> Reasons:
        """Return up to four principal reasons of an adverse decision, in the words of reason codes.

        Parameters
        ----------
        codes
            Which feature stands for which reason: `audit_lab.explain.reasons.ReasonCodes`, or the JSON file of them.
        reference
            What the reasons are relative to, by name: ``all``, the background of `explain`; ``approved``, decisions
            that were not adverse; ``threshold`` and ``best``, of those the nearest to the threshold, and the furthest.
        seed, limits
            As for `explain`.
        trust, trusted_types
            As for `replay`.

        Raises
        ------
        MisuseError
            The codes cannot be read, or do not fit the version.
        ModelError
            The inputs or the artifact are missing, or the model does not repeat itself; `code` says which.
        """
        from audit_lab.explain.reasons import ReasonCodes, reasons_of_decision

        chosen = codes if isinstance(codes, ReasonCodes) else ReasonCodes.read(codes)
        with self._access.asking(
            "reasons",
            self.place,
            codes=chosen.version,
            codes_sha256=chosen.sha256,
            reference=None if reference == "all" else reference,
            seed=seed,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            self.tell(answer)
            found = reasons_of_decision(
                self._store,
                self._parts,
                chosen,
                reference=reference,
                seed=seed,
                limits=limits,
                trust=trust,
                trusted_types=trusted_types,
            )
            answer.rows = 1 + (len(found.reference.rows) if found.reference else 0)
            return found

    def counterfactual(
        self,
        k: int = 3,
        *,
        constraints: Constraints | None = None,
        target: str | None = None,
        window: tuple[str | date | datetime | None, str | date | datetime | None] | None = None,
        between: bool = False,
        most_changes: int = 3,
        most_candidates: int = 20_000,
        limits: Limits | None = None,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        progress: Callable[[str, int], None] | None = None,
    ) -> Counterfactuals:
        """Find the nearest changes of the inputs with which the system would have decided otherwise.

        Parameters
        ----------
        k, target, between, most_changes, most_candidates, progress
            As `audit_lab.explain.counterfactual.find_counterfactuals`.
        constraints
            What may change: `audit_lab.explain.counterfactual.Constraints`; without them, every input.
        window
            In whose values count as supported, from the one moment on and before the other; before the decision where
            None, or at any time where fewer than 20 decisions were taken before it.
        limits, environment, trust, trusted_types
            As for `replay`.

        Raises
        ------
        ModelError
            The decision does not replay as recorded, or the version makes no decision; `code` says which.
        MisuseError
            A constraint cannot be meant, or a number is out of its range.
        """
        from audit_lab.explain.counterfactual import find_counterfactuals
        from audit_lab.replay.runner import Runner
        from audit_lab.replay.surroundings import environment_choice

        since, until = window or (None, None)
        with (
            self._access.asking(
                "counterfactual",
                self.place,
                k=k,
                constraints=None if constraints is None else constraints.words(),
                target=target,
                since=since,
                until=until,
                environment=None if environment == "present" else environment,
                trust=[*trust, *trusted_types] or None,
            ) as answer,
            shown_while("counterfactual", progress),
        ):
            self.tell(answer)
            chosen = environment_choice(self._store, environment, self.prediction)
            found = find_counterfactuals(
                self._store,
                self._parts,
                Runner(self._store, limits=limits, trust=trust, trusted_types=trusted_types, environments=chosen),
                k,
                constraints=constraints,
                target=target,
                window=None if window is None else (instant(since, "since"), instant(until, "until")),
                between=between,
                most_changes=most_changes,
                most_candidates=most_candidates,
                progress=progress,
            )
            answer.rows = 1 + found.data.rows
            return found

    def what_if(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        explain: Literal["shap", "lime"] | None = "shap",
        output: Literal["probability", "log-odds", "margin", "value"] | None = None,
        codes: ReasonCodes | str | Path | None = None,
        seed: int = 0,
        limits: Limits | None = None,
        environment: Literal["present", "recorded"] = "present",
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
    ) -> WhatIf:
        """Run the recorded inputs with some of them changed, and put what comes of it beside the original.

        `WhatIf.change` and `WhatIf.reset` go on from there. A decision whose replay is not its record is answered too;
        the answer says so first, and compares with what the artifact gives for the recorded inputs now.

        Parameters
        ----------
        changes
            Feature to the value that takes the place of the recorded one; None: missing. Without any, the original.
        explain, output
            How both are explained, against the background of `explain`; None for no attribution, which is quicker.
            `output` as for `audit_lab.explain.explain`.
        codes
            For the reasons of both: as for `reasons`.
        seed
            Of the background and of the explanations.
        limits, environment, trust, trusted_types
            As for `replay`; attributions are computed in the present environment.

        Raises
        ------
        MisuseError
            A change cannot be meant: the model takes no such feature, or the value is of another type or not finite.
        ModelError
            The recorded inputs cannot be run: they or the artifact are missing; `code` says which.
        """
        from audit_lab.explain.reasons import ReasonCodes
        from audit_lab.explain.what_if import Asked, ask_what_if
        from audit_lab.face.what_if_again import WhatIfAgain
        from audit_lab.replay.runner import Runner
        from audit_lab.replay.surroundings import environment_choice

        changes = {} if changes is None else changes
        if not isinstance(changes, Mapping):
            raise MisuseError(f"changes are a {type(changes).__name__}", "Give them as feature to value.")
        reason_codes = codes if isinstance(codes, ReasonCodes) or codes is None else ReasonCodes.read(codes)
        with self._access.asking(
            "what if",
            self.place,
            changes=[printable(f"{name}={value!r}") for name, value in changes.items()] or None,
            explain=explain,
            output=output,
            codes_sha256=None if reason_codes is None else reason_codes.sha256,
            seed=seed,
            environment=None if environment == "present" else environment,
            trust=[*trust, *trusted_types] or None,
        ) as answer:
            self.tell(answer)
            note = self._store.checkpoint
            asked = Asked(
                explain=explain,
                output=output,
                seed=seed,
                codes=None if codes is None or isinstance(codes, ReasonCodes) else str(codes),
                codes_sha256=None if reason_codes is None else reason_codes.sha256,
                environment=environment,
                trust=tuple(sorted(trust)),
                trusted_types=tuple(sorted(trusted_types)),
                limits=limits,
                log=self._store.location,
                as_of=None if note is None else int(note.splitlines()[1]),
                is_mapped=self._store.mapping is not None,
            )

            def runner() -> Runner:
                chosen = environment_choice(self._store, environment, self.prediction)
                return Runner(self._store, limits=limits, trust=trust, trusted_types=trusted_types, environments=chosen)

            found = ask_what_if(self._store, self._parts, runner, changes, asked=asked, codes=reason_codes)
            answer.rows = 1 + (len(found.original_attribution.background.rows) if found.original_attribution else 0)

            given: dict[str, Any] = {"explain": explain, "output": output, "codes": codes, "seed": seed}
            given |= {"limits": limits, "environment": environment, "trust": trust, "trusted_types": trusted_types}
            model = str(self.prediction["model_name"])
            again = WhatIfAgain(self.what_if, given, self._store, self._access, model, self._parts.signature)
            return found.asking_with(again)
