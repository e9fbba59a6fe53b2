"""Where development files live when no setting says otherwise."""

from collections.abc import Mapping
from pathlib import Path


def state_home(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/waybill`, or `~/.local/state/waybill` (XDG Base Directory 0.8).

    A relative `XDG_STATE_HOME` is ignored, as the specification demands. Nothing is created.
    """
    base = Path(environ.get("XDG_STATE_HOME", ""))
    home = Path(environ.get("HOME") or Path.home())
    return (base if base.is_absolute() else home / ".local" / "state") / "waybill"
