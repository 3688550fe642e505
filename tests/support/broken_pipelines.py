"""A declaration with a cycle, such as somebody may write by mistake."""

from adaptivity.runs.pipelines.declaration import Pipeline, Step

PIPELINES = (Pipeline("odd", "", (Step("a", ("do",), after=("b",)), Step("b", ("do",), after=("a",)))),)
