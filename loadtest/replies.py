"""What a load generator answers to a job."""

from pydantic import BaseModel, ConfigDict

from loadtest.results import Measured


class Reply(BaseModel):
    """One of the two is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: Measured | None = None
    error: str | None = None
