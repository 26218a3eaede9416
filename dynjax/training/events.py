"""TensorBoard events, written at once.

tensorboardX's SummaryWriter writes in a thread. When the disk is full that thread ends, and its program waits for it
for ever; so only what it is made of is used here, the file format.
"""
import os
import time
from pathlib import Path


class Events:
    """An events file in `folder`, for the steps after `step`: TensorBoard drops what earlier files have beyond it."""

    def __init__(self, folder, *, step):
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        Path(folder).mkdir(parents=True, exist_ok=True)
        # The whole path: of a relative one it would take "gs:" or "s3:" at the beginning for an address.
        self._writer = EventsWriter(str(Path(folder).absolute() / "events"), f".{os.getpid()}")
        self._write(step + 1, session_log=SessionLog(status=SessionLog.START))

    def add(self, step, scalars):
        """Writes {name: number} of a step."""
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._write(step, summary=Summary(value=values))

    def close(self):
        """Closes the file."""
        self._writer.close()

    def _write(self, step, **what):
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(wall_time=time.time(), step=step, **what))
        self._writer.flush()
