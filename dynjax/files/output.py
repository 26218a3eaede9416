"""What is said while work goes on, to a reader who may not be there: saying it never ends the work."""
import errno
import sys


class Output:
    """A text stream that may be None, closed, left by its reader, or of a code page that lacks a character.

    What nobody can read is dropped, a character that cannot be shown is escaped. A full disk is an error as ever.
    """

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        """Writes and flushes; the number of characters, as of any text stream."""
        try:
            try:
                self._stream.write(text)
            except UnicodeError:
                encoding = getattr(self._stream, "encoding", None) or "ascii"
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (AttributeError, ValueError):   # there is none; it is closed
            pass
        except OSError as error:
            _raise_if_full(error)
        return len(text)

    def flush(self):
        """Flushes, where somebody reads."""
        try:
            self._stream.flush()
        except (AttributeError, ValueError):
            pass
        except OSError as error:
            _raise_if_full(error)

    def isatty(self):
        """Whether a terminal shows it."""
        try:
            return self._stream.isatty()
        except (AttributeError, ValueError, OSError):
            return False

    def __getattr__(self, name):
        return getattr(self._stream, name)


def say(text):
    """Prints a line to standard output, as far as somebody reads it."""
    print(text, file=Output(sys.stdout))


def say_aside(text):
    """Prints a line to standard error, as far as somebody reads it."""
    print(text, file=Output(sys.stderr))


def _raise_if_full(error):
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise error
