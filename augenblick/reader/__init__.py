"""The built-in reader: an endpoint that speaks the Chat Completions API and needs no network.

It is a process of its own (`python -m augenblick.reader`); the contract with the page is HTTP
alone. For every picture it reads the text (rapidocr), the QR and bar codes (zxing-cpp), size,
orientation, main colours and sharpness, and answers from that in the language of the question. Some
animals and things it recognises (EfficientNet-Lite0), no people and no scenes, and says so.

Lowest first; imports go upwards in this list only:

    wire, tokens                error objects, chunks, completions; the documented tokenizer
    chat_request                every request field with its type and range; errors by field
    picture_input               data URIs to pictures
    layout, ocr                 boxes of text to lines in reading order; rapidocr
    colour_names, analysis      named colours; a picture to a PictureAnalysis
    torch_file, classifier      weights as torch wrote them; a picture to 1,000 probabilities
    things                      these to an everyday word, if it is nearly sure
    vision_worker               which picture is analysed when, and what is remembered
    question_language           in which language to answer; words that any question may have
    markdown                    foreign text shown literally
    picture_facts, lookup       amounts, dates and times in lines; the lines a question is about
    receipts                    what is to be paid, the tax, the things
    question, prompt            topics; the bytes of a request to what has to be answered
    answer                      question and PictureAnalysis to Markdown
    parsed_fields, json_answer  values for fields of a form; PictureAnalysis to JSON
    generation, completion      the answer as it grows; an answer to bytes
    request_body, app           bodies and their limits; routes
    __main__                    the process
"""

MODEL_ID = "augenblick-reader"
VERSION = "1.0.0"
