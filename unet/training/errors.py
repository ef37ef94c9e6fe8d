"""Why a run cannot start or go on."""


class TrainingError(RuntimeError):
    """A run that cannot start or go on; the message says what to do."""


class TeacherError(ValueError):
    """A teacher that must not label tiles for this run; the message says why."""
