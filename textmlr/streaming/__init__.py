"""Learning from a stream: each document is predicted, then learnt from, and gone."""

from textmlr.streaming.checkpoints import CHECKPOINT, Checkpoints, checkpoint_of
from textmlr.streaming.running import Event, Run, Streamed
from textmlr.streaming.trainer import StreamTrainer, check_options

__all__ = [
    "CHECKPOINT",
    "Checkpoints",
    "Event",
    "Run",
    "StreamTrainer",
    "Streamed",
    "check_options",
    "checkpoint_of",
]
