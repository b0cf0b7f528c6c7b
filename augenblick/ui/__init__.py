"""What the pages draw with; beside `app.py` and `pages/` the only code that knows Streamlit."""
