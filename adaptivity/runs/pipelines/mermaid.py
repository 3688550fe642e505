"""Draws a pipeline in Mermaid."""

from adaptivity.runs.pipelines.declaration import Pipeline


def render(pipeline: Pipeline) -> str:
    """A flowchart from left to right: a box for each step with its command, and an arrow for each dependency."""
    steps = pipeline.in_order()
    boxes = [f'    s_{step.name}["{step.name}<br/><small>{" ".join(step.command)}</small>"]' for step in steps]
    arrows = [f"    s_{before} --> s_{step.name}" for step in steps for before in step.after]
    return "\n".join(["flowchart LR", *boxes, *arrows]) + "\n"
