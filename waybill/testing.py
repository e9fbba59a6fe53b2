"""Fakes for tests of code that uses Waybill; shipped, so that users test with the same ones."""


class FakeClock:
    """A clock that stands still until told. Call it for the time in seconds."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self.now += seconds
