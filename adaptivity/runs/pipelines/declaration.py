"""What a pipeline is: named steps, each a command line of manage.py, and which come after which."""

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from adaptivity.errors import InvalidInput

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# As EventBridge Scheduler takes them.
SCHEDULE = re.compile(r"(cron|rate)\(.+\)")


class PipelineError(InvalidInput):
    """A declaration that makes no sense; the message names the pipeline and the step."""


@dataclass(frozen=True)
class Step:
    """``command`` is what follows manage.py, with ``{parameter}`` for a value of the run. The step starts when all in
    ``after`` are done, is ended after ``timeout`` seconds, and is tried again up to ``retries`` times where its exit
    code says that this may help: after ``pause`` seconds, then after twice as many, and so on."""

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()
    retries: int = 0
    timeout: int = 3600
    pause: int = 30

    def parameters(self) -> set[str]:
        """The names that its command needs a value for."""
        return {name for word in self.command for _, name, _, _ in string.Formatter().parse(word) if name is not None}

    def command_line(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The command with the values in it."""
        return tuple(word.format_map(values) for word in self.command)


@dataclass(frozen=True)
class Pipeline:
    """Steps in any order. ``parameters`` are the names that commands use, each with its value where a run gives none;
    None: every run has to give one. A run's value may be empty where that one is. ``schedule`` is when it runs by
    itself, as EventBridge Scheduler writes it, in UTC.

    Raises PipelineError where the steps form no graph that can be run.
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
            raise PipelineError(f"{where} is there twice")
        if not step.command:
            raise PipelineError(f"{where} has no command")
        for dependency in step.after:
            if dependency not in names:
                raise PipelineError(f"{where} comes after {dependency}, which is no step of it")
        if step.retries < 0 or step.pause < 0 or step.timeout < 1:
            raise PipelineError(f"{where}: retries and pause must be 0 or more, and timeout at least 1")
        try:
            unknown = step.parameters() - set(self.parameters)
        except ValueError as error:
            raise PipelineError(f"{where}: {error} in its command") from None
        if unknown:
            raise PipelineError(f"{where} uses {', '.join(sorted(unknown))}, which is no parameter of it")

    def _check(self, name: str, what: str) -> None:
        if not NAME.fullmatch(name):
            raise PipelineError(f"{name!r} is no name of {what}: up to 40 lower-case letters, digits and underscores")

    def graph(self) -> dict[str, tuple[str, ...]]:
        """Each step with those that it comes after."""
        return {step.name: step.after for step in self.steps}

    def step(self, name: str) -> Step:
        """The step of that name. Raises InvalidInput."""
        for step in self.steps:
            if step.name == name:
                return step
        raise InvalidInput(f"{name} is none of {', '.join(step.name for step in self.steps)}", field="step")

    def in_order(self) -> list[Step]:
        """The steps, each after those that it comes after; else in the order of the declaration."""
        depths = self.depths()
        return sorted(self.steps, key=lambda step: depths[step.name])

    def depths(self) -> dict[str, int]:
        """How many steps are on the longest way to each step."""
        depths: dict[str, int] = {}
        for name in TopologicalSorter(self.graph()).static_order():
            depths[name] = 1 + max((depths[before] for before in self.step(name).after), default=-1)
        return depths

    def from_step(self, name: str) -> set[str]:
        """The step and all that come after it, by way of others too."""
        chosen = {self.step(name).name}
        for step in self.in_order():
            if chosen.intersection(step.after):
                chosen.add(step.name)
        return chosen

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Every parameter's value. Raises InvalidInput for one that is unknown, or lacks its value."""
        for name in given:
            if name not in self.parameters:
                known = f"its parameters are {', '.join(self.parameters)}" if self.parameters else "it has none"
                raise InvalidInput(f"is no parameter of {self.name}; {known}", field=name)
        values: dict[str, str] = {}
        for name, default in self.parameters.items():
            value = given.get(name, default)
            if value is None or (not value and default != ""):
                raise InvalidInput(f"{self.name} needs a value for it", field=name)
            if value.startswith("-"):
                raise InvalidInput("must not begin with -, as an option does", field=name)
            values[name] = value
        return values


def by_name(pipelines: Iterable[Pipeline]) -> dict[str, Pipeline]:
    """The pipelines by their names, which differ."""
    found: dict[str, Pipeline] = {}
    for pipeline in pipelines:
        if pipeline.name in found:
            raise PipelineError(f"there are two pipelines {pipeline.name}")
        found[pipeline.name] = pipeline
    return found
