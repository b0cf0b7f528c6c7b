"""Reading pictures: each line once, however the picture lies; nothing that is not there."""
# ruff: noqa: RUF001 - words of other scripts are what is tested

from __future__ import annotations

import functools
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator

import httpx2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from augenblick.reader.ocr import FoundText, Pixels, TextReader

from .conftest import Running, data_uri, encoded, question, said, written

_WIDE_LINES = [
    f"{number} Sehr geehrte Damen und Herren, wir bestätigen den Eingang Ihrer Bestellung vom "
    f"Montag und liefern die Ware in {number} Tagen an die angegebene Anschrift"
    for number in range(11, 23)
]


@pytest.fixture(scope="module")
def text_reader() -> Iterator[TextReader]:
    """The part that finds and reads, without a process around it."""
    made = TextReader()
    made.warm_up()
    yield made
    made.close()


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB"))


def _read(text_reader: TextReader, image: Image.Image) -> tuple[list[str], FoundText, bool]:
    """The lines, what was found, and whether there is writing that could not be read."""
    found = text_reader.find(_pixels(image))
    rows = list(text_reader.read(found))
    lines = [line.text for row in rows for line in row.lines]
    return lines, found, bool(rows) and rows[-1].has_unread


def _photographed(lines: list[str], *, px: int = 24) -> Image.Image:
    """Lines on paper, a little tilted, blurred, noisy and darker to the right."""
    image = written(*lines, size=(1900, 740), px=px)  # below, it is enlarged
    image = image.rotate(0.7, resample=Image.Resampling.BICUBIC, fillcolor="white")
    grey = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)
    grey *= np.linspace(0.95, 0.7, image.width)[None, :, None]
    grey += np.random.default_rng(1).normal(0, 5, grey.shape)
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_page_is_read_however_it_lies(text_reader: TextReader, degrees: int) -> None:
    """Lines over the whole width are read in their order, and the turn is told."""
    page = _photographed(_WIDE_LINES[:6]).rotate(degrees, expand=True)

    lines, found, _unread = _read(text_reader, page)

    assert [line.replace(" ", "") for line in lines] == [
        line.replace(" ", "") for line in _WIDE_LINES[:6]
    ]
    assert found.turned_degrees == -degrees % 360


