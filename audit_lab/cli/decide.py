"""Commands about decisions: replay, explain and prove."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from audit_lab.cli import output
from audit_lab.cli.agreement import show_agreement
from audit_lab.cli.ask import Model, Since, Until
from audit_lab.cli.limits import Environment, MemoryLimit, TimeLimit, Trust, TrustType, limits_of
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.replay.causes.cause import KINDS

if TYPE_CHECKING:
    from audit_lab.face import AuditLog

__all__ = ["register"]

#: Predictions that were not reproduced and stand one by one in ``--json``; with --keep all of them are in the folder.
_MOST_LISTED = 10_000
_MOST_SHOWN = 20
_STANDARD = {"perturbation": "interventional", "sampling": "by-row"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (replay, explore, explain, prove):
        app.command()(reads_a_log(command))


def replay(
    reading: Reading,
    prediction_id: Annotated[str | None, typer.Argument(help="A prediction's id or place.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay every prediction of the log.")] = False,
    where: Annotated[str | None, typer.Option("--where", help="Replay those that match an expression.")] = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    environment: Environment = "present",
    trust: Trust = None,
    trust_type: TrustType = None,
    causes: Annotated[
        bool, typer.Option("--causes/--no-causes", help="Look for what reproduces a record that diverged.")
    ] = True,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Folder for the results; a replay that was stopped goes on there.")
    ] = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Run recorded inputs through the recorded model again, and say whether the decision comes out the same.

    The artifact's digest is checked before a byte of it is read; the model runs in a child process without network.
    Verdicts: EXACT, WITHIN_TOLERANCE, DIVERGED (at which step), UNREPLAYABLE (why). Exits 1 unless all were reproduced.
    """
    if environment not in ("present", "recorded"):
        raise MisuseError(f"there is no environment {environment!r}", "Choose present or recorded.")
    opened = reading.open()
    window = any(value is not None for value in (where, since, until, model))
    options: dict[str, Any] = {
        "limits": limits_of(time_limit, memory_limit),
        "environment": environment,
        "trust": trust or (),
        "trusted_types": trust_type or (),
        "causes": causes,
    }
    if prediction_id is not None and not (everything or window or keep):
        return _replay_one(opened, prediction_id, options, as_json=as_json)
    if prediction_id is None and (everything or window):
        question = {"since": since, "until": until, "model": model, "keep": keep}
        return _replay_many(opened, where, {**question, **options}, as_json=as_json)
    raise MisuseError(
        "replay needs an id, or --all, or a window", "Give one of them: audit-lab replay ID --log FOLDER."
    )


def _replay_one(log: AuditLog, prediction_id: str, options: dict[str, Any], *, as_json: bool) -> int:
    result = log.decision(prediction_id).replay(**options)
    if as_json:
        output.print_json(result.to_dict())
        return int(not result.reproduced)
    output.title(f"Replay of {result.prediction_id}")
    output.line(str(result.verdict))
    output.line(result.why)
    shown = [name for name in result.recorded if result.recorded[name] is not None or result.replayed[name] is not None]
    output.table(("", "recorded", "replayed"), [(name, result.recorded[name], result.replayed[name]) for name in shown])
    if result.explanation is not None:
        names = ("tried", "changes", "reproduced at most", "of")
        tried = [(KINDS[each.kind], each.changes, each.most_reproduced) for each in result.explanation.tried]
        output.table(names, [(*each, result.explanation.examined) for each in tried])
    isolation = ", ".join(f"{name} {value}" for name, value in result.isolation.items())
    facts = {"tolerance": result.tolerance, "environment": result.environment, "isolation": isolation or "nothing ran"}
    output.facts(facts)
    output.lines(each.sentence for each in result.differences)
    output.lines(result.notes)
    return int(not result.reproduced)


def _replay_many(log: AuditLog, where: str | None, question: dict[str, Any], *, as_json: bool) -> int:
    with output.bar() as progress:
        whole = where is None and not any(question[name] for name in ("since", "until", "model"))
        total = log.describe()["tables"].get("predictions") if whole else None
        task = progress.add_task("replaying", total=total)
        batch = log.replay(
            where,
            **question,
            progress=lambda version, count: progress.update(
                task, advance=count, description=f"replayed {printable(version)}"
            ),
        )
    if as_json:
        output.print_json({**batch.to_dict(), "not_reproduced": batch.not_reproduced(_MOST_LISTED).to_dicts()})
    else:
        names = (
            "model_name",
            "model_version",
            "verdict",
            "code",
            "predictions",
            "largest distance",
            "ulps",
            "first id",
        )
        output.table(names, batch.groups.iter_rows(), keep=("first id",))
        output.lines(batch.summary(), bullet="")
        if batch.kept is not None:
            output.line(f"Every verdict stands in {batch.kept}.")
    return int(batch.reproduced != batch.predictions or not batch.predictions)


