// The programme, for everybody: the picture over WHEP and the state of the show. When the show goes away the
// page says so and keeps trying.

import { WhepPlayer } from "./whep.js";

const STATE_EVERY_MS = 500;
const FPS_OVER_MS = 2000;

const video = document.getElementById("programme");
const notice = document.getElementById("notice");
const pill = document.getElementById("state");
const numbers = document.getElementById("numbers");

let shownTimes = [];

function shown(now) {
  shownTimes.push(now);
  shownTimes = shownTimes.filter((time) => now - time < FPS_OVER_MS);
  video.requestVideoFrameCallback(shown);
}

function shownFps() {
  const now = performance.now();
  const recent = shownTimes.filter((time) => now - time < FPS_OVER_MS);
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
  setTimeout(showState, STATE_EVERY_MS);
}

const player = new WhepPlayer(video, "whep/programme", (text) => {
  notice.textContent = text;
  notice.hidden = text === "";
});
notice.addEventListener("click", () => video.play());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) player.join();
});
video.requestVideoFrameCallback(shown);
player.join();
showState();
