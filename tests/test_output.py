"""What is said reaches whoever reads, and ends nothing where nobody does."""
import errno
import io
import sys

import pytest

from dynjax.files.output import Output, say, say_aside
from dynjax.training.logs import progress_bar


class Failing(io.StringIO):
    """A stream whose writing fails, as a pipe without a reader or a full disk does."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, "failed")

    def flush(self):
        raise OSError(self.number, "failed")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


GONE = {"none": lambda: None, "closed": closed, "unread": lambda: Failing(errno.EPIPE),
        "terminal gone": lambda: Failing(errno.EIO), "full pipe": lambda: Failing(errno.EAGAIN)}


@pytest.mark.parametrize("stream", GONE.values(), ids=GONE)
def test_nobody_has_to_be_there(monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", stream())
    monkeypatch.setattr(sys, "stderr", stream())
    say("one")
    say_aside("two")
    with progress_bar(2, 0) as bar:
        bar.write("three", file=bar.fp)
        bar.update(1)
    assert not Output(sys.stdout).isatty() and Output(sys.stdout).write("four") == 4


@pytest.mark.parametrize(("encoding", "bytes_"), [
    ("ascii", b"w\\xfc\\u96ea \\udc80\n"), ("cp1252", b"w\xfc\\u96ea \\udc80\n"), ("utf-8", "wü雪 \\udc80\n".encode())])
def test_what_a_code_page_lacks_is_escaped(monkeypatch, encoding, bytes_):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline=""))
    say("wü雪 \udc80")
    assert raw.getvalue() == bytes_


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Failing(errno.ENOSPC))
    with pytest.raises(OSError, match="failed"):
        say("text")
