"""Browsers that are not like the operator's: without H.264, on another site's page, without internet."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from realtime.config.outputs import WebRtc
from tests.browser import chromium, new_page
from tests.realtime.control.network import test_console
from tests.realtime.control.network.test_console import running
from tests.realtime.outputs.webrtc.test_network import run_without_internet

pytestmark = pytest.mark.browser

WITHOUT_H264 = """() => {
  const real = window.fetch;
  window.posts = 0;
  window.fetch = (path, options = {}) => {
    if (options.method === "POST") {
      window.posts += 1;
      options.body = options.body.replaceAll("H264/90000", "H265/90000");
    }
    return real(path, options);
  };
}"""

PAGE = """<!doctype html><title>Team</title><video autoplay muted></video><script type="module">
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.addEventListener("track", (event) => {
    document.querySelector("video").srcObject = new MediaStream([event.track]);
  });
  await peer.setLocalDescription();
  const headers = { "Content-Type": "application/sdp" };
  const body = peer.localDescription.sdp;
  const answer = await fetch("SHOW/whep/programme", { method: "POST", headers, body });
  window.location_ = answer.headers.get("Location");
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  window.left = async () => (await fetch(`SHOW${window.location_}`, { method: "DELETE" })).status;
  window.refused = async (path, options) => {
    try {
      await fetch(`SHOW/${path}`, options);
      return false;
    } catch {
      return true;
    }
  };
</script>"""


@contextmanager
def another_site(page: str) -> Iterator[str]:
    """A web site of somebody else, with one page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


WATCH_SERVERS = """() => {
  const soon = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => soon(100 * ms); // a show that is busy is waited for
  const real = RTCPeerConnection.prototype.setConfiguration;
  window.asked = [];
  RTCPeerConnection.prototype.setConfiguration = function (configuration) {
    window.asked.push(...configuration.iceServers.map(({ urls }) => urls));
    real.call(this, configuration);
  };
}"""


@pytest.mark.parametrize("servers", [[], ["stun:127.0.0.1:9"]])
def test_the_page_asks_the_stun_server_of_the_show_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: list[str]
) -> None:
    monkeypatch.setattr(test_console, "WebRtc", lambda: WebRtc(ice_servers=servers))
    with running(tmp_path) as show, chromium() as browser:
        page = new_page(browser)
        page.add_init_script(f"({WATCH_SERVERS})()")
        page.goto(show.server.url)
        page.locator("#notice").wait_for(state="hidden")
        assert set(page.evaluate("window.asked")) == set(servers)  # a page that is kept waiting joins again


def test_a_browser_without_h264_is_told_so_once(tmp_path: Path) -> None:
    with running(tmp_path) as show, chromium() as browser:
        page = new_page(browser)
        page.add_init_script(f"({WITHOUT_H264})()")
        page.goto(show.server.url)
        page.get_by_text("this browser offers no H.264").wait_for()
        posts = page.evaluate("window.posts")
        page.wait_for_timeout(6_000)  # longer than every retry
        assert page.evaluate("window.posts") == posts
        assert "Trying again" not in page.locator("#notice").inner_text()


def test_a_page_of_another_site_plays_the_programme_and_can_do_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path) as show, chromium() as browser:
        page = new_page(browser)
        with another_site(PAGE.replace("SHOW", show.server.url.rstrip("/"))) as url:
            page.goto(url)
            page.wait_for_function(
                "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 10"
            )
            for path, options in (
                ("whep/preview", "{ method: 'POST', headers: { 'Content-Type': 'application/sdp' } }"),
                ("state", "{}"),
                ("api/state", "{}"),
                ("api/actions/slate", "{ method: 'POST' }"),
            ):
                assert page.evaluate(f"window.refused('{path}', {options})"), path
            assert page.evaluate("window.left()") == 200
        assert not show.desk.orders.slate


def test_the_page_plays_in_a_venue_without_internet(tmp_path: Path) -> None:
    test = "tests/realtime/control/network/test_console.py -k the_programmes_page_needs_no_token"
    done = run_without_internet(f"{sys.executable} -m pytest -q {test}", tmp_path, 600)
    if "1 skipped" in done.stdout:
        pytest.skip("Chromium or Playwright is not installed")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
