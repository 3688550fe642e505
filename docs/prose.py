"""Finds prose that is hard to read: sentences of more than 25 words, and lines of more than 120 characters.

`python docs/prose.py [PATH…]` reads the Markdown pages, the texts of ``--help``, and the texts in the code that people
are shown; with paths, only those files. It prints a line for each finding, and exits with 1 where there is one. Tables,
code and URLs do not count. Pages that a program makes are read, too: their text is in the program.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

MOST_WORDS = 25
MOST_CHARACTERS = 120
ROOT = Path(__file__).resolve().parent.parent
# Machine-made from start to end, or in somebody else's words.
LEFT_OUT = ("LICENSE", "docs/transcript.md")
# Rooms whose string constants are shown to people: messages, help texts, and descriptions of fields.
ROOMS = ("adaptivity/", "config/", "deploy/src/")

# A dot ends a sentence only before a space and a capital: versions and file names have dots, too. Each item of a list
# stands for itself.
SENTENCE = re.compile(r"\n\s*(?=- |\d+ )|(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[`]*[A-Z0-9\x00])|\n\s*\n")
WORD = re.compile(r"[^\W_][\w'’.,/-]*")
# What stands for a piece of code, a link's target or a placeholder counts as one word.
CODE = "\x00"


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text without markup."""
    for sentence in SENTENCE.split(text):
        yield " ".join(sentence.split())


def is_long(sentence: str) -> bool:
    """Whether a sentence has more words than a reader takes in at once."""
    return len(WORD.findall(sentence.replace(CODE, "x"))) > MOST_WORDS


def of_markdown(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Long sentences and lines of a page, each with its line."""
    tables: set[int] = set()
    table_depth = 0
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type in {"fence", "code_block", "html_block", "table_open"} and token.map:
            tables.update(range(*token.map))
        table_depth += {"table_open": 1, "table_close": -1}.get(token.type, 0)
        if token.type != "inline" or table_depth or token.map is None:
            continue
        plain = "".join(
            {"text": child.content, "softbreak": " ", "hardbreak": "\n\n", "code_inline": CODE}.get(child.type, "")
            for child in token.children or ()
        )
        for sentence in sentences(plain):
            if is_long(sentence):
                yield token.map[0] + 1, sentence
    for number, line in enumerate(text.splitlines()):
        if number not in tables and len(re.sub(r"\]\([^)]*\)|https?://\S+", "", line)) > MOST_CHARACTERS:
            yield number + 1, f"a line of {len(line)} characters"


def of_python(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Long sentences among the texts of a module that people may be shown, its docstrings among them."""
    tree = ast.parse(text)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else CODE for part in node.values]
            shown = "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            shown = node.value
        else:
            continue
        # SQL, templates and the like are no prose.
        if re.search(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|COALESCE)\b|[{}<>=]{2}", shown):
            continue
        for sentence in sentences(re.sub(r"``[^`]*``|`[^`]*`", CODE, shown)):
            if is_long(sentence):
                yield node.lineno, sentence


def of_help() -> Iterator[tuple[str, str]]:
    """Long sentences of what each command of the service says of itself."""
    sys.path.insert(0, str(ROOT))
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    for name, app in sorted(get_commands().items()):
        if app != "adaptivity":
            continue
        parser = load_command_class(app, name).create_parser("manage.py", name)
        texts = [parser.description or "", parser.epilog or "", *(action.help or "" for action in parser._actions)]
        for text in texts:
            for sentence in sentences(text):
                if is_long(sentence):
                    yield f"manage.py {name} --help", sentence


def tracked() -> list[str]:
    """The files of the project that hold prose."""
    listed = subprocess.run(
        ["git", "ls-files", "*.md", "*.py", "*.cff"],  # noqa: S607 - git from PATH
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return [name for name in listed if name.endswith(".md") or name.startswith(ROOMS)]


def main(arguments: list[str]) -> int:
    found = 0
    for name in arguments or tracked():
        if name.startswith(LEFT_OUT) or "/migrations/" in name:
            continue
        path = ROOT / name
        read = of_markdown if path.suffix == ".md" else of_python
        for line, problem in read(path, path.read_text()):
            found += 1
            print(f"{name}:{line}: {problem.replace(CODE, '…')}")
    if not arguments:
        for where, problem in of_help():
            found += 1
            print(f"{where}: {problem}")
    print(f"{found} found" if found else "Nothing to shorten.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
