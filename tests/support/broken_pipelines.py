"""A declaration with a cycle, as somebody may write one."""

from adaptivity.runs.pipelines.declaration import Pipeline, Step

PIPELINES = (Pipeline("odd", "", (Step("a", ("do",), after=("b",)), Step("b", ("do",), after=("a",)))),)
