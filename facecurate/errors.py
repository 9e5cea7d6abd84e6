"""The errors a caller can act on; the command line turns each into one line and an exit code."""


class FacecurateError(Exception):
    """Something the user can mend; the message says what to change."""

    exit_code = 1


class UsageError(FacecurateError):
    """The command's words are off."""

    exit_code = 2


class StoppedError(FacecurateError):
    """Stopped on purpose; the same command may work later (exit code 75)."""

    exit_code = 75


class LockedError(StoppedError):
    """Another command is writing this dataset."""


class NoSpaceError(StoppedError):
    """The disk has too little room for what comes next."""


class DamagedError(FacecurateError):
    """A stored file is missing, truncated or altered; the message names it."""


class SettingsError(FacecurateError):
    """A step was run before with other settings; the message names one and ``--redo``."""


class PartError(FacecurateError):
    """One or more parts failed; the others were finished and kept."""


class MissingExtraError(FacecurateError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs: pip install 'facecurate[{extra}]'")


class RefusedError(FacecurateError):
    """Something this tool never does to pictures of people."""
