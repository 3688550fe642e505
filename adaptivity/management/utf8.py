"""Arguments that are not UTF-8."""


def is_utf8(text: str) -> bool:
    """Whether a text of the command line can be written down: each byte that is not UTF-8 is a lone surrogate there."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
