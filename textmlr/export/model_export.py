"""A model in a form that other programs run: which, the ending of the file's name says."""

from __future__ import annotations

import os
from os import PathLike

from textmlr.base.checks import MODEL_MEND, check_choice, check_kind, check_path
from textmlr.base.errors import InputError
from textmlr.model.model import Model

FORMS = ("json", "onnx")


def export_model(
    model: Model,
    path: str | PathLike[str],
    format: str | None = None,
    *,
    scorer: str | PathLike[str] | None = None,
) -> int:
    """Write a model as JSON or ONNX, whole or not at all; return the bytes of the file.

    format  one of FORMS; None: by the ending of the path
    scorer  with JSON: also write scorer.js there
    Raises InputError for another format, and if a file cannot be written.
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_path("path", path)
    check_path("scorer", scorer, optional=True)
    check_choice("format", format, (*FORMS, None))
    form = form_of(path) if format is None else format
    if form == "onnx":
        if scorer is not None:
            raise InputError("scorer is for JSON", mend="leave scorer out")
        from textmlr.export.onnx import export_onnx

        return export_onnx(model, path)
    if scorer is not None and os.path.realpath(scorer) == os.path.realpath(path):
        raise InputError("scorer and path name one file", mend="name two")
    from textmlr.export.json import export_json

    return export_json(model, path, scorer)


def form_of(path: str | PathLike[str]) -> str:
    """The format that the ending of a file's name says.  Raises InputError if it says none."""
    ending = os.path.splitext(os.fspath(path))[1].lower()[1:]
    if ending not in FORMS:
        raise InputError(
            "the format is not known",
            place=os.fspath(path),
            mend="let the name end in .json or .onnx, or give a format",
        )
    return ending
