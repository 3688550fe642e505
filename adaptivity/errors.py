"""What the engine refuses, in terms that the API, the admin and the command line each express in their own way."""


class AdaptivityError(Exception):
    """Base class of the refusals. ``field`` names the offending input, with dots into nested objects and lists."""

    code = "error"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or self.code

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def entries(self) -> list[dict[str, str]]:
        """The problems, one entry each: field, code and message."""
        return [{"field": self.field, "code": self.code, "message": self.message}]


class InvalidInput(AdaptivityError):
    """The input breaks a rule; nothing was changed."""

    code = "invalid"


class Overtaken(AdaptivityError):
    """Another request deleted what this one had read; nothing was changed, and it may be repeated."""

    code = "overtaken"


class Conflict(AdaptivityError):
    """The input is well-formed but contradicts what is recorded; nothing was changed."""

    code = "conflict"


class SourceDeleted(AdaptivityError):
    """The source was deleted while it was read; what was read before stays."""

    code = "deleted"

    def __init__(self) -> None:
        super().__init__("the source was deleted while it was read")


class Unavailable(AdaptivityError):
    """Something that this depends on does not answer properly now; trying again later may help."""

    code = "unavailable"


class AlreadyRunning(Conflict):
    """Another process is doing the same work; nothing was changed."""

    code = "already_running"


class Stopped(Exception):
    """Work was asked to end early. What it had done is saved, and the same call continues from there."""
