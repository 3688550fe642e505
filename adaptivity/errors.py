"""What the engine refuses, in terms that the API, the admin and the command line each turn into their own words."""


class AdaptivityError(Exception):
    """Base of the refusals. ``field`` names the offending input, with dots into nested objects and lists."""

    code = "error"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or self.code

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def entries(self) -> list[dict[str, str]]:
        """What is wrong, one entry for each: field, code and message."""
        return [{"field": self.field, "code": self.code, "message": self.message}]


class InvalidInput(AdaptivityError):
    """The input breaks a rule; nothing was changed."""

    code = "invalid"


class Overtaken(AdaptivityError):
    """Another request deleted what this one had read; nothing was changed, and doing it again is right."""

    code = "overtaken"


class Conflict(AdaptivityError):
    """The input is well-formed but contradicts what is recorded; nothing was changed."""

    code = "conflict"


class SourceDeleted(AdaptivityError):
    """The source was deleted while it was read; what was read of it before stays."""

    code = "deleted"

    def __init__(self) -> None:
        super().__init__("the source was deleted while it was read")


class Unavailable(AdaptivityError):
    """Something that this depends on does not answer as it should now; trying again later may help."""

    code = "unavailable"


class AlreadyRunning(Conflict):
    """Another process is at the same work; nothing was changed."""

    code = "already_running"


class Stopped(Exception):
    """Work ended early because it was asked to; what it had done is saved, and the same call goes on from there."""
