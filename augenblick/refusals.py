"""How endpoints word a refusal, and which of our errors it is.

Pure: `read_error` finds the words in any of the known body shapes, `scrub` makes them fit to be
shown, `refusal` picks the class. The wording of vendors stands in one table with its sources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from augenblick import errors
from augenblick.errors import Param, ProviderError, StatusError

MAX_DETAIL_BYTES = 2048
_MIN_SECRET_CHARS = 8  # shorter ones are stand-ins such as "none" and would hide ordinary words
_MAX_DEPTH = 6
_MESSAGE_KEYS = (
    "message", "detail", "msg", "errorMessage", "error_message", "error_description", "faultstring",
    "description", "reason", "title",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says. All texts are as they came; `scrub` them before they are shown."""

    message: str = ""
    code: str = ""
    kind: str = ""
    param: str = ""

    @property
    def words(self) -> str:
        """Everything the table of wordings is matched against."""
        return "\n".join(part for part in (self.message, self.code, self.kind, self.param) if part)


def read_error(body: bytes) -> ErrorBody:
    """What the body of a refusal says: JSON of any known shape, a web page's title, plain text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return read_wire_error(json.loads(text))
    except (ValueError, RecursionError):
        pass
    if text[:1] == "<":
        title = re.search(r"<title[^>]*>([^<]{0,300})", text, re.IGNORECASE)
        return ErrorBody(title.group(1).strip() if title else "", kind="html")
    return ErrorBody(text)


def read_wire_error(wire: object, *, depth: int = 0) -> ErrorBody:
    """The same for JSON that is already decoded."""
    if depth > _MAX_DEPTH:
        return ErrorBody()
    if isinstance(wire, str):
        return _from_text(wire, depth)
    if isinstance(wire, list):
        return _from_list(wire, depth)
    if isinstance(wire, Mapping):
        return _from_mapping(wire, depth)
    return ErrorBody()


def error_in_chunk(wire: object, *, event: str = "message") -> ErrorBody | None:
    """The error an event of a stream reports, None for an ordinary chunk.

    Either sign is enough: an event named "error", an `error` that is not empty (at the top or in a
    choice), or a body of an error's shape that has no `choices`.
    """
    if isinstance(wire, list) and len(wire) == 1:
        wire = wire[0]  # Gemini wraps its error in a list
    if event == "error":
        return read_wire_error(wire)
    if not isinstance(wire, dict):
        return None
    if wire.get("error") or wire.get("errors") or wire.get("object") == "error":
        return read_wire_error(wire)
    if "choices" not in wire:
        is_error = any(isinstance(wire.get(key), str | list) for key in ("message", "detail"))
        return read_wire_error(wire) if is_error or wire.get("type") == "error" else None
    choices = wire["choices"]
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("error"):
            return read_wire_error(choice["error"])
    return None


def _from_text(text: str, depth: int) -> ErrorBody:
    if text.lstrip()[:1] in ("{", "["):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return ErrorBody(text)
        found = read_wire_error(inner, depth=depth + 1)
        return found if found.message else ErrorBody(text)
    return ErrorBody(text)


def _from_list(items: list[object], depth: int) -> ErrorBody:
    found = [read_wire_error(item, depth=depth + 1) for item in items[:5]]
    found = [body for body in found if body.message or body.code]
    if not found:
        return ErrorBody()
    return replace(found[0], message="; ".join(body.message for body in found if body.message))


def _from_mapping(wire: Mapping[object, object], depth: int) -> ErrorBody:
    own = ErrorBody(code=_word(wire.get("code")), kind=_word(wire.get("type")), param=_param(wire))
    for key in ("error", "errors", "fault"):
        if wire.get(key):
            return _filled(read_wire_error(wire[key], depth=depth + 1), own)
    inner = ErrorBody()
    for key in _MESSAGE_KEYS:
        if wire.get(key) and (inner := read_wire_error(wire[key], depth=depth + 1)).message:
            break
    metadata = wire.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("raw"):  # OpenRouter: the provider's own body
        raw = read_wire_error(metadata["raw"], depth=depth + 1)
        inner = replace(raw, message=f"{inner.message}: {raw.message}")
    if own.param and inner.message and own.kind and "loc" in wire:  # FastAPI's list of complaints
        inner = replace(inner, message=f"{own.param}: {inner.message}")
    return _filled(inner, own)


def _filled(body: ErrorBody, by: ErrorBody) -> ErrorBody:
    return ErrorBody(
        body.message, body.code or by.code, body.kind or by.kind, body.param or by.param
    )


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _param(wire: Mapping[object, object]) -> str:
    place = wire.get("loc")
    if isinstance(place, list | tuple):
        return ".".join(str(step) for step in place if step != "body")
    return _word(wire.get("param"))


_SCRUBS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"data:[\w/+.-]{0,80};base64,[A-Za-z0-9+/=_\-\s]*", "[picture]"),
        (r"\bBearer\s+[^\s\"',}]+", "Bearer [key]"),
        (r"\b(?:sk|pk|rk|gsk|xai|hf|key|org|proj)[-_][A-Za-z0-9_\-*.]{6,}", "[key]"),
        (r"\bAIza[\w-]{8,}", "[key]"),
        (r"(?<=api_key=)[^\s&\"']+|(?<=api-key: )[^\s\"']+", "[key]"),
        # pydantic repeats what it was given: https://docs.pydantic.dev/latest/errors/errors/
        (r"""["']?\binput(?:_value)?["']?\s*[=:]\s*.*?(?=,\s*input_type=|,\s*["']url["']|$)""", ""),
        (r"[A-Za-z0-9+/=_-]{120,}", "[…]"),
        (r"[\x00-\x20\x7f-\xa0]+", " "),
    )
)