def test_the_work_is_one_pass(text_reader: TextReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a page on its side text is looked for once, and each piece of it is read once.

    What that costs beside a pass of the engine's own: `bench/reading.py`.
    """
    engine, calls = text_reader._loaded(), Counter[str]()

    def count(name: str) -> None:
        do = getattr(engine, name)

        def counted(*given: object) -> object:
            calls[name] += 1
            return do(*given)

        monkeypatch.setattr(engine, name, counted)

    count("detect_and_crop")
    count("recognize_txt")
    page = _photographed(_WIDE_LINES[:6]).rotate(90, expand=True)

    lines, found, _unread = _read(text_reader, page)

    assert len(lines) == 6
    assert calls == {"detect_and_crop": 1, "recognize_txt": len(found.crops)}


@functools.cache
def _textless() -> dict[str, Image.Image]:
    chance = np.random.default_rng(5)
    noise = Image.fromarray(chance.integers(0, 255, (700, 900, 3), dtype=np.uint8))
    clouds = chance.integers(0, 255, (12, 16, 3), dtype=np.uint8)
    pictures = {
        "noise": noise,
        "blurred noise": noise.filter(ImageFilter.GaussianBlur(5)),
        "clouds": Image.fromarray(clouds).resize((900, 700), Image.Resampling.BICUBIC),
        "gradient": Image.linear_gradient("L").resize((900, 700)).convert("RGB"),
    }
    for name in ("discs", "fence", "stones", "window", "hills"):
        pictures[name] = Image.new("RGB", (900, 700), (150, 190, 220))
    draw = {name: ImageDraw.Draw(image) for name, image in pictures.items()}
    for n in range(3):
        draw["discs"].ellipse((90 + 260 * n, 200, 290 + 260 * n, 420), "white", "grey", 6)
    for x in range(0, 900, 60):
        draw["fence"].polygon([(x, 700), (x + 30, 300), (x + 60, 700)], "saddlebrown", "black")
    for _stone in range(160):
        x, y = (int(value) for value in chance.integers(0, 880, 2))
        grey = int(chance.integers(60, 220))
        size = int(chance.integers(20, 80))
        draw["stones"].ellipse((x, y, x + size, y + size // 2), (grey, grey, grey - 20), "black")
    for x in (150, 470):
        draw["window"].rectangle((x, 150, x + 260, 560), "lightyellow", "saddlebrown", 14)
        draw["window"].line((x + 130, 150, x + 130, 560), "saddlebrown", 10)
    for n in range(6):
        draw["hills"].ellipse((n * 170 - 200, 350, n * 170 + 260, 1100), (40, 90 + 20 * n, 60))
    return pictures


@pytest.mark.parametrize("name", _textless())
def test_no_text_is_made_up(text_reader: TextReader, name: str) -> None:
    """Patterns, shapes and noise hold no text, and no writing that could not be read."""
    lines, _found, has_unread = _read(text_reader, _textless()[name])

    assert (lines, has_unread) == ([], False)


@pytest.mark.parametrize("text", ["8", "0", "A", "WC", "21", "12,50"])
def test_short_text_is_text(text_reader: TextReader, text: str) -> None:
    """A door sign with one character on it is read."""
    lines, _found, _unread = _read(text_reader, written(text, size=(400, 300), px=70))

    assert lines == [text]


_FOREIGN = {
    "cyrillic": ("LiberationSans-Regular.ttf", [
        "Добро пожаловать в Москву", "Режим работы с девяти", "Итого к оплате 1250 руб",
        "МОСКВА", "Хлеб ржаной 45"]),
    "cyrillic signs": ("LiberationSans-Regular.ttf", [
        "Кафе Весна", "Меню", "Сорока", "РЕСТОРАН", "Аптека", "Вход воспрещён", "Київ"]),
    "greek": ("LiberationSans-Regular.ttf", [
        "Καλώς ήρθατε στην Αθήνα", "Σύνολο πληρωμής", "Ευχαριστούμε πολύ", "ΑΘΗΝΑ", "Έξοδος"]),
    "arabic": ("KacstOne.ttf", [
        "مرحبا بكم في القاهرة", "المجموع الكلي للفاتورة", "شكرا لزيارتكم", "ممنوع الدخول"]),
    "thai": ("Garuda.ttf", [
        "ยินดีต้อนรับสู่กรุงเทพ", "ยอดรวมทั้งหมด", "ขอบคุณครับ", "เวลาเปิดทำการ", "ข้าวผัดหมู"]),
    "hindi": ("Lohit-Devanagari.ttf", [
        "भारत में आपका स्वागत है", "कुल भुगतान राशि", "खुलने का समय", "रोटी और पनीर"]),
    "greek signs": ("LiberationSans-Regular.ttf", ["ΤΑΒΕΡΝΑ ΝΙΚΟΣ", "ΜΕΝΟΥ ΗΜΕΡΑΣ"]),
    "one word": ("LiberationSans-Regular.ttf", ["Парикмахерская"]),
    "hebrew": ("DejaVuSans.ttf", ["ברוכים הבאים לירושלים", "סך הכל לתשלום"]),
    "korean": ("batang.ttf", [
        "서울에 오신 것을 환영합니다", "총 결제 금액", "감사합니다", "비빔밥과 김치"]),
}  # fmt: skip


def _foreign(name: str) -> Image.Image:
    face, lines = _FOREIGN[name]
    image = Image.new("RGB", (900, 80 + 90 * len(lines)), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 90 * number), line, "black", ImageFont.truetype(face, 46))
    return image


@pytest.mark.parametrize("name", _FOREIGN)
def test_a_script_it_can_not_read_is_not_spelt_in_another(
    text_reader: TextReader, name: str
) -> None:
    """Not one line is made up, not even of words that pass for Latin ones."""
    lines, _found, has_unread = _read(text_reader, _foreign(name))

    assert (lines, has_unread) == ([], True)


def test_prices_between_words_it_can_not_read(text_reader: TextReader) -> None:
    """The numbers are kept, and that there is more beside them is known."""
    picture = written("Молоко 89.90", "Хлеб 45.00", "ИТОГО 134.90", size=(900, 360))
    lines, _found, has_unread = _read(text_reader, picture)

    assert ("89.90" in lines, has_unread) == (True, True)


def test_units_are_no_greek(text_reader: TextReader) -> None:
    """Ohm and micro stand in many texts."""
    picture = written("Widerstand 10 kΩ 5 µF 3 µmol", size=(1000, 300))
    lines, _found, has_unread = _read(text_reader, picture)

    assert (len(lines), has_unread) == (1, False)


def test_that_a_script_can_not_be_read_is_said(reader: Running) -> None:
    """The answer says so in a sentence, also when something in the text is looked for."""
    picture = encoded(_foreign("cyrillic"))

    for text in ("Lies den Text vor.", "Wie hoch ist der Gesamtbetrag?"):
        answer = said(reader.post(question(text, picture)))
        assert answer.endswith("Im Bild ist Schrift zu sehen, die ich nicht lesen kann.")


def test_two_scripts_on_one_sign(reader: Running) -> None:
    """The lines that can be read come first, then a sentence about the others."""
    sign = written("Willkommen in unserem Museum", "Geöffnet von 9 bis 17 Uhr", size=(900, 760))
    draw = ImageDraw.Draw(sign)
    face = ImageFont.truetype("LiberationSans-Regular.ttf", 44)
    draw.text((40, 300), "Добро пожаловать в музей", "black", face)
    draw.text((40, 400), "Ждём вас каждый день", "black", face)

    answer = said(reader.post(question("Lies den Text vor.", encoded(sign))))

    assert "Willkommen in unserem Museum\nGeöffnet von 9 bis 17 Uhr\n````" in answer
    assert answer.endswith("Manche Stellen kann ich nicht lesen.")


def _page() -> bytes:
    """A page nobody has seen yet."""
    return encoded(_photographed([os.urandom(4).hex(), *_WIDE_LINES[:-1]]))


def _stream(reader: Running, text: str, picture: bytes) -> Generator[dict[str, str]]:
    """The deltas of a streamed answer, as they come."""
    body = question(text, picture, stream=True)
    with reader.http.stream("POST", f"{reader.address}/v1/chat/completions", json=body) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))["choices"][0]["delta"]


def test_lines_arrive_while_others_are_read(reader: Running) -> None:
    """Read aloud, the first line is there before the picture has been read."""
    picture, text = _page(), ""
    state: dict[str, object] = {}
    for delta in _stream(reader, "Lies den Text vor.", picture):
        text += delta.get("content") or ""
        if not state and _WIDE_LINES[0][:20] in text:
            state = reader.health()

    assert state["waiting"] == 1
    assert text == said(reader.post(question("Lies den Text vor.", picture)))


def test_progress_is_told_while_something_is_looked_for(reader: Running) -> None:
    """Each line is told with its number as reasoning; the answer holds none of it."""
    deltas = list(_stream(reader, "Wie hoch ist der Gesamtbetrag?", _page()))
    thoughts = "".join(delta.get("reasoning_content", "") for delta in deltas)
    content = "".join(delta.get("content") or "" for delta in deltas)

    assert thoughts.startswith("12 Zeilen gefunden.\n\nZeile 1 von 12 `")
    assert f"Zeile 12 von 12 `{_WIDE_LINES[-2][:9]}" in thoughts
    assert "Zeile" not in content


def test_leaving_stops_within_a_line(reader: Running) -> None:
    """A picture of which nobody wants the rest is given up, not read to its end."""
    analyzed = reader.health()["analyzed"]
    body = json.dumps(question("Lies den Text vor.", _page(), stream=True)).encode()
    host, port = reader.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            + f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        heard = b""
        while b"````text" not in heard:
            heard += connection.recv(4096)

    end = time.monotonic() + 60
    while reader.health()["waiting"] and time.monotonic() < end:
        time.sleep(0.02)
    assert reader.health() == reader.health() | {"waiting": 0, "analyzed": analyzed}


def test_the_first_of_several_pictures_is_not_kept_waiting(reader: Running) -> None:
    """Its answer has come while the next one is still being read."""
    pictures = [encoded(written(os.urandom(4).hex())) for _ in range(4)]
    body = question("Lies die Texte vor.", *pictures, stream=True)
    text, analyzed, seen = "", reader.health()["analyzed"], 0
    with reader.http.stream("POST", f"{reader.address}/v1/chat/completions", json=body) as reply:
        for line in reply.iter_lines():
            text += line
            if not seen and "2 " in text and text.count("````") == 2:
                seen = reader.health()["analyzed"] - analyzed
    assert 0 < seen < 4


def test_what_needs_no_reading_does_not_wait_for_it(reader: Running) -> None:
    """Colours are told while another picture, and its own text, are not read."""
    other = question("Welche Farben hat das Bild?", _page())  # drawing it takes long
    reading = _stream(reader, "Lies den Text vor.", _page())
    next(delta for delta in reading if delta.get("content"))
    analyzed = reader.health()["analyzed"]

    answer = said(reader.post(other))

    assert answer.startswith("Hauptfarben des ganzen Bildes: ")
    assert reader.health() == reader.health() | {"waiting": 1, "analyzed": analyzed}
    reading.close()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_each_text_is_at_its_place(reader: Running, degrees: int) -> None:
    """In pixels of the picture as it was sent, however it lies and however large it is."""
    image = Image.new("RGB", (4000, 2600), "white")
    face = ImageFont.truetype("LiberationSans-Regular.ttf", 110)
    draw = ImageDraw.Draw(image)
    places = {"Brot": (400, 300), "Summe 19,90": (1900, 1500)}
    for text, place in places.items():
        draw.text(place, text, "black", face)
    image = image.rotate(degrees, expand=True)

    answer = _lines(reader, encoded(image), most_rows=9).json()

    assert answer["is_level"] is (degrees == 0)
    cells = {cell["text"]: cell for row in answer["rows"] for cell in row}
    assert set(cells) == set(places)
    for text, place in places.items():
        left, top, right, bottom = draw.textbbox(place, text, face)
        mask = Image.new("L", (4000, 2600))
        ImageDraw.Draw(mask).rectangle((left, top, right, bottom), 255)
        wanted = mask.rotate(degrees, expand=True).getbbox()
        assert wanted is not None
        cell = cells[text]
        box = (
            cell["left"],
            cell["top"],
            cell["left"] + cell["width"],
            cell["top"] + cell["height"],
        )
        assert np.abs(np.subtract(box, wanted)).max() < 60


def test_of_a_long_page_the_rows_are_counted_until_somebody_asks(reader: Running) -> None:
    """Then they are read, and remembered for an answer."""
    page = encoded(written(*(f"Zeile {number}" for number in range(10, 16)), size=(900, 560)))

    counted, read = _lines(reader, page, most_rows=5).json(), _lines(reader, page, most_rows=6)

    assert (counted["row_count"], counted["rows"]) == (6, None)
    assert read.json()["rows"][0][0]["text"] == "Zeile 10"
    analyzed = reader.health()["analyzed"]
    assert "Zeile 15" in said(reader.post(question("Lies den Text vor.", page)))
    assert reader.health()["analyzed"] == analyzed


def test_answers_go_before_the_lines(reader: Running) -> None:
    """A page that is being read for a check is left for an answer, and read after it."""
    unique = os.urandom(4).hex()
    long = encoded(written(*(f"{unique} {n}" for n in range(30)), size=(900, 2700)))
    short = encoded(written(f"{unique} kurz"))
    ended: list[str] = []

    def check() -> None:
        assert len(_lines(reader, long, most_rows=99).json()["rows"]) == 30
        ended.append("lines")

    checking = threading.Thread(target=check)
    checking.start()
    time.sleep(1.0)  # it is being read
    assert "kurz" in said(reader.post(question("Lies den Text vor.", short)))
    ended.append("answer")
    checking.join()

    assert ended == ["answer", "lines"]


@pytest.mark.parametrize("body", [b"[]", b'{"url": "data:,"}', b'{"url": 1, "most_rows": 1}', b"{"])
def test_wrong_requests_for_lines_are_refused(reader: Running, body: bytes) -> None:
    """With the API's error object."""
    response = reader.http.post(
        f"{reader.address}/v1/lines", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert response.json()["error"]["message"]


def _lines(reader: Running, picture: bytes, *, most_rows: int) -> httpx2.Response:
    body = {"url": data_uri(picture), "most_rows": most_rows}
    return reader.http.post(f"{reader.address}/v1/lines", json=body)
