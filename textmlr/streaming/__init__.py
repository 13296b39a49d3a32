"""Learning from a stream: each document is predicted, then learnt from, and gone."""

from textmlr.streaming.checkpoints import Checkpoints, Kept, checkpoint_of, every
from textmlr.streaming.inputs import Opened, parts_of
from textmlr.streaming.running import TICK, Event, Run, Streamed
from textmlr.streaming.trainer import StreamTrainer, check_options
from textmlr.training.progressive import Figures

__all__ = [
    "TICK",
    "Checkpoints",
    "Event",
    "Figures",
    "Kept",
    "Opened",
    "Run",
    "StreamTrainer",
    "Streamed",
    "check_options",
    "checkpoint_of",
    "every",
    "parts_of",
]
