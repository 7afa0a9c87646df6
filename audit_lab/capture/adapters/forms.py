"""The forms that are known, and which of them a file is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.capture.adapters.avro import Avro
from audit_lab.capture.adapters.azureml import AzureMl
from audit_lab.capture.adapters.databricks import Databricks
from audit_lab.capture.adapters.json_lines import JsonLines
from audit_lab.capture.adapters.kserve import KServe
from audit_lab.capture.adapters.sagemaker import SageMaker
from audit_lab.capture.adapters.seldon import Seldon
from audit_lab.capture.adapters.vertex import Vertex
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.capture.adapters.exchange import Form
    from audit_lab.capture.adapters.source import Sample

__all__ = ["FORMS", "form_named", "form_of"]

#: Every form by its name, in the order in which they are tried on a file.
FORMS: dict[str, Form] = {
    form.name: form
    for form in (SageMaker(), KServe(), Seldon(), AzureMl(), Databricks(), Vertex(), Avro(), JsonLines())
}


def form_named(name: str, *, has_mapping: bool) -> Form:
    """Return the form of a name.

    Raises
    ------
    MisuseError
        There is none, or it is read by a mapping, and none was given.
    """
    if name not in FORMS:
        raise MisuseError(f"there is no form {name[:40]!a} of logs", f"Known are {', '.join(FORMS)}.")
    if _needs_mapping(FORMS[name]) and not has_mapping:
        raise MisuseError(
            f"the form {name} is read by a mapping", "Give one (mapping=, --mapping): see docs/adapters.md."
        )
    return FORMS[name]


def form_of(sample: Sample, *, has_mapping: bool) -> Form | None:
    """Return the form that a file's beginning is of; None where none is recognised."""
    tried = (form for form in FORMS.values() if has_mapping or not _needs_mapping(form))
    return next((form for form in tried if form.recognises(sample)), None)


def _needs_mapping(form: Form) -> bool:
    """Whether a form can only be read with a mapping."""
    return bool(getattr(form, "needs_mapping", False))
