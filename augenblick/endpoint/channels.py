"""Sorting what a model says: replays are dropped, thinking and pictures are set apart.

`ReplayFilter` takes the text of a channel as it comes. What is left of the answer's text goes
through the stages `TemplateMarks`, `ThinkSplitter` and `EmbeddedPictures`, one after the other.
A stage takes text cut anywhere, holds what it can't judge yet, and gives out pieces; what was given
out stays, with one exception: `MOVED`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol

TEXT: Final = "text"
REASONING: Final = "reasoning"
REFUSAL: Final = "refusal"
PICTURE: Final = "picture"  # the piece is the address of one, mostly a data URI
UNREAD: Final = "unread"  # the piece is the type of what is neither text nor picture
MOVED: Final = "moved"  # all that was given out as text so far was thinking

Piece = tuple[str, str]
"""A channel, or `PICTURE`, `UNREAD` or `MOVED`, and what was said there."""

_LONG_CHARS = 16  # from here on a piece that begins with everything said so far is no accident
# Thinking at the start of an answer; it ends with the same tag with a slash.
_TAGS = (
    "<think>",  # DeepSeek R1, Qwen 3, GLM, MiniMax M2
    "<thinking>",  # Amazon Nova
    "<thought>",  # Gemini's compatible API, EXAONE Deep, Marco-o1
    "<reasoning>",  # Reka Flash 3
    "<seed:think>",  # ByteDance Seed-OSS
    "<longcat_think>",  # Meituan LongCat
    "[think]",  # Mistral Magistral
    "◁think▷",  # Kimi-VL
)
# Of gpt-oss, on servers that drop its marks but not the words in them (one piece, for one token).
_LOST_CHANNEL = "analysis"
_TAG = re.compile(
    rf"\s*({'|'.join(map(re.escape, _TAGS))}|(?-i:{_LOST_CHANNEL}(?=[A-Z])))", re.IGNORECASE
)
# Templates that put the opening tag into the prompt: DeepSeek R1 and 3.1, Qwen 3, GLM 4.7,
# Seed-OSS, LongCat, Kimi-VL.
_BARE_CLOSES = ("</think>", "</seed:think>", "</longcat_think>", "◁/think▷")
_BARE_CLOSE = re.compile("|".join(_BARE_CLOSES))
_LONGEST_BLANK = 1_000  # characters before the first word that may still precede a tag
_SENTENCE_ENDS = tuple(".!?\u3002\uff01\uff1f")  # of thinking that has no line end behind it
_ANSWER, _END_OF_ANSWER = "<answer>", "</answer>"  # GLM-4.1V and Hunyuan A13B, around the answer

# Marks of chat templates that servers leave in the text; they go, the text between them stays.
# Most vendors write them as `<|im_end|>`: Qwen and whoever else uses ChatML, Llama, gpt-oss, Phi,
# GLM (also `<|begin_of_box|>` around its result), Kimi, Granite, Cohere, Apertus, Solar,
# OpenThinker.
_ENDS_OF_THINKING = (
    "<|end|>", "<|return|>", "<|call|>",  # gpt-oss (harmony); the first also Phi and Solar
    "<|END_THINKING|>",  # Cohere Command A Reasoning
    "<|inner_suffix|>",  # Apertus
    "<|end_of_thought|>",  # OpenThinker
    "<channel|>",  # Gemma 4
    "<unused95>",  # MedGemma
)  # fmt: skip
_STARTS_OF_THINKING = (
    "<|START_THINKING|>", "<|think|>", "<|inner_prefix|>", "<|begin_of_thought|>",
    "<|channel>thought", "<unused94>thought",
)  # fmt: skip
# Who speaks, up to the end of that heading: gpt-oss, Llama 3 and 4, Granite, Kimi, Solar, ChatML,
# Gemma 3 and 4.
_HEADINGS = {
    "<|start|>": "<|message|>", "<|channel|>": "<|message|>",
    "<|start_header_id|>": "<|end_header_id|>", "<|header_start|>": "<|header_end|>",
    "<|start_of_role|>": "<|end_of_role|>", "<|im_assistant|>": "<|im_middle|>",
    "<|begin|>": "<|content|>",
    "<|im_start|>": "\n", "<start_of_turn>": "\n", "<|turn>": "\n",
}  # fmt: skip
_END_OF_STRIKE = "</s>"
_LITERAL_MARKS = (
    "<end_of_turn>", "<turn|>", "<eos>", "<pad>",  # Gemma
    _END_OF_STRIKE,  # Llama 2 and Mistral; behind `<s>` it is HTML
    "[e~[",  # MiniMax
    "[|assistant|]", "[|endofturn|]",  # EXAONE
    *_ENDS_OF_THINKING, *_STARTS_OF_THINKING, *_HEADINGS,
)  # fmt: skip
_MARK_FORMS = (
    r"<\|/?[A-Za-z]\w{2,40}\|>",
    "<\uff5c[\\w\u2581]{3,40}\uff5c>",  # DeepSeek
    r"\[UNUSED_TOKEN_\d{1,3}\]",  # InternLM 2 and InternVL 2
)
_ROLE = re.compile(r"\s{0,4}\w{0,20}\s{0,4}")
_IN_HEADING = re.compile(r"[\w .=-]{0,80}(?:<\|(?:channel|constrain)\|>[\w .=-]{0,80}){0,2}")
_LONGEST_HEADING = 200
_STRIKE = "<s>"
_TOKEN = re.compile(
    "|".join(("`+", "\n", _STRIKE, *map(re.escape, _LITERAL_MARKS), *_MARK_FORMS)), re.ASCII
)
_TOKEN_START = re.compile(r"[<`\n\[]")
_MARK_STARTS = frozenset(
    mark[:length] for mark in (_STRIKE, *_LITERAL_MARKS) for length in range(1, len(mark))
)
_MAY_BE_MARK = re.compile(
    "<\\|/?\\w{0,41}\\|?|<\uff5c[\\w\u2581]{0,40}\uff5c?|\\[U[A-Z_]{0,12}\\d{0,3}", re.ASCII
)
_LONGEST_MARK = 45
_FENCE = 3  # backticks that begin a block of code


# A picture in Markdown, or without at the very start, and what may become one.
_ADDRESS = r"(?P<address>data:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/]{60})"
_MARKDOWN = r"!\[[^\[\]\n]{0,200}\]\([ ]?"
_PICTURE = re.compile(_MARKDOWN + _ADDRESS)
_FIRST_PICTURE = re.compile(rf"\s{{0,9}}(?:{_MARKDOWN})?{_ADDRESS}")
_MAY_BE_PICTURE = re.compile(
    r"!(?:\[[^\[\]\n]{0,200}(?:\](?:\([ ]?(?:d[\w:/.+;,-]{0,99})?)?)?)?\Z", re.ASCII
)
_MAY_BE_FIRST = re.compile(r"\s{0,9}(?:d|da|dat|data(?::[\w/.+;,-]{0,99})?)\Z", re.ASCII)
_LONGEST_BEGUN = 310
_END_OF_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")


class Stage(Protocol):
    """One step of sorting the text of an answer."""

    def feed(self, piece: str) -> Iterable[Piece]:
        """Sort a piece of text; what can't be judged yet is held for the next one or `flush`."""

    def flush(self) -> Iterable[Piece]:
        """What is still held, at the end."""


