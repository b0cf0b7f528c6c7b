"""Sorting what a model says: replays are dropped, characters joined, thinking is set apart.

All work on pieces cut anywhere and never take back a piece that was handed out, with one
exception: `Sorted.is_all_reasoning`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

_LONG_CHARS = 16  # from here on a piece that begins with everything said so far is no accident
_PART_CHARS = 400
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
        self._parts: list[str] = []
        self._chars = 0
        self._count = 0
        self._held: list[str] = []
        self._is_cumulative = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come."""
        return not self._count and not self._held

    def take(self, piece: str) -> str:
        """What is new in a piece."""
        if not piece:
            return ""
        if self._is_cumulative and (new := self._continue(piece)) is not None:
            return new
        if not self._held:
            return self._take_first(piece)
        if len(piece) > len(self._held[-1]) and piece.startswith(self._held[-1]):
            self._held.append(piece)
            return self._confirm() if len(piece) >= _LONG_CHARS else ""
        return self._release() + self._take_first(piece)

    def flush(self) -> str:
        """What is still held, at the end."""
        if not self._held:
            return ""
        is_replay = len(self._held) > 1 or self._chars >= _LONG_CHARS
        return self._confirm() if is_replay else self._release()

    def _take_first(self, piece: str) -> str:
        if not self._chars or len(piece) < self._chars:
            return self._keep(piece)
        text = self._text()
        if not piece.startswith(text):
            return self._keep(piece)
        if self._count > 1 and self._chars >= _LONG_CHARS:
            return self._keep(piece[len(text) :])
        if len(piece) > len(text):
            self._held = [piece]
            return ""
        return self._keep(piece)

    def _continue(self, piece: str) -> str | None:
        """What a piece adds in a row of replays; None when the row has ended."""
        text = self._text()
        if piece.startswith(text):
            return self._keep(piece[len(text) :])
        if len(piece) >= _LONG_CHARS and text.startswith(piece):
            return ""
        self._is_cumulative = False
        return None

    def _confirm(self) -> str:
        new = self._held[-1][self._chars :]
        self._held, self._is_cumulative = [], True
        return self._keep(new)

    def _release(self) -> str:
        held, self._held = "".join(self._held), []
        return self._keep(held)

    def _keep(self, piece: str) -> str:
        if piece:
            add_to(self._parts, piece)
            self._chars += len(piece)
            self._count += 1
        return piece

    def _text(self) -> str:
        self._parts = ["".join(self._parts)]
        return self._parts[0]


class EmbeddedPictures:
    """Takes pictures out of a text that holds them as Markdown with a data URI.

    Gateways in front of models that draw write them so, as EPAM's DIAL does. At the very start the
    address may stand alone. What has only a few bytes is an example in a text about it.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._inside: list[str] | None = None  # what has come of the address we are in
        self._is_first = True
        self._found: list[str] = []

    def feed(self, piece: str) -> str:
        """The text without pictures; what may begin one is held until the next piece or `flush`."""
        piece, self._pending = self._pending + piece, ""
        text: list[str] = []
        while piece:
            if self._inside is None:
                piece = self._seek(piece, text)
            else:
                piece = self._take(piece, self._inside)
        return "".join(text)

    def flush(self) -> str:
        """What is still held, at the end."""
        rest, self._pending = self._pending, ""
        self._close()
        return rest

    def take_found(self) -> list[str]:
        """The addresses that were found since the last call."""
        found, self._found = self._found, []
        return found

    def _seek(self, piece: str, text: list[str]) -> str:
        found = _FIRST_PICTURE.match(piece) if self._is_first else None
        if (found := found or _PICTURE.search(piece)) is not None:
            text.append(piece[: found.start()])
            self._inside, self._is_first = [found["address"]], False
            return piece[found.end() :]
        begun = _MAY_BE_FIRST.match(piece) if self._is_first else None
        begun = begun or _MAY_BE_PICTURE.search(piece, max(0, len(piece) - _LONGEST_BEGUN))
        end = begun.start() if begun else len(piece)
        text.append(piece[:end])
        self._pending = piece[end:]
        self._is_first = self._is_first and not piece[:end].strip()
        return ""

    def _take(self, piece: str, inside: list[str]) -> str:
        end = _END_OF_BASE64.search(piece)
        inside.append(piece[: end.start()] if end else piece)
        if end is None:
            return ""
        self._close()
        return piece[end.start() :].removeprefix(")")

    def _close(self) -> None:
        if self._inside is not None:
            self._found.append("".join(self._inside))
            self._inside = None


def add_to(parts: list[str], piece: str) -> None:
    """Add a piece to a text in parts; short ones are joined, for each object costs fifty bytes."""
    if parts and len(parts[-1]) < _PART_CHARS:
        parts[-1] += piece
    else:
        parts.append(piece)


class WholeCharacters:
    """Joins the two halves of a character that JSON escapes spread over two pieces.

    Some servers cut an emoji between the two escapes it is written with. A half that stays alone
    becomes U+FFFD, for no encoder takes it.
    """

    def __init__(self) -> None:
        self._half = ""

    def take(self, piece: str) -> str:
        """The piece in whole characters; a first half at its end waits for the next one."""
        if not self._half and (piece.isascii() or piece == without_halves(piece)):
            return piece
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return without_halves(piece)

    def flush(self) -> str:
        """What is left at the end."""
        half, self._half = self._half, ""
        return without_halves(half)


def without_halves(text: str) -> str:
    """The text with surrogate pairs joined and lone halves replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


