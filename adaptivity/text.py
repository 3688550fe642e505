"""Text that a database can hold: how long it may be, and which characters it may contain."""

# Names and ids, such as kc_id, collection_id, user_id and event_id.
NAME_LENGTH = 255
# URLs of activities, and of the platforms that they come from.
URL_LENGTH = 500


def is_utf8(text: str) -> bool:
    """Whether the text can be encoded. Command-line bytes that are not UTF-8 arrive as lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store the text: it contains no NUL character and no lone surrogate."""
    return "\0" not in text and is_utf8(text)


def storable(text: str, length: int | None = None) -> str:
    """The text, cut to ``length`` characters, with characters that PostgreSQL cannot store replaced."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()[:length]
