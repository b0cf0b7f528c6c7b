"""Answers in the shape of a JSON schema: filled from what was read, or honestly refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pydantic
import pytest

from augenblick.core.language import language
from augenblick.pictures.samples import BAR_CODE_CONTENT, QR_CONTENT
from augenblick.reader.analysis import PictureAnalysis, Sharpness
from augenblick.reader.json_answer import Unfillable, filled
from augenblick.reader.layout import Line
from augenblick.reader.receipts import tax_in

from .conftest import MODEL, Running, encoded, question, sample, user, written

_STRING = {"type": "string"}
_NUMBER = {"type": "number"}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


def _format(schema: dict[str, Any], *, strict: bool = True) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "form", "strict": strict, "schema": schema},
    }


def _message(reader: Running, name: str, schema: dict[str, Any], *, strict: bool = True) -> Any:
    body = question(
        "Bitte ausfüllen.",
        sample(name).path.read_bytes(),
        response_format=_format(schema, strict=strict),
    )
    response = reader.post(body)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]


def _filled(reader: Running, name: str, schema: dict[str, Any], *, strict: bool = True) -> Any:
    message = _message(reader, name, schema, strict=strict)
    assert message["refusal"] is None
    value = json.loads(message["content"])
    jsonschema.validate(value, schema)
    return value


def test_receipt(reader: Running) -> None:
    """The fields of a receipt are filled, amounts as numbers and the date as ISO date."""
    item = _object({"name": _STRING, "price": _NUMBER})
    schema = _object(
        {
            "merchant": _STRING,
            "total": _NUMBER,
            "currency": {"type": "string", "enum": ["USD", "EUR"]},
            "date": {"type": "string", "format": "date"},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        },
        **{"$defs": {"item": item}},
    )

    value = _filled(reader, "receipt", schema)

    assert value["merchant"] == "Frischmarkt Müller"
    assert (value["total"], value["currency"], value["date"]) == (22.24, "EUR", "2026-11-21")
    assert value["items"][1] == {"name": "Käsebrötchen", "price": 1.49}
    assert len(value["items"]) == 7


@pytest.mark.parametrize(
    "names",
    [
        ("Geschäft", "Datum", "Gesamtbetrag", "Währung", "MwSt"),
        ("Laden", "Kaufdatum", "Summe", "Währung", "Mehrwertsteuer"),
        ("Händler", "Rechnungsdatum", "Rechnungsbetrag", "Währung", "MwSt.-Betrag"),
        ("Shop", "Date", "Total", "Currency", "VAT"),
        ("store_name", "date_of_purchase", "totalAmount", "currency_code", "vatAmount"),
    ],
)
def test_the_usual_names_of_fields(reader: Running, names: tuple[str, ...]) -> None:
    """What people call the fields of a receipt, in both languages."""
    kinds = (_STRING, {**_STRING, "format": "date"}, _NUMBER, _STRING, _NUMBER)
    value = _filled(reader, "receipt", _object(dict(zip(names, kinds, strict=True))))

    assert list(value.values()) == ["Frischmarkt Müller", "2026-11-21", 22.24, "EUR", 2.11]


@pytest.mark.parametrize("names", [("Artikel", "Preis"), ("item", "price")])
def test_rows_of_a_receipt(reader: Running, names: tuple[str, ...]) -> None:
    """A table of what was bought, under the names that were asked for."""
    row = _object(dict(zip(names, (_STRING, _NUMBER), strict=True)))
    value = _filled(reader, "receipt", _object({"items": {"type": "array", "items": row}}))

    assert value["items"][1] == dict(zip(names, ("Käsebrötchen", 1.49), strict=True))
    assert len(value["items"]) == 7


@pytest.mark.parametrize(
    ("lines", "tax"),
    [
        (["MwSt A 19 % 1,11", "MwSt B 7 % 1,00"], "2.11"),
        (["VAT 20% 3.00", "Total VAT 3.00"], "3.00"),
        (["Gesamtbetrag inkl. MwSt 22,24", "Summe netto ohne MwSt 20,13"], None),
        (["MwSt A 5,84 1,11 6,95"], None),
        (["USt-IdNr. DE 12,34"], None),
        (["Brot 2,35"], None),
    ],
)
def test_tax(lines: list[str], tax: str | None) -> None:
    """The tax is what its lines say; where they leave it open it is not known."""
    found = tax_in(lines)

    assert (None if found is None else str(found)) == tax


def test_label(reader: Running) -> None:
    """Labels in the text fill fields of their name, codes come with type and content."""
    code = _object({"type": _STRING, "content": _STRING})
    schema = _object(
        {
            "sendungsnummer": _STRING,
            "weight": {"type": "string", "description": "Gewicht"},
            "codes": {"type": "array", "items": code},
            "url": _STRING,
            "width": {"type": "integer"},
            "colors": {"type": "array", "items": _STRING},
            "text": _STRING,
            "orientation": {"enum": ["portrait", "landscape", "square"]},
        }
    )

    value = _filled(reader, "label", schema)

    assert value["sendungsnummer"] == "4711 0815 2026"
    assert value["weight"] == "2,4 kg"
    assert value["codes"] == [
        {"type": "QR Code", "content": QR_CONTENT},
        {"type": "EAN-13", "content": BAR_CODE_CONTENT},
    ]
    assert (value["url"], value["width"], value["orientation"]) == (QR_CONTENT, 1200, "square")
    assert value["colors"][0] == "Weiß"
    assert "Große Straße 7" in value["text"]


@pytest.mark.parametrize(
    "nullable", [{"type": ["string", "null"]}, {"anyOf": [_STRING, {"type": "null"}]}]
)
def test_null(reader: Running, nullable: dict[str, Any]) -> None:
    """What is not known is null where the schema allows it."""
    assert _filled(reader, "sign", _object({"iban": nullable})) == {"iban": None}


def test_optional(reader: Running) -> None:
    """What is neither known nor required is left out."""
    schema = {"type": "object", "properties": {"iban": _STRING, "title": _STRING}}

    assert _filled(reader, "sign", schema, strict=False) == {"title": "Bäckerei Süßmund"}


def test_refusal(reader: Running) -> None:
    """What is required and not known is refused by name; nothing is made up."""
    message = _message(reader, "sign", _object({"title": _STRING, "iban": _STRING}))

    assert message["content"] is None
    assert "`iban`" in message["refusal"]
    assert "title" not in message["refusal"]


def test_refusal_streams(client: openai.OpenAI) -> None:
    """A refusal comes in its own channel of the stream."""
    messages: Any = [user("Fill in, please.", sample("sign").path.read_bytes())]
    form: Any = _format(_object({"iban": _STRING}))
    with client.chat.completions.create(
        model=MODEL, messages=messages, response_format=form, stream=True
    ) as stream:
        deltas = [chunk.choices[0].delta for chunk in stream]

    assert "".join(delta.refusal or "" for delta in deltas).startswith("The pictures show nothing")
    assert not any(delta.content for delta in deltas)


def test_pydantic_model(client: openai.OpenAI) -> None:
    """The client's own way, a pydantic model in and out, works."""

    class Receipt(pydantic.BaseModel):
        total: float
        currency: str
        tax_id: str | None

    messages: Any = [user("Fill in, please.", sample("receipt").path.read_bytes())]
    reply = client.chat.completions.parse(model=MODEL, messages=messages, response_format=Receipt)

    assert reply.choices[0].message.parsed == Receipt(total=22.24, currency="EUR", tax_id=None)


