"""The logger of textmlr, which says nothing until an application asks for it.

At INFO it has a line a stage, at WARNING what the command line warns of.
"""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("textmlr")
LOGGER.addHandler(logging.NullHandler())
