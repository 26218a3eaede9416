"""Ctrl-C and SIGTERM: noted at once, obeyed between two steps."""
import signal


class StopSignal:
    """While entered, the first Ctrl-C or SIGTERM only sets `received`; a second Ctrl-C interrupts as usual."""

    def __init__(self):
        self.received = None
        self._before = {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, _):
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

    @property
    def exit_status(self):
        """What a shell expects of a program that a signal ended."""
        return 128 + self.received