def test_value_must_satisfy(reader: Running) -> None:
    """A value that breaks the schema's own rules is not passed off as right."""
    message = _message(reader, "receipt", _object({"total": {"type": "number", "minimum": 1000}}))

    assert "total" in message["refusal"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": "string"},
        {"type": "object", "properties": {"a": _STRING}},
        {**_object({"a": _STRING}), "additionalProperties": True},
        {**_object({"a": _STRING}), "required": []},
        _object({"a": {"type": "object", "properties": {}}}),
        _object({"a": {"type": "string", "pattern": "(a+)+$"}}),
        _object({"a": {"$ref": "#/any/a"}}, any={"a": {"type": "string", "pattern": "(a+)+$"}}),
        _object({"a": {"$ref": "https://example.org/schema.json"}}),
        _object({"a": {"$ref": 1}}),
    ],
    ids=json.dumps,
)
def test_wrong_schemas(reader: Running, schema: dict[str, Any]) -> None:
    """A schema that is none, reaches outside or breaks the strict rules is refused."""
    response = reader.post(question("Hallo", response_format=_format(schema)))

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "response_format"
    assert response.json()["error"]["code"] == "invalid_json_schema"


def test_endless_schema(reader: Running) -> None:
    """A schema that contains itself, or points nowhere, is not followed for ever."""
    node = {"$ref": "#/$defs/node"}
    endless = _object({"child": node}, **{"$defs": {"node": _object({"child": node})}})

    assert _message(reader, "sign", endless)["refusal"]
    for target in ("#/$defs/none", "#", "#here"):
        assert _message(reader, "sign", _object({"a": {"$ref": target}}))["refusal"]


