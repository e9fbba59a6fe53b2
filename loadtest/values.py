"""What all values of the lab's records have in common."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen, nothing beside its fields, and each field's docstring is its description."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
