"""The built-in reader: an endpoint that speaks the Chat Completions API and needs no network.

It is a process of its own (`python -m augenblick.reader`) and imports nothing from the core; the
contract between the two is HTTP alone. For every picture it reads the text (rapidocr), the QR and
bar codes (zxing-cpp), size, orientation, main colours and sharpness, and answers in German or
English from that. It recognises no objects or scenes and says so.

Lowest first; imports go upwards in this list only:

    wire, tokens       error objects, chunks, completions; the documented tokenizer
    values, turns      parsers of single JSON values; messages and their parts
    formats, fields    response_format and its schema; every request field and its range
    pictures           data URIs to pictures
    layout, ocr        boxes of text to lines in reading order; rapidocr
    colours, seeing    named colours; a picture to a Sighting
    eyes               who looks, when, and what is remembered
    words, markdown    languages and catalogues; foreign text shown literally
    facts, lookup      amounts, dates and times in lines; the lines a question is about
    question, answer   what is asked; question and Sighting to Markdown
    known, shaped      values for fields of a form; Sightings to JSON
    speaking           the answer as it grows
    asking, replying   bytes to a question; an answer to bytes
    bodies, app        bodies and their limits; routes
    __main__           the process
"""

MODEL_ID = "augenblick-reader"
VERSION = "1.0.0"