def explore(
    reading: Reading,
    version: Annotated[str, typer.Argument(help="The version whose recorded inputs are run.")],
    other: Annotated[
        str | None, typer.Argument(help="Another version to run beside it.", show_default="its recorded environment")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="Only inputs of decisions that match.")] = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="At most so many decisions.")] = 1000,
    trust: Trust = None,
    trust_type: TrustType = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Run recorded inputs twice, and show where the outputs part.

    With one version: in its recorded environment, which is built once, and in the present one. With two: both in the
    present environment. Exits 1 where any output differs in a bit, or any decision differs; and where nothing could be
    run, since no decision matches or a version is wanting.
    """
    found = reading.open().explore(
        version,
        other,
        model=model,
        expression=where,
        since=since,
        until=until,
        rows=rows,
        trust=trust or (),
        trusted_types=trust_type or (),
        limits=limits_of(time_limit, memory_limit),
    )
    differing = found.differing
    if as_json:
        output.print_json(found.to_dict())
        return int(differing.height > 0)
    output.title(f"A: {found.sides[0]}; B: {found.sides[1]}")
    output.line(found.summary)
    shown = differing.sort("absolute_difference", descending=True, nulls_last=True).head(_MOST_SHOWN)
    names = ("prediction_id", "score_a", "score_b", "absolute_difference", "ulps", "decision_a", "decision_b")
    if shown.height:
        output.table(names, shown.select(names).iter_rows(), keep=("prediction_id",))
    mattering = [each.sentence for each in found.differences if each.matters]
    output.lines(mattering)
    others = len(found.differences) - len(mattering)
    if others:
        output.line(f"{others} further differences, none of which a score passes through; --json lists them.")
    return int(differing.height > 0)


def explain(
    reading: Reading,
    prediction_id: Annotated[str, typer.Argument(help="A prediction's id or place.")],
    method: Annotated[str, typer.Option("--method", help="shap, lime, or both beside each other.")] = "shap",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the background and of the method.")] = 0,
    explained: Annotated[
        str | None,
        typer.Option("--output", help="What is explained: probability, log-odds ...", show_default="the score"),
    ] = None,
    perturbation: Annotated[
        str, typer.Option("--perturbation", help="What a feature left out takes: interventional, or path-dependent.")
    ] = "interventional",
    sampling: Annotated[
        str, typer.Option("--sampling", help="How SHAP that is not exact is sampled: by-row, or shap: by shap itself.")
    ] = "by-row",
    max_evals: Annotated[
        int | None, typer.Option("--max-evals", help="Evaluations of shap's sampling.", show_default="500")
    ] = None,
    ungrouped: Annotated[
        bool, typer.Option("--ungrouped", help="Take features apart that the signature declares to be one.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute it anew, and keep nothing of it.")] = False,
    trust: Trust = None,
    trust_type: TrustType = None,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> int:
    """Say which inputs moved one decision's score, by SHAP or LIME, against a declared background.

    The background is a fixed choice of the same version's decisions, earlier ones where there are 20; its digest,
    the seed and the checks are part of the answer. Exits 1 when a check of the explanation failed. With both, SHAP
    stands beside LIME, and the explanations of record beside them; exits 1 when a check failed or any two disagree.
    """
    if method not in ("shap", "lime", "both"):
        raise MisuseError(f"there is no method {method!r}", "Choose shap, lime or both.")
    asked: dict[str, Any] = {
        "seed": seed,
        "groups": {} if ungrouped else None,
        "limits": limits_of(time_limit, memory_limit),
        "cache": not no_cache,
        "trust": trust or (),
        "trusted_types": trust_type or (),
    }
    how: dict[str, Any] = {
        "output": explained,
        "perturbation": perturbation,
        "sampling": sampling,
        "max_evals": max_evals,
    }
    if method == "both" and how != {**_STANDARD, "output": None, "max_evals": None}:
        raise MisuseError(
            "SHAP is put beside LIME in the standard way only: of the score, against the background",
            "Choose --method shap with these options, or both without them.",
        )
    decision = reading.open().decision(prediction_id)
    if method == "both":
        return show_agreement(decision.agreement(**asked), as_json=as_json)
    result = decision.explain(cast("Literal['shap', 'lime']", method), **asked, **how)
    if as_json:
        said = {"digest": result.digest, "elsewhere_within": result.elsewhere_within, "repeats": result.repeats()}
        output.print_json({**json.loads(result.to_json()), **said})
    else:
        output.title(f"{result.method.upper()} explanation of {result.prediction_id}")
        units = {each.name: each.unit for each in decision.signature.features} if decision.signature else {}
        from audit_lab.explain.describing import Decided

        decided = Decided.of(decision.prediction, decision.final_decision)
        output.lines(result.describe(units, decided), bullet="")
        output.table(("feature", "value", "contribution"), result.to_frame().iter_rows())
        output.facts({"background": result.background.description, "seed": result.seed, "digest": result.digest})
        output.title("Checks")
        output.lines(
            f"{'passed' if check.passed else 'FAILED'}: {check.name}: {check.detail}" for check in result.checks
        )
        output.line(result.repeats())
    return int(not all(check.passed for check in result.checks))


def prove(
    reading: Reading,
    prediction_id: Annotated[str, typer.Argument(help="A prediction's id or place.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Write the proof to this file.")],
    fields: Annotated[
        str | None, typer.Option("--fields", help="Comma-separated: the columns to show; all of them.")
    ] = None,
    vault: Annotated[
        str | None, typer.Option("--vault", help="Folder with the log's keys.", show_default="in your state folder")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Prove that a prediction and its inputs stand in a sealed log, to somebody who does not have the log.

    Whoever gets the file checks it with `audit-lab verify FILE --trust LOG.trust.toml`. Fields that are not shown stay
    committed to, and nothing is said about their values.
    """
    chosen = None if fields is None else [name.strip() for name in fields.split(",")]
    proof = reading.open().prove(prediction_id, chosen, vault=vault)
    path = proof.save(out)
    if as_json:
        output.print_json({"proof": str(path), "shown": proof.shown, "withheld": proof.withheld})
        return 0
    output.line(str(proof))
    output.table(
        ("table", "shown", "withheld"),
        [(table, ", ".join(shown), ", ".join(proof.withheld[table])) for table, shown in proof.shown.items()],
    )
    output.line(f"{path}: whoever gets it uses audit-lab verify {path} --trust LOG.trust.toml")
    return 0
