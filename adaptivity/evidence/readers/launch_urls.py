"""Finds the activity that a platform means by the id in its files."""

from functools import cached_property

from adaptivity.errors import InvalidInput
from adaptivity.evidence.readers.checks import check_text
from adaptivity.evidence.selectors.usage_ids import launch_urls_by_usage_id, usage_id_in
from adaptivity.text import URL_LENGTH

NO_ACTIVITY = "no activity has this usage id in its source_launch_url"


class LaunchUrls:
    """Source launch URLs by the ids in the files.

    With a ``template``, such as ``https://lms.example/courses/{course_id}/jump_to/{usage_id}``, a usage id leads to the
    URL that the template makes. Without one, it leads to the activity whose source launch URL contains the usage id.
    Scraped courses have such URLs.
    """

    def __init__(self, template: str = "") -> None:
        self.template = template

    @cached_property
    def _known(self) -> dict[str, str | None]:
        return launch_urls_by_usage_id()

    def of_usage_id(self, usage_id: str, *, course_id: object, field: str) -> str:
        """The URL of a block of an edX course. Raises InvalidInput, naming the field of the file."""
        if self.template:
            if not isinstance(course_id, str):
                if "{course_id}" in self.template:
                    raise InvalidInput("is missing", field="context.course_id")
                course_id = ""
            url = self.template.replace("{course_id}", course_id).replace("{usage_id}", usage_id)
            check_text(field, url, URL_LENGTH)
            return url
        return self._only(usage_id, field)

    def of_object_id(self, object_id: str, *, field: str) -> str:
        """The URL of an xAPI statement's object: its id or, if that contains a usage id, the URL of the activity with
        it.
        """
        usage_id = usage_id_in(object_id)
        if usage_id is None or usage_id not in self._known:
            return object_id
        return self._only(usage_id, field)

    def _only(self, usage_id: str, field: str) -> str:
        url = self._known.get(usage_id, "")
        if url is None:
            raise InvalidInput("several activities have this usage id in their source_launch_url", field=field)
        if not url:
            raise InvalidInput(NO_ACTIVITY, field=field)
        return url
