"""The platforms whose courses are read through an API.

To add one, write a module like open_edx, an entry here, and a member of CourseSource.Kind.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from adaptivity.models import CourseSource
from adaptivity.outbound.client import Client
from adaptivity.sources.platforms.open_edx import OpenEdX
from adaptivity.sources.services.sections import Section


class Platform(Protocol):
    """What the scraper needs from a platform.

    ``sections`` yields the sections of the source's courses with their items, in order: all of them, or an error. It
    raises InvalidInput if trying again would not help, and Unavailable if it may help.
    """

    def sections(self) -> Iterator[Section]: ...


PLATFORMS: Mapping[str, Callable[[CourseSource, Client, Mapping[str, Mapping[str, str]]], Platform]] = {
    CourseSource.Kind.OPEN_EDX: OpenEdX,
}
