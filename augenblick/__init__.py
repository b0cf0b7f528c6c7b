"""Augenblick: ask questions about pictures. The core; Streamlit appears only in `ui`."""
