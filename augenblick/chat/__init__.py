"""One question from its asking to the end of its answer."""
