"""Links to this server for somebody else, or another device: their address, and how they look."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import segno
import streamlit as st

from augenblick.ui import i18n
from augenblick.ui.browser.copying import copy_button
from augenblick.web import addresses
from augenblick.web.addresses import LOOPBACK_HOSTS

_QR_WIDTH_PX = 200


def draw_address(url: str) -> None:
    """Draw a link in letters, to copy."""
    st.code(url, language=None, wrap_lines=True)
    copy_button(url)
    if is_only_here(url):
        st.caption(i18n.t("link.only_here"))


def draw_code(url: str, *, alt: str, width_px: int = _QR_WIDTH_PX) -> None:
    """Draw a link as QR code alone."""
    svg = segno.make(url, error="l").svg_inline(scale=4, border=3, dark="#000", light="#fff")
    st.image(svg, width=width_px, alt=alt)


def is_only_here(url: str) -> bool:
    """Whether an address names the machine on which it is opened, whichever that is."""
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK_HOSTS or host.startswith("127.")


def address_for_others(path: str) -> str:
    """The whole address of a path on this server."""
    base = addresses.base_path(st.get_option("server.baseUrlPath"))
    hosts = [str(host) for host in st.get_option("server.allowedHosts")]
    return origin_for_others(st.context.url or "", hosts) + base + path


def origin_for_others(page_url: str, allowed_hosts: Sequence[str]) -> str:
    """Scheme, host and port under which others reach the server, from the address of a page.

    It is what stands in this browser, unless that names its own machine and the server has a name
    for others too.
    """
    here = urlsplit(page_url)
    names = [host for host in allowed_hosts if host not in LOOPBACK_HOSTS and "*" not in host]
    if here.hostname in LOOPBACK_HOSTS and names:
        return addresses.url(names[0], here.port or 80)
    return f"{here.scheme}://{here.netloc}"
