"""What a command's exit code tells the scheduler that started it."""

from enum import IntEnum

from adaptivity.errors import AdaptivityError, AlreadyRunning, Overtaken, Unavailable


class ExitCode(IntEnum):
    """What a job's exit code tells the scheduler that started it."""

    DONE = 0
    FAILED = 1  # trying again may help
    REFUSED_INPUT = 2  # bad input, usage or configuration: trying again does not help
    REJECTS = 3  # done, but something was refused
    ALREADY_RUNNING = 4
    STOPPED = 75  # by a signal or a time limit, with its work saved; run it again to go on


EXIT_CODES_HELP = (
    "Exit codes: 0 done. 1 failed; trying again may help. 2 bad input, usage or configuration. 3 done, but something "
    "was refused. 4 already running. 75 stopped with its work saved; run it again to go on."
)


def exit_code_of(error: AdaptivityError) -> ExitCode:
    """The exit code that corresponds to the error."""
    if isinstance(error, AlreadyRunning):
        return ExitCode.ALREADY_RUNNING
    return ExitCode.FAILED if isinstance(error, Overtaken | Unavailable) else ExitCode.REFUSED_INPUT
