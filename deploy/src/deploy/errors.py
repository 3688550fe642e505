"""How a command ends: its exit codes, and the error that it prints."""

FAILED, USAGE, FAULTS, FAILED_DEPLOYMENT, REFUSED = 1, 2, 3, 4, 5
# As `timeout` and `docker run` use them.
TIMED_OUT, NEVER_STARTED = 124, 125
# 128 and the number of the signal: SIGINT, SIGTERM.
INTERRUPTED, TERMINATED = 130, 143


class DeployError(Exception):
    """Printed as one line: what went wrong and what to do next. The command ends with the exit code."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message
