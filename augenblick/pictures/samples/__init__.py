"""Three pictures to try the page with, drawn for this project (`python -m tools.draw_samples`).

The words about them are the page's: `title_key` and `question_key` are keys of its catalogue.
`text` is what stands in the picture, line by line, for tests and for a text alternative.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent

QR_CONTENT = "https://example.org/p/4711"
BAR_CODE_CONTENT = "4711081520269"


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and what to ask about it."""

    name: str
    path: Path
    title_key: str
    question_key: str
    text: tuple[str, ...]  # cells of one line are two spaces apart

    @property
    def card_path(self) -> Path:
        """A small excerpt for the page."""
        return self.path.with_name(f"{self.name}-card.jpg")


def _sample(name: str, text: str) -> Sample:
    return Sample(
        name=name,
        path=_HERE / f"{name}.jpg",
        title_key=f"sample.{name}.title",
        question_key=f"sample.{name}.question",
        text=tuple(text.strip().splitlines()),
    )


SAMPLES: tuple[Sample, ...] = (
    _sample(
        "receipt",
        """
Frischmarkt Müller
Königstraße 12
50667 Köln
Äpfel Elstar 1 kg  2,99 B
Käsebrötchen  1,49 B
Müsli Nuss 750 g  3,79 B
Weißbrot  2,35 B
Süßkartoffeln  2,48 B
Rapsöl 500 ml  2,19 B
Geschirrtücher  6,95 A
Gesamtbetrag  22,24 €
Bar  30,00 €
Rückgeld  7,76 €
MwSt A 19 %  1,11
MwSt B 7 %  1,00
21.11.2026  14:32 Uhr
Vielen Dank für Ihren Einkauf!
""",
    ),
    _sample(
        "sign",
        """
Bäckerei Süßmund
Öffnungszeiten
Opening hours
Montag - Freitag  6:30 - 18:30
Monday - Friday
Samstag  7:00 - 13:00
Saturday
Sonntag  geschlossen
Sunday  closed
""",
    ),
    _sample(
        "label",
        """
Eilpaket
An / To
Jörg Weiß
Große Straße 7
49074 Osnabrück
Von / From
Blumen Grün
Am Mühlbach 3
76133 Karlsruhe
Sendungsnummer  4711 0815 2026
Gewicht  2,4 kg
""",
    ),
)
