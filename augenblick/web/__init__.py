"""What stands between the network and the page: headers, cookie, limits, the reader's keeper.

Plain ASGI, without Streamlit; `app.py` puts it together.
"""