def scrub(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Plain text of at most 2 KB, on one line, without keys, pictures and the given secrets.

    `secrets` are the key and the texts of the prompt; shorter than eight characters they are left
    alone.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _MIN_SECRET_CHARS:
            text = text.replace(secret, "[…]").replace(json.dumps(secret)[1:-1], "[…]")
    for pattern, instead in _SCRUBS:
        text = pattern.sub(instead, text)
    clipped = text.strip().encode("utf-8", "replace")[:MAX_DETAIL_BYTES]
    return clipped.decode("utf-8", "ignore")


@dataclass(frozen=True, slots=True)
class _Wording:
    """One row of the table: statuses (0: said inside a stream), what is said, what it means."""

    means: type[StatusError]
    pattern: re.Pattern[str]
    statuses: frozenset[int]


_ABOUT_REQUEST = frozenset({0, 400, 403, 404, 413, 415, 422, 429, 500, 501})
_ABOUT_MODEL = frozenset({0, 400, 403, 404, 422})
_ABOUT_MONEY = frozenset({0, 400, 403, 429})
_ABOUT_LOAD = frozenset({0, 500, 503})
_ABOUT_KEY = frozenset({0, 400})
_ONLY_STREAM = frozenset({0})
_NUMBER = r"[\d,]+"
_ABOUT = "about_"  # begins the name of a group that tells the field, whatever the words call it
_UNKNOWN = (
    r"extra inputs|extra_forbidden|unrecognized request argument|unexpected keyword|"
    r"unknown (?:parameter|field|argument|name)"
)


def _row(means: type[StatusError], statuses: frozenset[int], *patterns: str) -> list[_Wording]:
    return [_Wording(means, re.compile(p, re.IGNORECASE | re.DOTALL), statuses) for p in patterns]


# Where wordings were found: vllm-project/vllm#17092 (limit of pictures), anthropics/claude-code
# #4778 and #49537 (pixels), ggml-org/llama.cpp#15377 and #15780, lmstudio-bug-tracker#362,
# Gitlawb/openclaude#353 (LM Studio), aaif-goose/goose#5396 (OpenRouter), browser-use/web-ui#274
# (Azure), mistralai/platform-docs-public#7 and eca#231 (Mistral), gpustack#429 (vLLM);
# vllm-project/vllm#16459, raullenchai/Rapid-MLX#747, theopenco/llmgateway#2433, genkit-ai/
# genkit#546 and googleapis/python-genai#1723 (several answers); the others from the error pages
# of the vendors' API references.
_WORDINGS: Final = (
    # Too many pictures: vLLM, Groq, Mistral, Ollama
    *_row(
        errors.TooManyPictures, _ABOUT_REQUEST,
        rf"at most (?P<limit>{_NUMBER}) image",
        rf"(?:up to|maximum(?: number)? of|limit is|only|at most) (?P<limit>{_NUMBER}) images?\b",
        r"too many images", r"only supports? (?:a )?single image", r"number of images.{0,40}exceed",
        r"multiple images.{0,30}not supported",
    ),
    # A picture that is too large: Anthropic, OpenAI, Azure, xAI, Groq
    *_row(
        errors.PictureTooLarge, _ABOUT_REQUEST,
        rf"image dimensions exceed.{{0,80}}?(?P<limit_px>{_NUMBER}) ?(?:pixels|px)",
        r"image.{0,60}(?:too large|too big|exceeds?\b.{0,40}(?:size|limit|maximum|MB|pixels))",
        r"(?:size|dimensions?|resolution) of (?:the |an? )?image.{0,60}(?:exceed|too large)",
        r"invalid image size",
    ),
    # A picture that can't be read: PIL behind vLLM, Anthropic, OpenAI, llama.cpp, Gemini
    *_row(
        errors.PictureUnreadable, _ABOUT_REQUEST,
        r"cannot identify image file", r"could not process image", r"image_parse_error",
        r"invalid (?:base64 )?image[ _](?:data|url)", r"invalid image \(base64\) data",
        r"fail(?:ed|ure) to (?:decode|load|process|parse)(?: the)?(?: base64)? image",
        r"unable to process input image", r"not represent a valid image",
    ),
    # The wrong file format: OpenAI, Anthropic, Gemini
    *_row(
        errors.PictureFormatRejected, _ABOUT_REQUEST,
        r"unsupported image(?! input)", r"invalid_image_format",
        r"unsupported (?:image )?mime[ _-]?type", r"invalid mime type",
        r"media_type.{0,60}input should be", r"image (?:format|type).{0,40}not supported",
        r"unsupported content-type.{0,40}image",
    ),
    # A model that can't see: llama.cpp, LM Studio, OpenRouter, Azure, vLLM, Ollama, DeepSeek, Groq
    *_row(
        errors.PicturesNotSupported, _ABOUT_REQUEST,
        r"image input (?:is )?not (?:supported|enabled)", r"unsupported image input",
        r"does(?: not|n't) support (?:image|vision|multi-?modal|picture)",
        r"no endpoints found that support image", r"image_url is only supported by certain models",
        r"not a multi-?modal model", r"missing data required for image input",
        r"unknown variant `image_url`", r"content must be a string",
        r"not compiled for multimodal", r"\bmmproj\b",
        r"image.{0,20} not supported (?:by|for|with) (?:this|the) model",
        r"(?:image_url|image content|vision|images).{0,30}(?:is|are) not supported",
    ),
    # A limit on the answer, not on the question: OpenAI, vLLM
    *_row(
        errors.FieldValueRejected, _ABOUT_REQUEST,
        r"(?P<field>max_tokens|max_completion_tokens)\W.{0,60}?(?:is )?too large",
        r"max_tokens.{0,40}must be (?:less|at most|<=)(?P<field>)",
    ),
    # Too many tokens: OpenAI, vLLM, Anthropic, llama.cpp, LM Studio, Mistral, Gemini, TGI, Qwen
    *_row(
        errors.ContextTooLong, _ABOUT_REQUEST,
        rf"maximum (?:context|model) length (?:is|of) (?P<limit>{_NUMBER})",
        rf"prompt is too long.{{0,40}}?> (?P<limit>{_NUMBER}) maximum",
        rf"too large for model with (?P<limit>{_NUMBER}) maximum context",
        rf"exceeds the maximum number of tokens allowed \(?(?P<limit>{_NUMBER})",
        rf"n_ctx\W{{1,4}}(?P<limit>{_NUMBER})",
        rf"context (?:window|length) of (?:only )?(?P<limit>{_NUMBER})",
        rf"max_new_tokens.{{0,20}}must be <= (?P<limit>{_NUMBER})",
        rf"range of input length should be \[1, ?(?P<limit>{_NUMBER})",
        r"context_length_exceeded", r"exceed_context_size_error", r"prompt is too long",
        r"exceeds? (?:the )?(?:available |model's |maximum )?context",
        r"greater than the context length", r"context (?:the )?overflow",
        r"reduce the length of the (?:messages|prompt|input)", r"input is too long",
        r"request too large for .{0,120}tokens per min",
    ),
    # A form of the answer that is not on offer, or a schema it does not like: OpenAI, Azure, Groq,
    # DeepSeek, LM Studio, vLLM, llama.cpp
    *_row(
        errors.FieldValueRejected, _ABOUT_REQUEST,
        r"(?P<own_schema>invalid schema) for (?P<field>response_format)",
        rf"\A(?!.*(?:{_UNKNOWN}))(?=.*(?:json_schema|json_object|\btype\b|schema))"
        r".*?(?P<field>response[_ ]format)",
        r"(?P<field>json[_ ]schema).{0,60}(?:not supported|unsupported|unavailable)",
        r"(?P<own_schema>(?P<field>json schema) conversion failed)",
        r"does(?: not|n't) support (?P<field>json[_ ](?:schema|mode|object)|structured outputs?)",
        r"(?P<own_schema>failed to parse (?P<field>grammar))",
    ),
    # A field: OpenAI and Azure, Mistral and Anthropic, vLLM, Gemini, Groq, xAI
    *_row(
        errors.UnknownField, _ABOUT_REQUEST,
        r"unsupported parameter: '(?P<field>[\w.]+)'(?:.{0,80}use '(?P<instead>\w+)' instead)?",
        r"unrecognized request arguments? supplied: (?P<field>[\w.]+)",
        r"unknown (?:parameter|field|argument)s?:? [\"'`]?(?P<field>[\w.]+)",
        r"unexpected keyword argument '(?P<field>\w+)'",
        r"'loc': \('body', '(?P<field>\w+)'[^)]*\), 'msg': 'extra inputs",
        r"(?P<field>[\w.]+): extra inputs are not permitted",
        r"unknown name \"(?P<field>\w+)\"", r"property '(?P<field>\w+)' is unsupported",
        r"argument not supported on this model: (?P<field>\w+)",
        r"does not support (?:the )?parameters? [\"'`]?(?P<field>\w+)",
        r"[\"'`](?P<field>\w+)[\"'`] is not supported (?:with|for|by|on)",
        r"additional properties are not allowed \('(?P<field>\w+)'",
    ),
    *_row(
        errors.FieldValueRejected, _ABOUT_REQUEST,
        r"unsupported value: '(?P<field>[\w.]+)'"
        r"(?:.{0,120}(?P<only_default>only the default))?",
        r"invalid value for '(?P<field>\w+)'",
        r"invalid '(?P<field>\w+)': \w+", r"`temperature` and `(?P<field>top_p)` cannot both",
        r"[\"'`](?P<field>temperature|top_p|n|seed|stop|logit_bias|max_tokens|presence_penalty"
        r"|frequency_penalty|response_format|user)[\"'`]? (?:must|should|has to) be",
    ),
    # Several answers: vLLM, Rapid-MLX, Groq, LLM Gateway, llama.cpp, DeepSeek, Gemini
    *_row(
        errors.FieldValueRejected, _ABOUT_REQUEST,
        r"(?P<about_n>(?<![\w.])[\"'`]?n[\"'`]?\s?:?\s(?:(?:number|value|parameter)\s)?"
        r"(?:must|should|has to)\s(?:be|equal)\b)",
        r"(?P<about_n>does not support the [\"'`]?n[\"'`]? parameter)",
        r"(?P<about_n>only one completion choice)", r"(?P<about_n>invalid n value)",
        r"(?P<about_n>multiple candidates (?:is|are) not)",
        r"(?P<about_n>candidateCount must be)", r"(?P<about_n>only one candidate can be)",
    ),
    # No system message: Gemma's template, o1, Gemini's API
    *_row(
        errors.SystemRoleRejected, _ABOUT_REQUEST,
        r"system role (?:is )?not supported", r"developer instruction is not enabled",
        r"role'? does not support 'system'", r"unexpected role 'system'",
        r"roles must alternate",
    ),
    # A filter: Azure, OpenAI, Qwen, OpenRouter
    *_row(
        errors.PromptFiltered, _ABOUT_REQUEST,
        r"\bcontent_filter\b", r"content management policy", r"ResponsibleAIPolicyViolation",
        r"content_policy_violation", r"data_inspection_failed",
        r"rejected by (?:the|our) safety system",
        r"input was flagged", r"flagged by moderation", r"content_moderation",
    ),
    # An empty account: OpenAI, Anthropic, DeepSeek, OpenRouter
    *_row(
        errors.QuotaExhausted, _ABOUT_MONEY,
        r"insufficient_quota", r"credit balance is too low",
        r"insufficient (?:credits?|balance|funds)",
        r"billing_(?:hard_limit_reached|not_active)", r"more credits",
    ),
    # The model's name: OpenAI, Azure, Ollama, OpenRouter, Mistral
    *_row(
        errors.ModelNotFound, _ABOUT_MODEL,
        r"model_not_found", r"DeploymentNotFound", r"not a valid model", r"invalid model\b",
        r"\bmodel\b.{0,120}?(?:not found|does not exist|not exist|is not available)",
        r"(?:no such|unknown) model", r"no models? loaded",
    ),
    # Still loading: llama.cpp, TGI
    *_row(
        errors.ModelLoading, _ABOUT_LOAD,
        r"loading model", r"model.{0,60}(?:currently|still|is) loading",
    ),
    *_row(
        errors.AuthenticationFailed, _ABOUT_KEY,
        r"api key not valid", r"invalid_api_key", r"authentication_error", r"incorrect api key",
    ),
    *_row(
        errors.RateLimited, _ONLY_STREAM,
        r"rate[_ -]?limit", r"resource_exhausted", r"too many requests",
    ),
    *_row(errors.ServerOverloaded, _ONLY_STREAM, r"overloaded", r"over capacity", r"too busy"),
)  # fmt: skip

_BY_STATUS: Final[Mapping[int, type[StatusError]]] = {
    401: errors.AuthenticationFailed,
    402: errors.QuotaExhausted,
    403: errors.PermissionDenied,
    404: errors.AddressNotFound,
    405: errors.AddressNotFound,
    408: errors.RequestTimedOut,
    409: errors.Conflict,
    413: errors.RequestTooLarge,
    429: errors.RateLimited,
    502: errors.GatewayFailed,
    503: errors.ServerOverloaded,
    504: errors.GatewayFailed,
    529: errors.ServerOverloaded,
    **dict.fromkeys(range(520, 528), errors.GatewayFailed),  # Cloudflare
}


def refusal(
    status: int,
    body: ErrorBody,
    *,
    secrets: Iterable[str] = (),
    request_id: str = "",
    retry_after_seconds: float | None = None,
) -> ProviderError:
    """Our error for an HTTP status with its body; status 0 for one said inside a stream."""
    params: dict[str, Param] = {"status": status}
    if request_id:
        params["request_id"] = scrub(request_id, secrets=secrets)[:200]
    if retry_after_seconds is not None:
        params["retry_after_seconds"] = retry_after_seconds
    detail = scrub(body.message or body.code or body.kind, secrets=secrets)
    found = _worded(status, body)
    if found is not None:
        means, more = found
        return means(detail, **params, **more)
    if status == 0:
        return _stream_refusal(body, detail, secrets)
    return _class_for(status)(detail, **params)


def _class_for(status: int) -> type[StatusError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return errors.ServerFailed if status >= 500 else errors.RequestRejected  # noqa: PLR2004 - HTTP


def _stream_refusal(body: ErrorBody, detail: str, secrets: Iterable[str]) -> ProviderError:
    """The same inside a stream, where only a number in the body may tell the status."""
    status = int(body.code) if re.fullmatch(r"[45]\d\d", body.code) else 0
    if status in _BY_STATUS:
        return refusal(status, body, secrets=secrets)
    return errors.ErrorInStream(detail)


def _worded(status: int, body: ErrorBody) -> tuple[type[StatusError], dict[str, Param]] | None:
    words = body.words[:20_000]
    for wording in _WORDINGS:
        if status in wording.statuses and (match := wording.pattern.search(words)):
            return wording.means, _params(wording.means, match, body)
    return None


def _params(means: type[StatusError], match: re.Match[str], body: ErrorBody) -> dict[str, Param]:
    params: dict[str, Param] = {}
    for name, text in match.groupdict().items():
        if not text:
            continue
        if name.startswith("limit"):
            if digits := text.replace(",", "")[:12]:
                params[name] = int(digits)
        elif name.startswith(_ABOUT):
            params["field"] = name.removeprefix(_ABOUT)
        else:
            params[name] = _snake(text)
    if issubclass(means, errors.FieldRejected):
        params.setdefault("field", _snake(body.param) or "max_tokens")
    return params


def _snake(name: str) -> str:
    """A field's name as on the wire: without the path to it, spaces or camel case (xAI)."""
    last = name.removeprefix("body.")[:80].replace(" ", "_")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last).lower()
