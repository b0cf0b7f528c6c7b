"""For the person who runs the server."""
