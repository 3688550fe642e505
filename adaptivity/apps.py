from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register


class AdaptivityConfig(AppConfig):
    name = "adaptivity"
    verbose_name = "Adaptivity"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_pipelines)


def check_pipelines(**_: Any) -> list[CheckMessage]:
    """Makes manage.py refuse an invalid pipeline at once, instead of in the night."""
    from adaptivity.runs.pipelines.declaration import PipelineError
    from adaptivity.runs.pipelines.registry import pipelines

    try:
        pipelines()
    except PipelineError as error:
        return [Error(str(error), hint="The setting PIPELINES names the declarations.", id="adaptivity.E001")]
    return []
