"""What a link or a session names and is not here, in one kind of sentence for both front ends.

``asker`` is who names it; names are given as the front end shows words from outside.
"""

LINK, SESSION = "The link", "The session"
SESSION_NOTE = "A link cannot carry an upload, and loading the page anew drops it."


def image(asker: str, name: str) -> str:
    """An image that is not here: a link cannot carry an upload, and a session none that could not be used."""
    return f"{asker}: expected an image that is here, got {name}; drop it in, a link cannot carry an upload"


def upload(name: str) -> str:
    """An upload of a session that has ended, as every session does when its page is loaded anew."""
    return f"{LINK}: expected the upload {name}, got a new session, in which no upload lives on; drop it again"


def weights(asker: str, name: str) -> str:
    """Weights that are not here."""
    return f"{asker}: expected weights that are here, got {name}; others are open, so its numbers do not hold"


def other_weights(name: str) -> str:
    """Second weights, to compare with, that are not here."""
    return f"Second weights: expected weights that are here, got {name}; nothing is compared"


def same_weights(name: str) -> str:
    """Weights of a session's name with other tensors."""
    return f"{SESSION}: expected the weights {name} it was saved with, got others of that name; its numbers do not hold"


def threshold(got: str) -> str:
    """A link's threshold that is none."""
    return f"{LINK}: expected a threshold from 0 to 1, got {got}; the weights' own is set"


def whole_network(changes: str) -> str:
    """A session in which the explorer showed another network than its files are of."""
    return (
        f"{SESSION}: expected what its results.csv says, got the network {changes}, as the explorer showed it; "
        "undo that in the explorer to see the numbers of the file"
    )
