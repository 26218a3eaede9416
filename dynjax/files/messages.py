"""What a file says of itself, made fit for an error message."""

MOST = 400


def one_line(text):
    """A text (or an error's) on one line of some 400 characters: what does not print is escaped, the middle left out.

    Names in a damaged or hostile file can be megabytes, or have line ends and a terminal's control codes in them.
    """
    text = str(text)
    text = text if len(text) <= MOST else f"{text[:MOST - 150]} ... {text[-150:]}"
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)
