// A viewer that notes for each picture shown when it was drawn and when it is on the screen. The time is
// drawn in the picture, see realtime/pictures/timecode.py.

const BLOCK = 16, TIME_BITS = 24, CHECK_BITS = 8;
const strip = document.createElement("canvas");
strip.width = BLOCK * (TIME_BITS + CHECK_BITS);
strip.height = BLOCK;
const pen = strip.getContext("2d", { willReadFrequently: true });

function readTime(video) {
  pen.drawImage(video, 0, 0, strip.width, BLOCK, 0, 0, strip.width, BLOCK);
  const row = pen.getImageData(0, BLOCK / 2, strip.width, 1).data;
  let time = 0, check = 0;
  for (let bit = 0; bit < TIME_BITS + CHECK_BITS; bit++) {
    const white = row[4 * (bit * BLOCK + BLOCK / 2) + 1] > 127 ? 1 : 0;
    if (bit < TIME_BITS) time = time * 2 + white;
    else check = check * 2 + white;
  }
  const sum = (time + (time >> 8) + (time >> 16) + 0x5a) & 0xff;
  return sum === check ? time : null;
}

window.watcher = {
  // An offer with all its candidates.
  async offer() {
    this.peer = new RTCPeerConnection();
    const { receiver } = this.peer.addTransceiver("video", { direction: "recvonly" });
    receiver.jitterBufferTarget = 0;
    receiver.playoutDelayHint = 0; // the older name
    this.video = document.createElement("video");
    this.video.muted = true;
    document.body.replaceChildren(this.video);
    this.peer.addEventListener("track", (event) => {
      this.video.srcObject = new MediaStream([event.track]);
      this.video.play();
    });
    await this.peer.setLocalDescription();
    if (this.peer.iceGatheringState !== "complete") {
      await new Promise((done) => {
        this.peer.addEventListener("icegatheringstatechange", () => {
          if (this.peer.iceGatheringState === "complete") done();
        });
        setTimeout(done, 2000);
      });
    }
    return this.peer.localDescription.sdp;
  },

  async answer(sdp) {
    this.shown = [];
    this.unreadable = 0;
    const video = this.video;
    const note = (now, metadata) => {
      if (video !== this.video) return; // that viewer has left
      const drawn = readTime(video);
      const at = performance.timeOrigin + Math.max(metadata.expectedDisplayTime, performance.now());
      if (drawn === null) this.unreadable++;
      else this.shown.push([at, drawn]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
    await this.peer.setRemoteDescription({ type: "answer", sdp });
  },

  // What was seen since the last call, [[shown at, epoch ms; drawn, ms modulo 2^24], ...], and the receiver's
  // sums since it joined.
  async take() {
    const { shown, unreadable } = this;
    this.shown = [];
    this.unreadable = 0;
    let sums = {};
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") {
        sums = {
          jitterBufferDelay: report.jitterBufferDelay,
          jitterBufferEmittedCount: report.jitterBufferEmittedCount,
          bytesReceived: report.bytesReceived,
        };
      }
    }
    return { shown, unreadable, ...sums };
  },

  leave() {
    this.peer.close();
  },
};
