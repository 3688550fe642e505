"""Prints the current commit of a source directory, or nothing if it has no .git directory. Does not need git."""

import sys
from pathlib import Path


def commit(git: Path) -> str:
    """The hash in HEAD, or that of the branch that HEAD names, whether it is in its own file or in packed-refs."""
    if not (git / "HEAD").is_file():
        return ""
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    if (git / name).is_file():
        return (git / name).read_text().strip()
    packed = (git / "packed-refs").read_text() if (git / "packed-refs").is_file() else ""
    return {ref: found for found, _, ref in (line.partition(" ") for line in packed.splitlines())}.get(name, "")


if __name__ == "__main__":
    sys.stdout.write(commit(Path(sys.argv[1]) / ".git"))
