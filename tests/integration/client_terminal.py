"""Runs client commands in the process, on a terminal or on pipes that are strings."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from client.cli import main
from client.output import Screen
from tests.integration.client_fakes import FakeShop, fake_shop

__all__ = ["Client", "FakeShop", "Ran", "fake_shop"]


@dataclass(frozen=True)
class Ran:
    """What a command has left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


@dataclass(frozen=True)
class Client:
    """One person's shell: state folder, environment and clock."""

    state_home: Path
    products_target: str
    orders_target: str
    clock: Callable[[], float]

    def run(self, *argv: str, width: int = 0, **environ: str) -> Ran:
        """Run a command; on a terminal where `width` is given, otherwise on pipes."""
        out, err = io.StringIO(), io.StringIO()
        environment = {
            "XDG_STATE_HOME": str(self.state_home),
            "WAYBILL_PRODUCTS": self.products_target,
            "WAYBILL_ORDERS": self.orders_target,
            **environ,
        }
        screen = Screen(_console(out, width), _console(err, width))
        code = main(argv, environment, screen, self.clock)
        return Ran(code, out.getvalue(), err.getvalue())

    def json(self, *argv: str) -> Any:
        """The document of a command that must succeed."""
        ran = self.run("--json", *argv)
        assert (ran.code, ran.err) == (0, "")
        return ran.document


def _console(file: io.StringIO, width: int) -> Console:
    terminal = width > 0
    return Console(
        file=file, width=width or 80, force_terminal=terminal, color_system=None, _environ={}
    )
