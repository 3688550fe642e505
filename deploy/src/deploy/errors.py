"""What a command ends with where it does not do what it was asked."""

FAILED, USAGE, FAULTS, FAILED_DEPLOYMENT, REFUSED = 1, 2, 3, 4, 5


class DeployError(Exception):
    """Printed as one line: what went wrong and what to do next; the command ends with the exit code."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message
