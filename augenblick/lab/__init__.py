"""What can be made of a question and its answer beyond the conversation; nothing sends or draws.

form_fields, schemas, form_prompts   an answer with named fields, by schema or in words
partial_json, indented_json          the JSON in a text, however cut; set in lines as it comes
form_reading, form_cells             an answer as columns and rows; as CSV and JSON
evidence                             which values of an answer stand in its pictures, and where
detections                           boxes and points in an answer, as vision models write them
agreement                            whether several answers say the same
tools, picture_inspector             functions that a model may call
estimates, snippets                  what a request will take; a request as code
"""
