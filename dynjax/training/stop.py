"""Ctrl-C and SIGTERM: noted at once, obeyed between two steps."""
import contextlib
import signal


class StopSignal:
    """While entered, the first Ctrl-C or SIGTERM only sets `received`; a second Ctrl-C interrupts as usual.

    Python tells signals to the main thread alone: in another one nothing is noted, and what was set for them stays.
    """

    def __init__(self):
        self.received = None
        self._before = {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):   # not in the main thread
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            # What was not set from Python comes as None and cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number, _):
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

    @property
    def exit_status(self):
        """What a shell expects of a program that a signal ended."""
        return 128 + self.received