def sort_text(
    stages: Iterable[Stage], channel: str, piece: str, *, is_end: bool = False
) -> Iterator[Piece]:
    """Send a piece through all stages; at the end with what each of them still holds."""
    pieces: Iterator[Piece] = iter([(channel, piece)])
    for stage in stages:
        pieces = _through(stage, pieces, is_end=is_end)
    return pieces


def _through(stage: Stage, pieces: Iterator[Piece], *, is_end: bool) -> Iterator[Piece]:
    for channel, piece in pieces:
        if channel != TEXT:
            yield channel, piece
        elif piece:
            yield from stage.feed(piece)
    if is_end:
        yield from stage.flush()


class GrowingText:
    """A text that grows by pieces, in whole characters.

    Some servers cut an emoji between the two JSON escapes it is written with. A half that stays
    alone becomes U+FFFD, for no encoder takes it.
    """

    def __init__(self) -> None:
        self._text = StringIO()
        self._half = ""

    def add(self, piece: str, *, is_end: bool = False) -> str:
        """Add a piece and return it, without a first half at its end, which waits for the next."""
        if self._half or not piece.isascii():
            piece, self._half = self._half + piece, ""
            if not is_end and piece and "\ud800" <= piece[-1] <= "\udbff":
                piece, self._half = piece[:-1], piece[-1]
            piece = without_halves(piece)
        self._text.write(piece)
        return piece

    def __str__(self) -> str:
        """All of it."""
        return self._text.getvalue()