def test_deep_schema(reader: Running) -> None:
    """A schema nested very deep is refused."""
    schema: dict[str, Any] = _STRING
    for _level in range(60):
        schema = _object({"a": schema})

    assert reader.post(question("Hallo", response_format=_format(schema))).status_code == 400


def test_label_with_colon(reader: Running) -> None:
    """A value behind a colon belongs to the label before it, numbers as numbers."""
    picture = encoded(written("Zählerstand: 4711", "Kunde: Jörg Weiß"))
    schema = _object(
        {"zaehlerstand": {"type": "integer", "description": "Zählerstand"}, "kunde": _STRING}
    )
    body = question("Bitte ausfüllen.", picture, response_format=_format(schema))
    value = json.loads(reader.post(body).json()["choices"][0]["message"]["content"])

    assert value == {"zaehlerstand": 4711, "kunde": "Jörg Weiß"}


def test_several_pictures_as_object(reader: Running) -> None:
    """JSON mode lists several pictures in their order, and none as none."""
    pictures = [sample("sign").path.read_bytes(), sample("label").path.read_bytes()]
    fields = {"response_format": {"type": "json_object"}}
    both = json.loads(_content(reader.post(question("As JSON", *pictures, **fields))))
    none = json.loads(_content(reader.post(question("As JSON", **fields))))

    assert [picture["lines"][0] for picture in both["pictures"]] == ["Bäckerei Süßmund", "Eilpaket"]
    assert none["pictures"] == []


def _content(response: Any) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


_SEEN = PictureAnalysis(
    width_px=400,
    height_px=300,
    was_turned=False,
    colours=(),
    sharpness=Sharpness.SHARP,
    codes=(),
    lines=(
        Line(("Summe", "12,00 EUR"), "Summe  12,00 EUR", 20),
        Line(("Kundennummer: 007",), "", 20),
    ),
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (_NUMBER, 12.0),
        ({"type": "integer"}, 12),
        (_STRING, "12.00"),
        ({"type": ["string", "null"], "maxLength": 2}, None),
        ({"enum": ["11.0", "12.0"]}, "12.0"),
        ({"type": "number", "minimum": 13}, None),
        ({"oneOf": [{"type": "boolean"}, {"type": "null"}]}, None),
    ],
)
def test_a_value_takes_the_form_that_is_wanted(kind: dict[str, Any], value: Any) -> None:
    """In the type and within the limits of the schema, or it is not known."""
    schema = {"type": "object", "properties": {"total": kind}}

    found = filled(schema, [_SEEN], language("de", "reader")).get("total")

    assert (found, type(found)) == (value, type(value))


def test_lines_fill_a_list_of_objects() -> None:
    """Plain words are the content of what is wanted for each."""
    wanted = {"type": "array", "items": _object({"text": _STRING})}
    schema = _object({"lines": wanted, "Kundennummer": {"type": "integer"}})

    value = filled(schema, [_SEEN], language("de", "reader"))

    assert value["lines"] == [{"text": "Summe  12,00 EUR"}, {"text": "Kundennummer: 007"}]
    assert value["Kundennummer"] == 7


@pytest.mark.parametrize("target", ["#/$defs/none", "#/$defs/self", "#here"])
def test_a_known_value_with_a_schema_that_is_nowhere_is_refused(target: str) -> None:
    """What it may be can't be told."""
    schema = {
        "properties": {"total": {"$ref": target}},
        "required": ["total"],
        "$defs": {"self": {"$ref": "#/$defs/self"}},
    }

    with pytest.raises(Unfillable):
        filled(schema, [_SEEN], language("de", "reader"))
