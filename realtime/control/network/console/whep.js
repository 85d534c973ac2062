// One picture over WHEP. When it stops, it says why and joins again, each time a little later. Only the STUN
// server that the show file names, if any, is asked from here.

const RETRY_FIRST_MS = 500;
const RETRY_LONGEST_MS = 5000;
const STALLED_MS = 4000; // a picture that was there has stopped
const CONNECTING_MS = 8000; // STUN and TURN servers that are dead cost the show 2 s, a slow network a few
const GATHERING_MS = 1000; // what is known by then is enough on one machine or network
const NOT_ACCEPTABLE = 406; // the browser has no H.264; trying again does not help

export class WhepPlayer {
  // say: called with a sentence while there is no picture, with "" when there is.
  constructor(video, path, say) {
    this.video = video;
    this.path = path;
    this.say = say;
    this.peer = null;
    this.resource = null;
    this.retryMs = RETRY_FIRST_MS;
    this.timer = null;
    this.giveUpAt = 0;
    this.shown = this.shown.bind(this);
    video.requestVideoFrameCallback(this.shown);
    window.addEventListener("pagehide", () => this.leave());
    setInterval(() => this.watch(), 1000);
  }

  async join() {
    this.timer = null;
    this.giveUpAt = performance.now() + CONNECTING_MS;
    const mine = new RTCPeerConnection({ iceServers: [] });
    this.peer = mine;
    const iceServers = await stunServers(this.path);
    if (mine !== this.peer) return;
    mine.setConfiguration({ iceServers });
    const { receiver } = mine.addTransceiver("video", { direction: "recvonly" });
    receiver.jitterBufferTarget = 0;
    receiver.playoutDelayHint = 0; // the older name
    mine.addEventListener("track", (event) => {
      this.video.srcObject = new MediaStream([event.track]);
      this.video.play().catch(() => this.say("The browser does not play by itself: click here."));
    });
    mine.addEventListener("connectionstatechange", () => {
      if (mine === this.peer && ["failed", "disconnected"].includes(mine.connectionState)) this.retry("The connection to the show was lost.");
    });
    try {
      await mine.setLocalDescription();
      await gathered(mine);
      if (!mine.localDescription.sdp.includes("a=candidate:")) {
        this.retry("This browser finds no network for WebRTC: connect this machine to any network.");
        return;
      }
      const answer = await fetch(this.path, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: mine.localDescription.sdp,
      });
      const text = await answer.text();
      if (mine !== this.peer) return;
      if (answer.status === NOT_ACCEPTABLE) {
        this.leave();
        this.say(reasonIn(text));
        return;
      }
      if (!answer.ok) {
        this.retry(reasonIn(text));
        return;
      }
      this.resource = answer.headers.get("Location");
      await mine.setRemoteDescription({ type: "answer", sdp: text });
    } catch {
      if (mine === this.peer) this.retry("The show is not reachable. Is it running?");
    }
  }

  retry(why) {
    this.leave();
    this.say(`${why} Trying again…`);
    if (this.timer === null) {
      this.timer = setTimeout(() => this.join(), this.retryMs);
      this.retryMs = Math.min(2 * this.retryMs, RETRY_LONGEST_MS);
    }
  }

  leave() {
    if (this.resource !== null) {
      fetch(this.resource, { method: "DELETE", keepalive: true }).catch(() => {}); // the server notices too
      this.resource = null;
    }
    this.peer?.close();
    this.peer = null;
  }

  shown() {
    this.giveUpAt = performance.now() + STALLED_MS;
    if (this.peer !== null) {
      this.retryMs = RETRY_FIRST_MS;
      this.say("");
    }
    this.video.requestVideoFrameCallback(this.shown);
  }

  watch() {
    if (this.peer !== null && performance.now() > this.giveUpAt) this.retry("No picture comes from the show.");
  }
}

function reasonIn(text) {
  try {
    return `${JSON.parse(text).error}.`;
  } catch {
    return `${text.trim()}.`;
  }
}

async function stunServers(path) {
  try {
    const answer = await fetch(path, { method: "OPTIONS", signal: AbortSignal.timeout(GATHERING_MS) });
    const links = answer.headers.get("Link") ?? "";
    return [...links.matchAll(/<(stun:[^>]+)>; rel="ice-server"/g)].map(([, urls]) => ({ urls }));
  } catch {
    return []; // the show is not reachable: the offer says so
  }
}

async function gathered(peer) {
  if (peer.iceGatheringState === "complete") return;
  await new Promise((done) => {
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") done();
    });
    setTimeout(done, GATHERING_MS);
  });
}
