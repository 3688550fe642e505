"""Prints the commit that a source directory is at, from its .git alone; nothing where there is none. Needs no git."""

import sys
from pathlib import Path


def commit(git: Path) -> str:
    """The hash that HEAD is, or that the branch has which HEAD names: in a file of its own, or packed with others."""
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
