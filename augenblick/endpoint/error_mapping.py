"""Which of our errors a refusal is, by its status and by how vendors word it.

The wordings stand in one table with their sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from augenblick.core.errors import ERRORS, Param, ProviderError, StatusError
from augenblick.endpoint.error_body import MINIMAX, ErrorBody, is_http_error
from augenblick.endpoint.scrubbing import scrub

_MAX_WORDS_CHARS: Final = 4_000  # are matched against the table, whose patterns cost more than 1:1


@dataclass(frozen=True, slots=True)
class _Wording:
    """One row of the table: statuses (0: said inside a stream), what is said, what it means."""

    means: str
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


def _row(means: str, statuses: frozenset[int], *patterns: str) -> list[_Wording]:
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
        "too_many_pictures", _ABOUT_REQUEST,
        rf"at most (?P<limit>{_NUMBER}) image",
        rf"(?:up to|maximum(?: number)? of|limit is|only|at most) (?P<limit>{_NUMBER}) images?\b",
        r"too many images", r"only supports? (?:a )?single image", r"number of images.{0,40}exceed",
        r"multiple images.{0,30}not supported",
    ),
    # A picture that is too large: Anthropic, OpenAI, Azure, xAI, Groq
    *_row(
        "picture_too_large", _ABOUT_REQUEST,
        rf"image dimensions exceed.{{0,80}}?(?P<limit_px>{_NUMBER}) ?(?:pixels|px)",
        r"image.{0,60}(?:too large|too big|exceeds?\b.{0,40}(?:size|limit|maximum|MB|pixels))",
        r"(?:size|dimensions?|resolution) of (?:the |an? )?image.{0,60}(?:exceed|too large)",
        r"invalid image size",
    ),
    # A picture that can't be read: PIL behind vLLM, Anthropic, OpenAI, llama.cpp, Gemini
    *_row(
        "picture_unreadable", _ABOUT_REQUEST,
        r"cannot identify image file", r"could not process image", r"image_parse_error",
        r"invalid (?:base64 )?image[ _](?:data|url)", r"invalid image \(base64\) data",
        r"fail(?:ed|ure) to (?:decode|load|process|parse)(?: the)?(?: base64)? image",
        r"unable to process input image", r"not represent a valid image",
    ),
    # The wrong file format: OpenAI, Anthropic, Gemini
    *_row(
        "picture_format_rejected", _ABOUT_REQUEST,
        r"unsupported image(?! input)", r"invalid_image_format",
        r"unsupported (?:image )?mime[ _-]?type", r"invalid mime type",
        r"media_type.{0,60}input should be", r"image (?:format|type).{0,40}not supported",
        r"unsupported content-type.{0,40}image",
    ),
    # A model that can't see: llama.cpp, LM Studio, OpenRouter, Azure, vLLM, Ollama, DeepSeek, Groq
    *_row(
        "pictures_not_supported", _ABOUT_REQUEST,
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
        "field_value_rejected", _ABOUT_REQUEST,
        r"(?P<field>max_tokens|max_completion_tokens)\W.{0,60}?(?:is )?too large",
        r"max_tokens.{0,40}must be (?:less|at most|<=)(?P<field>)",
    ),
    # Too many tokens: OpenAI, vLLM, Anthropic, llama.cpp, LM Studio, Mistral, Gemini, TGI, Qwen
    *_row(
        "context_too_long", _ABOUT_REQUEST,
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
        "field_value_rejected", _ABOUT_REQUEST,
        r"(?P<own_schema>invalid schema) for (?P<field>response_format)",
        rf"\A(?!.*(?:{_UNKNOWN}))(?=.*(?:json_schema|json_object|\btype\b|schema))"
        r".*?(?P<field>response[_ ]format)",
        r"(?P<field>json[_ ]schema).{0,60}(?:not supported|unsupported|unavailable)",
        r"(?P<own_schema>(?P<field>json schema) conversion failed)",
        r"does(?: not|n't) support (?P<field>json[_ ](?:schema|mode|object)|structured outputs?)",
        r"(?P<own_schema>failed to parse (?P<field>grammar))",
    ),
    # Turns: templates of Mistral and Gemma behind vLLM, llama.cpp and TGI; the APIs of Mistral,
    # Anthropic, Bedrock, Perplexity, DeepSeek, Gemini, Groq, Baidu; in Chinese "alternate"
    *_row(
        "roles_must_alternate", _ABOUT_REQUEST,
        r"roles? (?:must|should|have to|need to) (?:be )?alternat",
        r"(?:must|should|that multiturn requests) alternate (?:between|with) ",
        r"expected last role (?:user|tool|assistant)",
        r"unexpected role '(?!system)\w+' after role '\w+'",
        r"not support (?:successive|consecutive) (?:user|assistant)",
        r"(?:consecutive|successive) (?:messages|turns) (?:with|of|from) the same role",
        r"(?:multiple|consecutive|successive) [\"'`]?(?:user|assistant)[\"'`]? "
        r"(?:roles|messages|turns) in a row",
        r"role of message with (?:odd|even) index", r"last message (?:must have role|role should)",
        r"(?:must|should) (?:alternate roles|be interleaved)", r"expected user,? but got user",
        r"(?:consecutive|successive|adjacent) (?:user |assistant )?(?:messages|turns|roles) "
        r"(?:are|have|with)", r"messages with the same role",
        r"(?:must|should) be followed by (?:a )?(?:role )?[\"'`]?(?:user|assistant)",
        r"(?:conversation|messages|requests?) (?:must |should |has to )?(?:start|end|begin)s? with "
        r"(?:an? )?[\"'`]?user", r"messages must be an odd number", "\u4ea4\u66ff",
    ),
    # A field: OpenAI and Azure, Mistral and Anthropic, vLLM, Gemini, Groq, xAI
    *_row(
        "unknown_field", _ABOUT_REQUEST,
        r"unsupported parameter: '(?P<field>[\w.]+)'(?:.{0,80}use '(?P<instead>\w+)' instead)?",
        r"unrecognized request arguments? supplied: (?P<field>[\w.]+)",
        r"unknown (?:parameter|field|argument)s?:? [\"'`]?(?P<field>[\w.]+)",
        r"unexpected keyword argument '(?P<field>\w+)'",
        r"'loc': \('body', '(?P<field>\w+)'[^)]*\), 'msg': 'extra inputs",
        r"\b(?P<field>[\w.]{1,100}): extra inputs are not permitted",
        r"unknown name \"(?P<field>\w+)\"", r"property '(?P<field>\w+)' is unsupported",
        r"argument not supported on this model: (?P<field>\w+)",
        r"does not support (?:the )?parameters? [\"'`]?(?P<field>\w+)",
        r"[\"'`](?P<field>\w+)[\"'`] is not supported (?:with|for|by|on)",
        r"additional properties are not allowed \('(?P<field>\w+)'",
    ),
    *_row(
        "field_value_rejected", _ABOUT_REQUEST,
        r"unsupported value: '(?P<field>[\w.]+)'"
        r"(?:.{0,120}(?P<only_default>only the default))?",
        r"invalid value for '(?P<field>\w+)'",
        r"invalid '(?P<field>\w+)': \w+", r"`temperature` and `(?P<field>top_p)` cannot both",
        r"[\"'`](?P<field>temperature|top_p|n|seed|stop|logit_bias|max_tokens|presence_penalty"
        r"|frequency_penalty|response_format|user)[\"'`]? (?:must|should|has to) be",
    ),
    # Several answers: vLLM, Rapid-MLX, Groq, LLM Gateway, llama.cpp, DeepSeek, Gemini
    *_row(
        "field_value_rejected", _ABOUT_REQUEST,
        r"(?P<about_n>(?<![\w.])[\"'`]?n[\"'`]?\s?:?\s(?:(?:number|value|parameter)\s)?"
        r"(?:must|should|has to)\s(?:be|equal)\b)",
        r"(?P<about_n>does not support the [\"'`]?n[\"'`]? parameter)",
        r"(?P<about_n>only one completion choice)", r"(?P<about_n>invalid n value)",
        r"(?P<about_n>multiple candidates (?:is|are) not)",
        r"(?P<about_n>candidateCount must be)", r"(?P<about_n>only one candidate can be)",
    ),
    # No system message: Gemma's template, o1, Gemini's API
    *_row(
        "system_role_rejected", _ABOUT_REQUEST,
        r"system role (?:is )?not supported", r"developer instruction is not enabled",
        r"role'? does not support 'system'", r"unexpected role 'system'",
    ),
    # A filter: Azure, OpenAI, Qwen, OpenRouter
    *_row(
        "prompt_filtered", _ABOUT_REQUEST,
        r"\bcontent_filter\b", r"content management policy", r"ResponsibleAIPolicyViolation",
        r"content_policy_violation", r"data_inspection_failed",
        r"rejected by (?:the|our) safety system",
        r"input was flagged", r"flagged by moderation", r"content_moderation",
    ),
    # An empty account: OpenAI, Anthropic, DeepSeek, OpenRouter, SiliconFlow, Qwen, Volcengine;
    # in Chinese "not enough left" and "in arrears"
    *_row(
        "quota_exhausted", _ABOUT_MONEY,
        r"insufficient_quota", r"credit balance is too low",
        r"insufficient (?:account )?(?:credits?|balance|funds)", r"balance (?:is )?insufficient",
        r"arrearage", r"overdue ?balance|accountoverdue", r"quota (?:is |has been )?exhausted",
        "\u4f59\u989d\u4e0d\u8db3|\u6b20\u8d39",
        r"billing_(?:hard_limit_reached|not_active)", r"more credits",
    ),
    # The model's name: OpenAI, Azure, Ollama, OpenRouter, Mistral
    *_row(
        "model_not_found", _ABOUT_MODEL,
        r"model_not_found", r"DeploymentNotFound", r"not a valid model", r"invalid model\b",
        r"\bmodel\b.{0,120}?(?:not found|does not exist|not exist|is not available)",
        r"(?:no such|unknown) model", r"no models? loaded",
    ),
    # Still loading: llama.cpp, TGI
    *_row(
        "model_loading", _ABOUT_LOAD,
        r"loading model", r"model.{0,60}(?:currently|still|is) loading",
    ),
    *_row(
        "authentication_failed", _ABOUT_KEY,
        r"api key not valid", r"invalid[_ -]?api[_ -]?key", r"authentication_error",
        r"incorrect api key",
    ),
    *_row(
        "rate_limited", _ONLY_STREAM,
        r"rate[_ -]?limit", r"resource_exhausted", r"too many (?:requests|tokens, please wait)",
        r"throttl", r"limitexceeded", "\u9650\u9891",
    ),
    *_row("server_overloaded", _ONLY_STREAM, r"overloaded", r"over capacity", r"too busy"),
)  # fmt: skip

_BY_STATUS: Final = {status: code for code, row in ERRORS.items() for status in row.statuses}

# Numbers of their own, said inside a 200: https://docs.bigmodel.cn/cn/api/api-code (Zhipu),
# https://platform.minimax.io/docs/api-reference/errorcode (MiniMax)
_ZHIPU_CODES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("1302", "1303", "1304", "1305", "1312"), "rate_limited"),
    "1113": "quota_exhausted", "1211": "model_not_found", "1261": "context_too_long",
    "1301": "prompt_filtered",
}  # fmt: skip
_MINIMAX_CODES: Final[Mapping[str, str]] = {
    "1002": "rate_limited", "1004": "authentication_failed",
    "1008": "quota_exhausted", "1026": "prompt_filtered",
    "2049": "authentication_failed",
}  # fmt: skip


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
    words = body.words[:_MAX_WORDS_CHARS]
    for wording in _WORDINGS:
        if status in wording.statuses and (match := wording.pattern.search(words)):
            found = _params(wording.means, match, body)
            return StatusError.of(wording.means, detail, **params, **found)
    if status == 0:
        return _stream_refusal(body, detail, secrets)
    other = "server_failed" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "request_rejected"
    return StatusError.of(_BY_STATUS.get(status, other), detail, **params)


def _stream_refusal(body: ErrorBody, detail: str, secrets: Iterable[str]) -> ProviderError:
    """The same inside a stream, where only a number in the body may tell the status."""
    codes = _MINIMAX_CODES if body.kind == MINIMAX else _ZHIPU_CODES
    if body.code in codes:
        return StatusError.of(codes[body.code], detail, status=0)
    status = int(body.code) if is_http_error(body.code) else 0
    if status in _BY_STATUS:
        return refusal(status, body, secrets=secrets)
    return ProviderError(detail, code="error_in_stream")


def _params(means: str, match: re.Match[str], body: ErrorBody) -> dict[str, Param]:
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
    if means in {"unknown_field", "field_value_rejected"}:
        params.setdefault("field", _snake(body.param) or "max_tokens")
    return params


def _snake(name: str) -> str:
    """A field's name as on the wire: without the path to it, spaces or camel case (xAI)."""
    last = name.removeprefix("body.")[:80].replace(" ", "_")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last).lower()