@dataclass(frozen=True, slots=True)
class Sorted:
    """A piece by channel. `is_all_reasoning`: what was handed out as text was thinking, too."""

    reasoning: str = ""
    text: str = ""
    is_all_reasoning: bool = False


class TemplateMarks:
    """Takes the marks of chat templates out of an answer, wherever the pieces are cut.

    What gpt-oss writes into another channel than `final` is thinking. In code and between
    backticks a mark is text, for then somebody writes about it.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._is_thinking = False
        self._heading = ""  # the mark that opened the heading we are in
        self._fence = self._inline = 0  # how many backticks opened the code we are in
        self._is_line_blank = True
        self._has_strike = False  # whether `<s>` of HTML is open

    def feed(self, piece: str) -> list[tuple[bool, str]]:
        """The text without marks, in parts of (is thinking, text)."""
        if not self._pending and _TOKEN_START.search(piece) is None:  # most of what comes
            self._is_line_blank = self._is_line_blank and not piece.strip()
            return [(self._is_thinking, piece)]
        piece, self._pending = self._pending + piece, ""
        parts: list[tuple[bool, str]] = []
        at = 0
        while at < len(piece):
            at = self._skip(piece, at, parts) if self._heading else self._read(piece, at, parts)
        return [
            (is_thinking, "".join(text for _, text in run))
            for is_thinking, run in groupby(parts, key=itemgetter(0))
        ]

    def flush(self) -> list[tuple[bool, str]]:
        """What is still held, at the end."""
        rest, self._pending = self._pending, ""
        heading, self._heading = self._heading, ""
        is_mark = heading and rest.removeprefix(heading).strip() in {"", "assistant", "model"}
        return [] if is_mark or not rest else [(self._is_thinking, rest)]

    def _read(self, piece: str, at: int, parts: list[tuple[bool, str]]) -> int:
        """Read up to the next heading; returns where that begins."""
        for token in _TOKEN.finditer(piece, at):
            mark = token.group()
            if mark[0] == "`" and token.end() == len(piece) and len(mark) < _LONGEST_MARK:
                break  # the run may go on
            self._keep(piece[at : token.start()], parts)
            at = token.end()
            if mark[0] in "`\n" or self._is_code:
                self._keep(mark, parts)
                self._follow_code(mark)
            elif mark in _HEADINGS:
                self._heading = mark
                return token.start()
            else:
                self._take_mark(mark, parts)
        end = len(piece) - _held_length(piece[at:])
        self._keep(piece[at:end], parts)
        self._pending = piece[end:]
        return len(piece)

    def _take_mark(self, mark: str, parts: list[tuple[bool, str]]) -> None:
        """Leave a mark out and follow what it says of thinking; strike-through of HTML stays."""
        if mark == _STRIKE or (mark == _END_OF_STRIKE and self._has_strike):
            self._has_strike = mark == _STRIKE
            self._keep(mark, parts)
        elif mark in _STARTS_OF_THINKING:
            self._is_thinking = True
        elif mark in _ENDS_OF_THINKING:
            self._is_thinking = False

    def _skip(self, piece: str, at: int, parts: list[tuple[bool, str]]) -> int:
        """Leave out a heading that is whole; returns where it ends."""
        mark, end = self._heading, _HEADINGS[self._heading]
        found = piece.find(end, at, at + _LONGEST_HEADING)
        if found < 0 and len(piece) - at < _LONGEST_HEADING:
            self._pending = piece[at:]
            return len(piece)
        self._heading = ""
        form = _IN_HEADING if end == "<|message|>" else _ROLE
        if found < 0 or not form.fullmatch(piece, at + len(mark), found):
            self._keep(mark, parts)  # it is none: words about a mark
            return at + len(mark)
        heading = piece[at:found]
        channel = heading.rpartition("<|channel|>")[2] if "<|channel|>" in heading else "final"
        self._is_thinking = channel.split()[:1] != ["final"]
        self._fence = self._inline = 0
        return found + len(end)

    @property
    def _is_code(self) -> bool:
        return not self._is_thinking and bool(self._fence or self._inline)

    def _keep(self, text: str, parts: list[tuple[bool, str]]) -> None:
        if text:
            parts.append((self._is_thinking, text))
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
    as everywhere in doubt, it is text. Tags around the answer behind it are left out. `said`
    returns the text handed out so far.
    """

    def __init__(self, said: Callable[[], str]) -> None:
        self._said = said
        self._pending = ""
        self._close = ""  # the tag that ends the thinking we are in
        self._has_started = False
        self._is_after_thinking = False
        self._seeks_bare_close = True
        self._is_in_answer_tag = False

    def feed(self, piece: str) -> Sorted:
        """Sort a piece; what may be half a tag is held until the next one or `flush`."""
        piece, self._pending = self._pending + piece, ""
        if self._close:
            return self._think(piece)
        if not self._has_started:
            return self._start(piece)
        if self._is_in_answer_tag:
            return Sorted(text=self._inside_answer_tag(piece))
        return self._answer(piece) if self._seeks_bare_close else Sorted(text=piece)

    def flush(self) -> Sorted:
        """What is still held, at the end."""
        rest, self._pending = self._pending, ""
        if self._close:
            return Sorted(reasoning=rest)
        return Sorted(text="" if self._is_after_thinking and not rest.strip() else rest)

    def stop_seeking(self) -> None:
        """The endpoint sets the thinking apart by itself; a bare tag is text then."""
        self._seeks_bare_close = False

    def _start(self, piece: str) -> Sorted:
        thought: list[str] = []
        at = 0
        while (found := _TAG.match(piece, at)) is not None:
            self._close = _end_of(found.group(1))
            end = piece.find(self._close, found.end())
            if end < 0:
                inside, self._pending = _hold_half(piece[found.end() :], self._close)
                return Sorted("".join((*thought, inside)))
            thought.append(piece[found.end() : end])
            at = end + len(self._close)
            self._leave_thinking()
        piece = piece[at:]
        visible = piece.lstrip()
        reasoning = "".join(thought)
        folded = visible.lower()
        may_begin_tag = visible == _LOST_CHANNEL or any(
            tag.startswith(folded) for tag in (*_TAGS, _ANSWER)
        )
        if may_begin_tag and len(piece) < _LONGEST_BLANK:
            self._pending = piece
            return Sorted(reasoning)
        self._has_started = True
        if visible.startswith(_ANSWER):
            self._is_in_answer_tag = True
            return Sorted(reasoning, self._inside_answer_tag(visible.removeprefix(_ANSWER)))
        if self._is_after_thinking:
            return Sorted(reasoning, visible)
        return self._answer(piece) if self._seeks_bare_close else Sorted(text=piece)

    def _think(self, piece: str) -> Sorted:
        thought, tag, rest = piece.partition(self._close)
        if not tag:
            thought, self._pending = _hold_half(piece, self._close)
            return Sorted(reasoning=thought)
        self._leave_thinking()
        after = self._start(rest)
        return Sorted(thought + after.reasoning, after.text)

    def _answer(self, piece: str) -> Sorted:
        if "<" not in piece and "◁" not in piece:
            return Sorted(text=piece)
        found = _BARE_CLOSE.search(piece)
        if found is None:
            cuts = [_hold_half(piece, tag) for tag in _BARE_CLOSES]
            text, self._pending = min(cuts, key=lambda cut: len(cut[0]))
            return Sorted(text=text)
        before, rest = piece[: found.start()], piece[found.end() :]
        said = self._said() + before
        self._seeks_bare_close = False
        is_behind_sentence = said.endswith(_SENTENCE_ENDS) and "<think>" not in said
        is_end = not said.strip() or said.endswith("\n") or is_behind_sentence
        if not is_end or said.count("```") % 2:
            return Sorted(text=piece)
        self._leave_thinking()
        after = self._start(rest)
        return Sorted(before + after.reasoning, after.text, is_all_reasoning=True)

    def _inside_answer_tag(self, piece: str) -> str:
        text, tag, rest = piece.partition(_END_OF_ANSWER)
        if tag:
            self._is_in_answer_tag = self._seeks_bare_close = False
            return text + rest
        text, self._pending = _hold_half(piece, _END_OF_ANSWER)
        return text

    def _leave_thinking(self) -> None:
        self._close, self._has_started = "", False
        self._is_after_thinking, self._seeks_bare_close = True, False


def _end_of(tag: str) -> str:
    """What ends the thinking that a tag begins."""
    return "assistantfinal" if tag == _LOST_CHANNEL else f"{tag[0]}/{tag[1:]}"


def _hold_half(piece: str, tag: str) -> tuple[str, str]:
    """Cut off an ending that may be the first half of a tag."""
    for length in range(min(len(tag) - 1, len(piece)), 0, -1):
        if piece.endswith(tag[:length]):
            return piece[:-length], piece[-length:]
    return piece, ""
