"""What every part of the file is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from qoed.config.secrets import SecretSource, parse_header


class Section(BaseModel):
    """A mapping in the file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_by_name=False,
    )


Text = Annotated[str, Field(min_length=1)]
Header = Annotated[
    SecretSource,
    PlainValidator(parse_header),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
"""A text that may be secret: itself, `{env: VARIABLE}` or `{file: PATH}`."""
