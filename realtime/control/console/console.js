// Plays the programme over WHEP and shows the state of the show. Everything comes from the server it is
// served by; when that goes away the page says so and keeps trying.

const RETRY_FIRST_MS = 500;
const RETRY_LONGEST_MS = 5000;
const STATE_EVERY_MS = 500;
const STALLED_MS = 4000;

const video = document.getElementById("programme");
const notice = document.getElementById("notice");
const pill = document.getElementById("state");
const numbers = document.getElementById("numbers");

let peer = null;
let resource = null;
let retryMs = RETRY_FIRST_MS;
let retryTimer = null;
let lastShownAt = 0;
let shownTimes = [];

function say(text) {
  notice.textContent = text;
  notice.hidden = text === "";
}

function leave() {
  if (resource !== null) {
    fetch(resource, { method: "DELETE", keepalive: true }).catch(() => {}); // the server drops dead viewers too
    resource = null;
  }
  if (peer !== null) {
    peer.close();
    peer = null;
  }
}

// Say why there is no picture, and join again later, each time a little later.
function retry(reason) {
  leave();
  say(`${reason} Trying again…`);
  if (retryTimer === null) {
    retryTimer = setTimeout(join, retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_LONGEST_MS);
  }
}

async function gathered(connection) {
  if (connection.iceGatheringState !== "complete") {
    await new Promise((done) => {
      connection.addEventListener("icegatheringstatechange", () => {
        if (connection.iceGatheringState === "complete") done();
      });
      setTimeout(done, 1000); // what is known by then is enough on one machine or network
    });
  }
}

async function join() {
  retryTimer = null;
  lastShownAt = performance.now();
  const mine = new RTCPeerConnection();
  peer = mine;
  const { receiver } = mine.addTransceiver("video", { direction: "recvonly" });
  receiver.jitterBufferTarget = 0;
  receiver.playoutDelayHint = 0; // the older name
  mine.addEventListener("track", (event) => {
    video.srcObject = new MediaStream([event.track]);
    video.play().catch(() => say("The browser does not play by itself: click here."));
  });
  mine.addEventListener("connectionstatechange", () => {
    if (mine === peer && ["failed", "disconnected"].includes(mine.connectionState)) {
      retry("The connection to the show was lost.");
    }
  });
  try {
    await mine.setLocalDescription();
    await gathered(mine);
    if (!mine.localDescription.sdp.includes("a=candidate:")) {
      retry("This browser finds no network for WebRTC: connect this machine to any network.");
      return;
    }
    const answer = await fetch("whep", {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: mine.localDescription.sdp,
    });
    const text = await answer.text();
    if (!answer.ok) {
      retry(`The show does not let this page in: ${text.trim()}.`);
      return;
    }
    resource = answer.headers.get("Location");
    await mine.setRemoteDescription({ type: "answer", sdp: text });
  } catch {
    if (mine === peer) retry("The show is not reachable. Is it running?");
  }
}

function shown(now) {
  lastShownAt = performance.now();
  shownTimes.push(now);
  shownTimes = shownTimes.filter((time) => now - time < 2000);
  if (peer !== null) {
    retryMs = RETRY_FIRST_MS;
    say("");
  }
  video.requestVideoFrameCallback(shown);
}

function shownFps() {
  const now = performance.now();
  const recent = shownTimes.filter((time) => now - time < 2000);
  if (recent.length < 2) return 0;
  return ((recent.length - 1) * 1000) / (recent[recent.length - 1] - recent[0]);
}

async function showState() {
  let state = null;
  try {
    const answer = await fetch("state");
    if (answer.ok) state = await answer.json();
  } catch {
    // Not reachable: the pill and the notice say so.
  }
  const name = state?.state ?? "NONE";
  pill.dataset.state = name;
  pill.textContent = state === null ? "NO SHOW" : name;
  const parts = [`${shownFps().toFixed(1)} fps shown`];
  if (Number.isFinite(state?.delay_ms)) parts.push(`${Math.round(state.delay_ms)} ms delay`);
  if (typeof state?.player === "string") parts.push(state.player);
  numbers.textContent = state === null ? "" : parts.join(" · ");
  if (peer !== null && performance.now() - lastShownAt > STALLED_MS) retry("No picture comes from the show.");
  setTimeout(showState, STATE_EVERY_MS);
}

notice.addEventListener("click", () => video.play());
window.addEventListener("pagehide", leave);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) join();
});
video.requestVideoFrameCallback(shown);
join();
showState();
