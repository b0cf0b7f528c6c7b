"""In which form an answer is wanted, as it stands in the panel: also what can't be sent yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from augenblick.core.json_schema import SchemaRejected
from augenblick.lab.form_fields import Form, FormField, FormProblem, problems_of, tidy
from augenblick.lab.schemas import (
    form_of,
    read_own_schema,
    response_format_of,
    schema_of,
)


class FormatKind(StrEnum):
    """Which form of answer."""

    TEXT = "text"
    FORM = "form"
    JSON = "json"
    OWN = "own"


@dataclass(slots=True)
class FormatDraft:
    """What the person chose and wrote; switching to and fro between the kinds loses nothing.

    `written` is what the settings got from here last. Where they hold something else, somebody
    else wrote it (a reload, a preset), and `follow` takes it up.
    """

    kind: FormatKind = FormatKind.TEXT
    fields: tuple[FormField, ...] = ()
    has_rows: bool = False
    own_schema: str = ""
    written: Mapping[str, Any] | None = None
    is_table_open: bool = False
    is_table_done: bool = False  # it closes as soon as its last change has arrived
    table_round: int = 0  # another one is another table, which begins with `fields`
    panel_round: int = 0  # of the settings that were taken up

    def follow(self, response_format: Mapping[str, Any] | None, panel_round: int) -> None:
        """Take up what the settings hold; in another round of the panel also what is no news."""
        if response_format == self.written and panel_round == self.panel_round:
            return
        self.written, self.panel_round = response_format, panel_round
        form = form_of(response_format)
        schema = schema_of(response_format)
        if form is not None:
            self.kind, self.fields, self.has_rows = FormatKind.FORM, form.fields, form.has_rows
            self.table_round += 1
        elif schema is not None:
            self.kind = FormatKind.OWN
            self.own_schema = json.dumps(schema, ensure_ascii=False, indent=2)
        elif response_format and response_format.get("type") == "json_object":
            self.kind = FormatKind.JSON
        else:
            self.kind = FormatKind.TEXT

    @property
    def form(self) -> Form:
        """The fields as they are sent; rows of the table without any word are left out."""
        tidied = (tidy(field) for field in self.fields)
        said = (field for field in tidied if field.name or field.choices or field.description)
        return Form(tuple(said), self.has_rows)

    @property
    def problems(self) -> tuple[FormProblem, ...]:
        """Why the form can't be sent yet."""
        return problems_of(self.form)

    @property
    def rejected(self) -> SchemaRejected | None:
        """Why the own schema can't be sent; None also where there is none yet."""
        if not self.own_schema.strip():
            return None
        try:
            read_own_schema(self.own_schema)
        except SchemaRejected as error:
            return error
        return None

    @property
    def is_wrong(self) -> bool:
        """Whether something stands here that can't be sent; nothing at all is not wrong."""
        if self.kind is FormatKind.FORM:
            return bool(self.form.fields and self.problems)
        return self.kind is FormatKind.OWN and self.rejected is not None

    def write(self) -> Mapping[str, Any] | None:
        """Give back the `response_format` for the settings; None sends nothing."""
        self.written = self._response_format()
        return self.written

    def _response_format(self) -> Mapping[str, Any] | None:
        if self.kind is FormatKind.JSON:
            return {"type": "json_object"}
        if self.kind is FormatKind.FORM and not self.problems:
            return response_format_of(self.form)
        if self.kind is FormatKind.OWN and self.own_schema.strip() and self.rejected is None:
            return read_own_schema(self.own_schema)
        return None
