"""A deployment that is already running, as the comparison meets it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from client.dev_issuer import PRIVATE_KEYS, DevIssuer
from loadtest.plan import ShopKind, Turn
from loadtest.results import DIRECT
from loadtest.setting import Site, Sites
from loadtest.shop import TOKEN_TTL_S
from loadtest.world import ANYBODY, World


class CannotReach(ValueError):
    """A deployment cannot be measured as told; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Services that somebody else runs. `pids` by service, where they are of this machine."""

    orders_target: str
    products_target: str
    tokens: tuple[str, ...]
    pids: Mapping[str, tuple[int, ...]]

    @contextmanager
    def sites(
        self, run_id: str, _kind: ShopKind, _turns: Sequence[Turn], _folder: Path
    ) -> Iterator[Sites]:
        """The deployment as it is: how many processes it has is its own business."""
        world = World(
            run_id=run_id,
            orders_target=self.orders_target,
            products_target=self.products_target,
            pids=self.pids,
            customers={ANYBODY: self.tokens},
        )
        yield {DIRECT: Site(world, dict(os.environ))}

    def settings(self) -> dict[str, str]:
        """What the record says of it."""
        return {
            "deployment": "already running; versions and machine are the generator's",
            "orders": self.orders_target,
            "products": self.products_target,
        }


def tokens_from_file(path: Path) -> tuple[str, ...]:
    """User JWTs, one a line.

    Raises:
        CannotReach: there is none, or no such file.
    """
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotReach(f"--tokens {path}: {error}") from None
    if not lines:
        raise CannotReach(f"--tokens {path}: the file has no token; one user JWT a line is wanted")
    return tuple(lines)


def tokens_from_keys(folder: Path, subjects: Sequence[str]) -> tuple[str, ...]:
    """User JWTs from the development issuer whose keys are in `folder`.

    Raises:
        CannotReach: there are no keys, or nobody is named.
    """
    if not (folder / PRIVATE_KEYS).is_file():
        raise CannotReach(f"--user-keys-dir {folder}: there is no {PRIVATE_KEYS} in it")
    if not subjects:
        raise CannotReach("--user-keys-dir needs --subjects: whose lists are ordered from")
    issuer = DevIssuer(folder)
    return tuple(issuer.token(subject, ttl_s=TOKEN_TTL_S) for subject in subjects)