def without_halves(text: str) -> str:
    """The text with surrogate pairs joined and lone halves replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class ReplayFilter:
    """Drops what an endpoint sends twice: deltas that each hold the whole text so far.

    Alibaba's DashScope does so on its coding plan (QwenLM/qwen-code#3896); RAGFlow sends the whole
    answer once more as its last delta (infiniflow/ragflow#15443).

    A piece is taken for a replay when it begins with everything before it and goes on, twice in a
    row; or when it repeats a text that came in two pieces or more and is long. A piece that may
    be the first of such a row is held until the next one comes or `flush`. True repeats ("na na
    na") stay.
    """

    def __init__(self) -> None:
        self._text = StringIO()
        self._chars = 0
        self._count = 0
        self._held: list[str] = []
        self._is_cumulative = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come."""
        return not self._chars

    def feed(self, piece: str) -> str:
        """What is new in a piece."""
        if self._held:
            return self._feed_held(piece)
        if len(piece) < self._chars and not self._is_cumulative:  # most of what comes
            return self._keep(piece)
        text = self._text.getvalue()
        is_replay = self._chars > 0 and piece.startswith(text)
        if self._is_cumulative:
            if not is_replay and len(piece) >= _LONG_CHARS and text.startswith(piece):
                return ""
            self._is_cumulative = is_replay
        elif is_replay and (self._count == 1 or self._chars < _LONG_CHARS):
            if len(piece) == len(text):
                return self._keep(piece)
            self._held = [piece]
            return ""
        return self._keep(piece[len(text) :] if is_replay else piece)

    def _feed_held(self, piece: str) -> str:
        """Judge what is held by the piece after it."""
        if len(piece) <= len(self._held[-1]) or not piece.startswith(self._held[-1]):
            return self._release() + self.feed(piece)
        self._held.append(piece)
        return self._confirm() if len(piece) >= _LONG_CHARS else ""

    def flush(self) -> str:
        """What is still held, at the end."""
        if not self._held:
            return ""
        is_replay = len(self._held) > 1 or self._chars >= _LONG_CHARS
        return self._confirm() if is_replay else self._release()

    def _confirm(self) -> str:
        new = self._held[-1][self._chars :]
        self._held, self._is_cumulative = [], True
        return self._keep(new)

    def _release(self) -> str:
        held, self._held = "".join(self._held), []
        return self._keep(held)

    def _keep(self, piece: str) -> str:
        if piece:
            self._text.write(piece)
            self._chars += len(piece)
            self._count += 1
        return piece


class TemplateMarks:
    """Takes the marks of chat templates out of an answer, wherever the pieces are cut.

    What gpt-oss writes into another channel than `final` is thinking. In code and between
    backticks a mark is text, for then somebody writes about it.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._channel = TEXT
        self._heading = ""  # the mark that opened the heading we are in
        self._fence = self._inline = 0  # how many backticks opened the code we are in
        self._is_line_blank = True
        self._has_strike = False  # whether `<s>` of HTML is open

    def feed(self, piece: str) -> list[Piece]:
        """The text without marks."""
        if not self._pending and _TOKEN_START.search(piece) is None:  # most of what comes
            self._is_line_blank = self._is_line_blank and not piece.strip()
            return [(self._channel, piece)]
        piece, self._pending = self._pending + piece, ""
        pieces: list[Piece] = []
        at = 0
        while at < len(piece):
            at = self._skip(piece, at, pieces) if self._heading else self._read(piece, at, pieces)
        return [
            (channel, "".join(text for _, text in run))
            for channel, run in groupby(pieces, key=itemgetter(0))
        ]

    def flush(self) -> list[Piece]:
        """What may have begun a mark; a heading that was cut off goes."""
        rest, self._pending = self._pending, ""
        heading, self._heading = self._heading, ""
        is_mark = heading and rest.removeprefix(heading).strip() in {"", "assistant", "model"}
        return [] if is_mark else [(self._channel, rest)]

    def _read(self, piece: str, at: int, pieces: list[Piece]) -> int:
        """Read up to the next heading; returns where that begins."""
        for token in _TOKEN.finditer(piece, at):
            mark = token.group()
            if mark[0] == "`" and token.end() == len(piece) and len(mark) < _LONGEST_MARK:
                break  # the run may go on
            self._keep(piece[at : token.start()], pieces)
            at = token.end()
            if mark[0] in "`\n" or self._is_code:
                self._keep(mark, pieces)
                self._follow_code(mark)
            elif mark in _HEADINGS:
                self._heading = mark
                return token.start()
            else:
                self._take_mark(mark, pieces)
        end = len(piece) - _held_length(piece[at:])
        self._keep(piece[at:end], pieces)
        self._pending = piece[end:]
        return len(piece)

    def _take_mark(self, mark: str, pieces: list[Piece]) -> None:
        """Leave a mark out and follow what it says of thinking; strike-through of HTML stays."""
        if mark == _STRIKE or (mark == _END_OF_STRIKE and self._has_strike):
            self._has_strike = mark == _STRIKE
            self._keep(mark, pieces)
        elif mark in _STARTS_OF_THINKING:
            self._channel = REASONING
        elif mark in _ENDS_OF_THINKING:
            self._channel = TEXT

    def _skip(self, piece: str, at: int, pieces: list[Piece]) -> int:
        """Leave out a heading that is whole; returns where it ends."""
        mark, end = self._heading, _HEADINGS[self._heading]
        found = piece.find(end, at, at + _LONGEST_HEADING)
        if found < 0 and len(piece) - at < _LONGEST_HEADING:
            self._pending = piece[at:]
            return len(piece)
        self._heading = ""
        form = _IN_HEADING if end == "<|message|>" else _ROLE
        if found < 0 or not form.fullmatch(piece, at + len(mark), found):
            self._keep(mark, pieces)  # it is none: words about a mark
            return at + len(mark)
        heading = piece[at:found]
        name = heading.rpartition("<|channel|>")[2] if "<|channel|>" in heading else "final"
        self._channel = TEXT if name.split()[:1] == ["final"] else REASONING
        self._fence = self._inline = 0
        return found + len(end)

    @property
    def _is_code(self) -> bool:
        return self._channel == TEXT and bool(self._fence or self._inline)

    def _keep(self, text: str, pieces: list[Piece]) -> None:
        if text:
            pieces.append((self._channel, text))
            if text[0] != "`":
                self._is_line_blank = self._is_line_blank and not text.strip()

    def _follow_code(self, mark: str) -> None:
        """Note what a run of backticks or the end of a line opens or closes."""
        if mark == "\n":
            self._inline, self._is_line_blank = 0, True
            return
        if mark[0] != "`":
            return
        count = len(mark)
        if self._is_line_blank and count >= max(_FENCE, self._fence):
            self._fence = 0 if self._fence else count
        elif not self._fence and self._inline in {0, count}:
            self._inline = 0 if self._inline else count
        self._is_line_blank = False


def _held_length(piece: str) -> int:
    """The length of an ending that may go on as a mark or as a longer run of backticks."""
    at = max(piece.rfind("<", -_LONGEST_MARK), piece.rfind("[", -_LONGEST_MARK))
    if at >= 0 and (piece[at:] in _MARK_STARTS or _MAY_BE_MARK.fullmatch(piece, at)):
        return len(piece) - at
    count = len(piece) - len(piece.rstrip("`"))
    return count if count < _LONGEST_MARK else 0


class ThinkSplitter:
    """Sets tagged thinking at the start of an answer apart, wherever the pieces are cut.

    Some templates put the opening tag into the prompt, so that only the closing one comes. It
    counts if it begins a line or directly follows a sentence, outside of a code block; otherwise,
    as everywhere in doubt, it is text. Tags around the answer behind it are left out.
    """

    def __init__(self, said: Callable[[], str]) -> None:
        """`said` returns the text handed out so far."""
        self.seeks_bare_close = True  # False also where the endpoint sets the thinking apart itself
        self._said = said
        self._pending = ""
        self._close = ""  # the tag that ends the thinking we are in
        self._has_started = False  # whether we are in the answer
        self._is_after_thinking = False
        self._is_in_answer_tag = False

    def feed(self, piece: str) -> Iterator[Piece]:
        """The text without tags."""
        piece, self._pending = self._pending + piece, ""
        if self._has_started:
            return self._answer(piece)
        return self._start(piece)

    def flush(self) -> list[Piece]:
        """What may have begun a tag; blanks between the thinking and the answer go."""
        rest, self._pending = self._pending, ""
        if self._close:
            return [(REASONING, rest)]
        return [] if self._is_after_thinking and not rest.strip() else [(TEXT, rest)]

    def _start(self, piece: str) -> Iterator[Piece]:
        """Read thinking and the blanks around it, up to the first word of the answer."""
        at = 0
        while True:
            if not self._close:
                if (found := _TAG.match(piece, at)) is None:
                    break
                self._close, at = _end_of(found.group(1)), found.end()
            end = piece.find(self._close, at)
            if end < 0:
                thought, self._pending = _hold_half(piece[at:], self._close)
                yield REASONING, thought
                return
            yield REASONING, piece[at:end]
            at = end + len(self._close)
            self._leave_thinking()
        visible = piece[at:].lstrip()
        folded = visible.lower()
        may_begin_tag = visible == _LOST_CHANNEL or any(
            tag.startswith(folded) for tag in (*_TAGS, _ANSWER)
        )
        if may_begin_tag and len(piece) - at < _LONGEST_BLANK:
            self._pending = piece[at:]
            return
        self._has_started = True
        self._is_in_answer_tag = visible.startswith(_ANSWER)
        is_bare = self._is_in_answer_tag or self._is_after_thinking
        yield from self._answer(visible.removeprefix(_ANSWER) if is_bare else piece[at:])

    def _answer(self, piece: str) -> Iterator[Piece]:
        if self._is_in_answer_tag:
            text, tag, rest = piece.partition(_END_OF_ANSWER)
            if tag:
                self._is_in_answer_tag = self.seeks_bare_close = False
            else:
                text, self._pending = _hold_half(piece, _END_OF_ANSWER)
            yield TEXT, text + rest
        elif not self.seeks_bare_close or ("<" not in piece and "◁" not in piece):
            yield TEXT, piece
        elif (found := _BARE_CLOSE.search(piece)) is not None:
            yield from self._close_bare(piece, found)
        else:
            text, self._pending = _hold_half(piece, *_BARE_CLOSES)
            yield TEXT, text

    def _close_bare(self, piece: str, found: re.Match[str]) -> Iterator[Piece]:
        """Judge the first closing tag without an opening one."""
        before = piece[: found.start()]
        said = self._said() + before
        self.seeks_bare_close = False
        is_behind_sentence = said.endswith(_SENTENCE_ENDS) and "<think>" not in said
        is_end = not said.strip() or said.endswith("\n") or is_behind_sentence
        if is_end and said.count("```") % 2 == 0:
            self._leave_thinking()
            yield MOVED, ""
            yield REASONING, before
            yield from self._start(piece[found.end() :])
        else:
            yield TEXT, piece

    def _leave_thinking(self) -> None:
        self._close, self._has_started = "", False
        self._is_after_thinking, self.seeks_bare_close = True, False


def _end_of(tag: str) -> str:
    """What ends the thinking that a tag begins."""
    return "assistantfinal" if tag == _LOST_CHANNEL else f"{tag[0]}/{tag[1:]}"


def _hold_half(piece: str, *tags: str) -> tuple[str, str]:
    """Cut off an ending that may be the first half of one of the tags."""
    for length in range(min(max(map(len, tags)) - 1, len(piece)), 0, -1):
        ending = piece[-length:]
        if any(tag.startswith(ending) for tag in tags if len(tag) > length):
            return piece[:-length], ending
    return piece, ""


class EmbeddedPictures:
    """Takes pictures out of a text that holds them as Markdown with a data URI.

    Gateways in front of models that draw write them so, as EPAM's DIAL does. At the very start the
    address may stand alone. What has only a few bytes is an example in a text about it.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._address: list[str] = []  # what has come of the address we are in
        self._is_first = True

    def feed(self, piece: str) -> Iterator[Piece]:
        """The text without pictures, and the pictures."""
        piece, self._pending = self._pending + piece, ""
        while piece:
            if not self._address:
                found = _FIRST_PICTURE.match(piece) if self._is_first else None
                if (found := found or _PICTURE.search(piece)) is None:
                    break
                yield TEXT, piece[: found.start()]
                self._address, self._is_first = [found["address"]], False
                piece = piece[found.end() :]
            end = _END_OF_BASE64.search(piece)
            self._address.append(piece[: end.start()] if end else piece)
            if end is None:
                return
            yield PICTURE, "".join(self._address)
            self._address = []
            piece = piece[end.start() :].removeprefix(")")
        begun = _MAY_BE_FIRST.match(piece) if self._is_first else None
        begun = begun or _MAY_BE_PICTURE.search(piece, max(0, len(piece) - _LONGEST_BEGUN))
        end_of_text = begun.start() if begun else len(piece)
        self._pending = piece[end_of_text:]
        self._is_first = self._is_first and not piece[:end_of_text].strip()
        yield TEXT, piece[:end_of_text]

    def flush(self) -> list[Piece]:
        """What may have begun a picture, or a picture that was cut off."""
        address, self._address = "".join(self._address), []
        rest, self._pending = self._pending, ""
        return [(PICTURE, address)] if address else [(TEXT, rest)]
