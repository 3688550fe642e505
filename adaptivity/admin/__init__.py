"""The Django admin, one module per aggregate; importing them registers their pages."""

from django.contrib import admin

from adaptivity.admin import (
    activity,
    collection,
    evidence,
    experiment,
    job_run,
    knowledge_component,
    learner,
    model_version,
    pipeline_run,
    receipt,
    source,
)

__all__ = [
    "activity",
    "collection",
    "evidence",
    "experiment",
    "job_run",
    "knowledge_component",
    "learner",
    "model_version",
    "pipeline_run",
    "receipt",
    "source",
]

admin.site.site_header = "Adaptivity"
admin.site.site_title = "Adaptivity"
admin.site.index_title = "Content, learners and evidence"
