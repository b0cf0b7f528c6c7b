"""Speaking to a Chat Completions endpoint: request, stream, reply, errors, trace."""
