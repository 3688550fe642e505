"""The pipelines that the settings name."""

from django.conf import settings
from django.utils.module_loading import import_string

from adaptivity.errors import InvalidInput
from adaptivity.jobs.pipelines.declaration import Pipeline, by_name


def pipelines() -> dict[str, Pipeline]:
    """Every pipeline, by its name."""
    return by_name(import_string(settings.PIPELINES))


def pipeline(name: str) -> Pipeline:
    """The pipeline of that name. Raises InvalidInput."""
    found = pipelines()
    if name not in found:
        raise InvalidInput(f"{name} is none of {', '.join(found)}", field="pipeline")
    return found[name]
