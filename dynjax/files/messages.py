"""What a file or an error says of itself, made fit for an error message."""

MOST = 400


def one_line(text):
    """A text (or an error's) on one line of some 400 characters: what does not print is escaped, the middle left out.

    Names in a damaged or hostile file can be megabytes, or have line ends and a terminal's control codes in them.
    """
    text = str(text)
    text = text if len(text) <= MOST else f"{text[:MOST - 150]} ... {text[-150:]}"
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


def first_line(error):
    """What the system or a library says of an error, its first line only; the error's kind where it says nothing."""
    return getattr(error, "strerror", None) or next(iter(str(error).strip().splitlines()), type(error).__name__)
