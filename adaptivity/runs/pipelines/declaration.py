"""What a pipeline is: named steps, each a command line of manage.py, and their order."""

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from adaptivity.errors import InvalidInput

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# The two forms that EventBridge Scheduler takes.
SCHEDULE = re.compile(r"(cron|rate)\(.+\)")


class PipelineError(InvalidInput):
    """An invalid declaration. The message names the pipeline and the step."""


@dataclass(frozen=True)
class Step:
    """A step of a pipeline.

    ``command`` is what follows manage.py, with ``{parameter}`` for a value of the run. The step starts when all steps
    in ``after`` are done, and is ended after ``timeout`` seconds.

    If its exit code says that another attempt may help, it is tried again up to ``retries`` times. The first pause is
    ``pause`` seconds, and each further one is twice as long.
    """

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()
    retries: int = 0
    timeout: int = 3600
    pause: int = 30

    def parameters(self) -> set[str]:
        """The names of the parameters in its command."""
        return {name for word in self.command for _, name, _, _ in string.Formatter().parse(word) if name is not None}

    def command_line(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The command with the values filled in."""
        return tuple(word.format_map(values) for word in self.command)


@dataclass(frozen=True)
class Pipeline:
    """A pipeline: steps in any order.

    ``parameters`` maps the names that commands use to their default values. None means that every run must give a
    value. A run's value may be empty only if the default is. ``schedule`` says in UTC when it runs automatically, in
    the notation of EventBridge Scheduler.

    Raises PipelineError if the steps do not form a graph that can be run.
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    schedule: str | None = None

    def __post_init__(self) -> None:
        self._check(self.name, "a pipeline")
        if not self.steps:
            raise PipelineError(f"pipeline {self.name} has no steps")
        if self.schedule is not None and not SCHEDULE.fullmatch(self.schedule):
            raise PipelineError(
                f"pipeline {self.name}: the schedule {self.schedule} is neither cron(...) nor rate(...)"
            )
        for parameter in self.parameters:
            self._check(parameter, "a parameter")
        for step in self.steps:
            self._check_step(step)
        try:
            TopologicalSorter(self.graph()).prepare()
        except CycleError as error:
            raise PipelineError(f"pipeline {self.name} has a cycle: {' → '.join(error.args[1])}") from None

    def _check_step(self, step: Step) -> None:
        self._check(step.name, "a step")
        names = [each.name for each in self.steps]
        where = f"pipeline {self.name}, step {step.name}"
        if names.count(step.name) > 1:
            raise PipelineError(f"{where} is declared twice")
        if not step.command:
            raise PipelineError(f"{where} has no command")
        for dependency in step.after:
            if dependency not in names:
                raise PipelineError(f"{where} comes after {dependency}, which is not one of its steps")
        if step.retries < 0 or step.pause < 0 or step.timeout < 1:
            raise PipelineError(f"{where}: retries and pause must be 0 or more, and timeout at least 1")
        try:
            unknown = step.parameters() - set(self.parameters)
        except ValueError as error:
            raise PipelineError(f"{where}: {error} in its command") from None
        if unknown:
            raise PipelineError(f"{where} uses {', '.join(sorted(unknown))}, which is not one of its parameters")

    def _check(self, name: str, what: str) -> None:
        if not NAME.fullmatch(name):
            raise PipelineError(
                f"{name!r} is not a valid name of {what}: use up to 40 lower-case letters, digits and underscores"
            )

    def graph(self) -> dict[str, tuple[str, ...]]:
        """Each step with those that it comes after."""
        return {step.name: step.after for step in self.steps}

    def step(self, name: str) -> Step:
        """The step of this name. Raises InvalidInput if there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise InvalidInput(f"{name} is not one of {', '.join(step.name for step in self.steps)}", field="step")

    def in_order(self) -> list[Step]:
        """The steps, each after those that it comes after, and otherwise in the order of the declaration."""
        depths = self.depths()
        return sorted(self.steps, key=lambda step: depths[step.name])

    def depths(self) -> dict[str, int]:
        """The number of steps on the longest path to each step."""
        depths: dict[str, int] = {}
        for name in TopologicalSorter(self.graph()).static_order():
            depths[name] = 1 + max((depths[before] for before in self.step(name).after), default=-1)
        return depths

    def from_step(self, name: str) -> set[str]:
        """The step and all that come after it, directly or through other steps."""
        chosen = {self.step(name).name}
        for step in self.in_order():
            if chosen.intersection(step.after):
                chosen.add(step.name)
        return chosen

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Every parameter's value. Raises InvalidInput if one is unknown, or has no value."""
        for name in given:
            if name not in self.parameters:
                known = f"its parameters are {', '.join(self.parameters)}" if self.parameters else "it has none"
                raise InvalidInput(f"is not a parameter of {self.name}; {known}", field=name)
        values: dict[str, str] = {}
        for name, default in self.parameters.items():
            value = given.get(name, default)
            if value is None or (not value and default != ""):
                raise InvalidInput(f"{self.name} needs a value for it", field=name)
            if value.startswith("-"):
                raise InvalidInput("must not begin with -, because it would be read as an option", field=name)
            values[name] = value
        return values


def by_name(pipelines: Iterable[Pipeline]) -> dict[str, Pipeline]:
    """The pipelines by name. Raises PipelineError if two have the same name."""
    found: dict[str, Pipeline] = {}
    for pipeline in pipelines:
        if pipeline.name in found:
            raise PipelineError(f"there are two pipelines {pipeline.name}")
        found[pipeline.name] = pipeline
    return found
