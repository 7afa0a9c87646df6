"""The command that explains a decision: what is explained and how, as options, and what cannot be meant."""

from __future__ import annotations

import json

import polars as pl
import pytest

ID = "p-030"


def test_output_and_perturbation_are_options(run, make_log):
    log = str(make_log())
    answer = run("explain", "--log", log, ID, "--output", "log-odds", "--perturbation", "path-dependent", "--json")

    assert (answer.code, answer.err) == (0, "")
    assert answer.json["output_explained"] == "log-odds"
    assert answer.json["algorithm"] == "tree, path-dependent, by xgboost itself"


def test_sampling_by_shap_is_an_option_and_exact_values_stay_so(run, make_log):
    log = str(make_log())
    answer = run("explain", "--log", log, ID, "--sampling", "shap", "--max-evals", "100", "--json")

    assert answer.json["algorithm"] == "exact enumeration of coalitions, interventional"


def test_features_that_belong_together_are_taken_apart_when_asked(run, make_log):
    def declare(versions: pl.DataFrame) -> pl.DataFrame:
        signature = json.loads(versions["signature"].item())
        for feature in signature["features"][:2]:
            feature["group"] = "circumstances"
        return versions.with_columns(signature=pl.lit(json.dumps(signature)))

    log = str(make_log(model_versions=declare))
    together = run("explain", "--log", log, ID, "--json").json
    apart = run("explain", "--log", log, ID, "--ungrouped", "--json").json

    assert [each["feature"] for each in together["contributions"]] == ["circumstances", "years"]
    assert [each["feature"] for each in apart["contributions"]] == ["income", "city", "years"]
    assert apart["notes"][0].startswith("The signature declares that features belong together (circumstances: ")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--sampling", "kernel"), "there is no sampling 'kernel'"),
        (("--perturbation", "marginal"), "there is no perturbation 'marginal'"),
        (("--method", "both", "--output", "log-odds"), "SHAP is put beside LIME in the standard way only"),
        (("--max-evals", "900"), "max_evals is an argument of shap's permutation explainer"),
    ],
)
def test_what_cannot_be_meant_is_misuse(run, make_log, options, what):
    answer = run("explain", "--log", str(make_log()), ID, *options)

    assert answer.code == 2
    assert what in " ".join(answer.err.split())
