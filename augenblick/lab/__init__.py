"""Answers in a form: which fields a person wants, as a schema, and what a model made of it.

    fields        what a person asks for: a name, a kind, choices, whether it must be there
    schemas       fields to `response_format` and back; a schema somebody pasted
    prompting     the same said in words, for endpoints that take no schema
    partial_json  the value in a text, however it is wrapped and wherever it was cut
    reading       an answer's text as rows and columns, with what is wrong in each cell
    tables        rows as CSV and JSON

Nothing here sends or draws anything.
"""
