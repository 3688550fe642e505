"""The pipelines that the settings name."""

from django.conf import settings
from django.utils.module_loading import import_string

from adaptivity.errors import InvalidInput
from adaptivity.runs.pipelines.declaration import Pipeline, PipelineError, by_name

# Deployments that set PIPELINES before the declarations moved still use the old path.
FORMER_PATHS = {"adaptivity.jobs.pipelines.shipped.PIPELINES": "adaptivity.pipelines.PIPELINES"}


def pipelines() -> dict[str, Pipeline]:
    """Every pipeline by its name. Raises PipelineError if the setting names none, or an invalid one."""
    try:
        declared = import_string(FORMER_PATHS.get(settings.PIPELINES, settings.PIPELINES))
    except ImportError as error:
        raise PipelineError(str(error), field="PIPELINES") from error
    if not isinstance(declared, list | tuple) or not all(isinstance(each, Pipeline) for each in declared):
        raise PipelineError(f"{settings.PIPELINES} is not a tuple of pipelines", field="PIPELINES")
    return by_name(declared)


def pipeline(name: str) -> Pipeline:
    """The pipeline of this name. Raises InvalidInput if there is none."""
    found = pipelines()
    if name not in found:
        raise InvalidInput(f"{name} is not one of {', '.join(found)}", field="pipeline")
    return found[name]
