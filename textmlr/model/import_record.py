"""The part of a model's record that says where it was imported from."""

from __future__ import annotations

from textmlr.model.record_schema import NAME, WHOLE, Part, needed, part


@part
class ImportRecord(Part):
    """The program that made the model, the version of its file's format, and its loss.

    unset_rows  of the first layer, whose numbers were not finite, and are 0 now
    """

    program: str = needed(NAME)
    version: int = needed(WHOLE)
    loss: str = needed(NAME)
    unset_rows: int = needed(WHOLE)
