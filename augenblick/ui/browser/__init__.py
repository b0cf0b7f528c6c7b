"""What only a script in the browser can do."""
