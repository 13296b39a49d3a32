"""The pages of the guide, which lie in the package: one a task, and one a name of the API."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

# In the order in which someone new reads them.
TOPICS = (
    "first-model", "better-model", "several-labels", "many-labels", "very-many-labels",
    "uneven-labels", "explain", "evaluate", "predictions", "formats", "text",
    "larger-than-memory", "streams", "update", "small-files", "python", "scikit-learn",
    "other-programs", "model-files", "nothing-lost", "mathematics", "from-fasttext",
    "from-scikit-learn", "from-vowpal-wabbit", "limits", "contributing", "changelog", "citation",
)  # fmt: skip
# Words that people type, and the topic that answers them.
ALSO = {
    "compress": "small-files", "size": "small-files", "rare": "uneven-labels",
    "imbalance": "uneven-labels", "multilabel": "several-labels", "multi-label": "several-labels",
    "tags": "several-labels", "thresholds": "several-labels", "threshold": "several-labels",
    "imbalanced": "uneven-labels", "notebook": "python", "sparse": "very-many-labels",
    "theta": "very-many-labels", "extreme": "very-many-labels",
    "jupyter": "python", "pandas": "python", "dataframe": "python", "memory": "larger-than-memory",
    "classify": "predictions", "csv": "formats", "fasttext": "from-fasttext",
    "import": "from-fasttext",
    "sklearn": "scikit-learn", "vw": "from-vowpal-wabbit", "start": "first-model",
    "tutorial": "first-model", "math": "mathematics", "top": "explain", "onnx": "other-programs",
    "unicode": "text", "accents": "text", "normalize": "text", "words": "text",
    "security": "model-files", "readme": "first-model",
}  # fmt: skip
REFERENCE = "api"  # the folder of the API's pages


class Page(NamedTuple):
    """A page of Markdown.

    topic    its name
    title    of its first line
    summary  its first sentence
    text     all of it
    """

    topic: str
    title: str
    summary: str
    text: str


def names() -> list[str]:
    """The names of the API that have a page, in the order of their alphabet."""
    folder = _folder() / REFERENCE
    found = (one.name.removesuffix(".md") for one in folder.iterdir() if one.name.endswith(".md"))
    return sorted(found, key=str.lower)


def page(topic: str) -> Page | None:
    """The page of a topic or of a name of the API, in any case of letters; None: there is none."""
    by_name = {name.lower(): name for name in names()}
    if topic.lower() not in by_name:
        topic = ALSO.get(topic.lower(), topic)
    if topic.lower() in TOPICS:
        return _page(topic.lower(), _folder() / f"{topic.lower()}.md")
    own = topic.lower().removeprefix("textmlr.")
    if own in by_name:
        return _page(by_name[own], _folder() / REFERENCE / f"{by_name[own]}.md")
    return None


def pages() -> list[Page]:
    """The pages of the tasks, in order."""
    return [_page(topic, _folder() / f"{topic}.md") for topic in TOPICS]


def reference() -> list[Page]:
    """The pages of the API."""
    return [_page(name, _folder() / REFERENCE / f"{name}.md") for name in names()]


def _folder() -> Traversable:
    return files("textmlr") / "guide"


def _page(topic: str, file: Traversable) -> Page:
    text = file.read_text(encoding="utf-8")
    title, summary, *_ = (part for part in text.split("\n\n") if part.strip())
    return Page(topic, title.removeprefix("# ").strip(), " ".join(summary.split()), text)
