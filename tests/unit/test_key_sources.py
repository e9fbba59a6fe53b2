"""What a service's log tells of the keys that it gets."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from structlog.testing import LogCapture

from tests.unit.crypto_kit import KEY, OTHER_KEY
from waybill.serving.key_sources import (
    KEYS_LOADED,
    KEYS_PASSED_OVER,
    KEYS_UNUSABLE,
    key_source,
)
from waybill.testing import FakeClock


async def test_keys_that_are_passed_over_are_told_once(tmp_path: Path) -> None:
    """And again after they were well in between."""
    path, clock, told = tmp_path / "jwks.json", FakeClock(), LogCapture()
    log = structlog.wrap_logger(None, processors=[told])
    good, bad = KEY.to_public_jwk(), OTHER_KEY.to_public_jwk() | {"kid": "a b"}

    def publish(*keys: object) -> None:
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"keys": keys}))
        new.replace(path)
        clock.advance(1.0)
        source.current(missing="a stranger's")

    async with AsyncExitStack() as closers:
        source = key_source(path, clock, log, closers, refresh_s=1.0)
        for keys in ([bad, good], [bad, good, {"kty": "oct"}], [good], [bad, good], [bad]):
            publish(*keys)
        assert source.current().get(KEY.key_id) == KEY.verifying_key()

    told_at_warning = [each for each in told.entries if each["log_level"] == "warning"]
    assert [each["event"] for each in told_at_warning] == [
        *(KEYS_PASSED_OVER, KEYS_PASSED_OVER, KEYS_UNUSABLE),
    ]
    assert "`kid`" in told_at_warning[0]["problems"][0]
    assert [each["event"] for each in told.entries].count(KEYS_LOADED) == 4
