"""What stands between the network and the page: headers, cookie, links, limits, routes of ours.

Plain ASGI, without Streamlit; `app.py` puts it together.
"""
