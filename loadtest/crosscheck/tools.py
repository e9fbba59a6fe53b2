"""The foreign tools, and what to do where one is missing."""

import shutil
from collections.abc import Mapping

PACKAGES: Mapping[str, str] = {"h2load": "nghttp2-client", "tcpdump": "tcpdump"}
"""The apt package of each tool."""


class ToolFailed(RuntimeError):
    """A tool is missing or did not do its work; the text says what to do."""


def path_of(tool: str) -> str:
    """Where a tool is.

    Raises:
        ToolFailed: it is not installed.
    """
    found = shutil.which(tool)
    if found is None:
        raise ToolFailed(f"{tool} is missing; install it: apt-get install {PACKAGES[tool]}")
    return found
