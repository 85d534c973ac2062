// The operator's console. It shows what the desk says, and asks the desk; it decides nothing.

import { Controls, holdable } from "./controls.js";
import { DeskLink } from "./desk.js";
import { Drops, Latencies } from "./figures.js";
import { Findings } from "./findings.js";
import { Hints } from "./hints.js";
import { Picker } from "./picker.js";
import { WhepPlayer } from "./whep.js";

const LOG_ENTRIES = 100;
const TOAST_MS = 5000;

// From which confidence on the player's picture is called what, best first.
const CONFIDENCE = [[0.8, "as filmed"], [0.5, "near"], [0, "never filmed"]];

// What the big word is followed by.
const TALLY = { LIVE: "on air", HOLD: "on air, no new frame", FREEZE: "on air, frozen" };

// The row "The console is not connected" of the table of alarms, which cannot be asked for then.
const NOT_CONNECTED = {
  name: "The console is not connected",
  means: "This browser does not reach the show. The board is not touched.",
  press: "Look at the board; use the terminal's keys. Check the browser's network: the page tries again by itself.",
};

const by = (id) => document.getElementById(id);
const desk = new DeskLink();
const latencies = new Latencies(by("latencies").tBodies[0]);
const drops = new Drops(by("drops").tBodies[0]);
const controls = new Controls(by("controls"), act, toggleHelp, tooShort);
const findings = new Findings(by("findings"));
const hints = new Hints(by("hints"), by("preparing"));
const picker = new Picker(by("picker"), by("preview"), (place) => act(picksFor === "2" ? "pick-2" : "pick", place));
const monitors = ["preview", "programme"].map((name) => {
  const notice = by(`${name}-notice`);
  const video = by(name);
  notice.addEventListener("click", () => video.play());
  return new WhepPlayer(video, `whep/${name}`, (text) => {
    notice.textContent = text;
    notice.hidden = text === "";
  });
});
let joined = false;
let toastTimer = null;
let measuring = false;
let confirmNow = [];
let unarmed = new Set(); // the actions that arming does not confirm
let namesDrawn = "";
let picksFor = "1"; // of a duet: whose fan a click in the camera's picture picks
let shown = null; // the state, as it was told last

async function act(name, args = {}, confirm = false) {
  const { status, result } = await desk.act(name, args, confirm);
  if (status !== 200) toast(`${name}: ${result}`);
}

function tooShort(name) {
  const or = unarmed.has(name) ? "" : ", or arm first";
  toast(`${name.replaceAll("-", " ")}: hold it until the bar is full${or}`);
}

function toast(text) {
  by("toast").textContent = text;
  by("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    by("toast").hidden = true;
  }, TOAST_MS);
}

function toggleHelp() {
  if (by("help").open) by("help").close();
  else by("help").showModal();
}

function showState(now) {
  const { orders, show, confirm } = now;
  shown = now;
  confirmNow = confirm;
  measuring = orders.measuring;
  const state = show.state ?? "NO SHOW";
  document.body.dataset.state = state;
  document.body.dataset.tally = show.on_air ? "on" : "off";
  by("state").textContent = state;
  by("tally-word").textContent = TALLY[state] ?? "player off air";
  by("reason").textContent = show.reason ?? "";
  hints.show(show.hints ?? []);
  by("player").textContent = playerText(show);
  by("fan").textContent = show.second ? `1 ${show.fan || "–"}, 2 ${show.fan_2 || "–"}` : show.fan || "–";
  by("camera").textContent = show.camera_gives || "–";
  by("camera").title = show.camera || show.camera_name || "";
  showBeat(orders, show);
  by("programme-what").textContent = show.on_air ? "on air" : state.toLowerCase();
  by("preview-what").textContent = orders.camera_preview ? "camera: click a person, or draw a box" : "player";
  controls.show(orders, confirm, Boolean(show.second));
  showPicks(orders, show);
  showNames(orders, show);
  showOutputs(show.outputs ?? []);
  findings.show(orders.taken);
}

// Who dances, and who is still being loaded or cannot be; of a duet both.
function playerText({ player, dances, player_failed: failed, second }) {
  const beside = second ? ` + ${second}` : "";
  if (!dances || dances === player) return `${player ?? "–"}${beside}`;
  return (failed ? `${dances} (${player} failed)` : `${dances} → ${player}…`) + beside;
}

// The pick that is in force, in the camera's picture; of a duet the one of the fan that is picked for.
function showPicks(orders, { second, camera_size: size }) {
  if (!second) picksFor = "1";
  by("picks-for").hidden = !second || !orders.camera_preview;
  for (const button of by("picks-for").children) {
    button.setAttribute("aria-pressed", String(button.dataset.fan === picksFor));
  }
  picker.show(orders.camera_preview, size ?? null, picksFor === "2" ? orders.pick_2 : orders.pick);
}

// The music's tempo, how many beats the player is behind the fan, and whether the tempo is still heard.
function showBeat({ beat, bpm }, { beats = 0, tempo = {} }) {
  const lost = tempo.reason ?? "";
  by("beat-box").hidden = !beat && !bpm && !lost;
  const parts = [bpm ? `${bpm.toFixed(1)} bpm` : "no tempo"];
  if (lost) parts.push(bpm ? "not heard any more" : "not heard");
  else if (beat && !bpm) parts.push("tap it");
  if (beats) parts.push(`${beats} beat${beats === 1 ? "" : "s"} behind`);
  by("beat").textContent = parts.join(", ");
  by("beat-box").title = lost;
  by("beat-box").classList.toggle("warned", lost !== "");
}

// Names to choose from; none where there is no choice.
const several = (names = []) => (names.length > 1 ? names : []);

function showNames(orders, show) {
  const { choices, player, dancer_rule: rule, background, camera_name: camera, rights = {} } = show;
  const drawn = JSON.stringify([choices, player, rule, background, camera, rights, orders.layers, orders.fan_name, confirmNow]);
  if (drawn === namesDrawn) return; // a button that is held is not to be replaced
  namesDrawn = drawn;
  const lists = [
    ["players", "player", show.choices?.player ?? [], show.player],
    ["rules", "dancer-rule", show.choices?.["dancer-rule"] ?? [], show.dancer_rule],
    ["cameras", "camera", several(show.choices?.camera), camera],
    ["backgrounds", "background", show.choices?.background ?? [], show.background],
  ];
  for (const [id, action, names, current] of lists) {
    by(id).replaceChildren(
      ...names.map((name, n) => {
        const args = action === "camera" ? { place: n + 1 } : { name };
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = name;
        if (action === "player" && name in rights) button.append(rightsNote(rights[name]));
        button.dataset.choice = action;
        button.setAttribute("aria-pressed", String(name === current));
        const guarded = () => confirmNow.includes(action);
        button.classList.toggle("guarded", guarded());
        holdable(button, guarded, (confirm) => act(action, args, confirm), () => tooShort(action));
        return button;
      }),
    );
  }
  showLayers(orders, show.choices?.layer ?? []);
}

// One that is locked is on, and no button.
function showLayers({ layers, fan_name: fan }, names) {
  by("layers-box").hidden = names.length === 0;
  by("fan-name").placeholder = fan || "nobody";
  by("layers").replaceChildren(
    ...names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.dataset.choice = "layer";
      button.disabled = !(name in layers);
      button.setAttribute("aria-pressed", String(layers[name] ?? true));
      button.addEventListener("click", () => act("layer", { name, on: !layers[name] }, false));
      return button;
    }),
  );
}

// That the agreement on a player's likeness ends soon, or has ended.
function rightsNote({ until, days_left: days }) {
  const note = document.createElement("small");
  note.className = "rights";
  note.textContent = days < 0 ? ` agreement ended ${until}` : ` agreed until ${until}`;
  return note;
}

function showOutputs(outputs) {
  by("recording").hidden = !outputs.some(({ kind, state }) => kind === "recorder" && state === "running");
  const kept = outputs.find(({ kind, state, reason }) => kind === "inputs" && state === "running" && reason);
  by("kept").hidden = !kept;
  by("kept").title = kept?.reason ?? "";
  const rows = outputs.map((output) => {
    const tr = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = output.name;
    const looking = Object.entries(output.receivers ?? {}).map(([source, n]) => `${n} ${source}`);
    const tally = output.tally === "programme" ? ["ON AIR"] : output.tally === "preview" ? ["in preview"] : [];
    tr.append(head);
    tr.insertCell().textContent = output.state;
    tr.insertCell().textContent = [...tally, ...looking, output.reason].filter(Boolean).join(", ");
    tr.cells[1].className = output.state;
    return tr;
  });
  by("outputs").tBodies[0].replaceChildren(...rows);
}

function showStats({ stats }) {
  const number = (value, digits, unit) => (Number.isFinite(value) ? `${value.toFixed(digits)} ${unit}` : "–");
  by("fps").textContent = number(stats.fps, 1, "fps");
  by("latency").textContent = number(stats.latency_ms, 0, "ms");
  showLoopLag(stats.loop_lag ?? null);
  const error = stats.beat_error_ms ?? null;
  by("beat-error").textContent = error === null ? "" : `, ${error < 0 ? "−" : "+"}${Math.abs(error).toFixed(0)} ms`;
  by("missed").textContent = stats.missed ?? "–";
  by("viewers").textContent = stats.viewers ?? "–";
  showConfidence(stats.confidence ?? null);
  if (stats.stages_ms) latencies.add(stats.stages_ms);
  if (stats.dropped) drops.add(stats.dropped);
  hints.prepare(stats.preparing ?? {}, by("reason").textContent);
}

// lag: of the API's stats; null where it was not measured. The camera must see the marker on the board.
function showLoopLag(lag) {
  by("loop-lag").hidden = lag === null && !measuring;
  by("fan-to-board").textContent = lag === null ? "the camera sees no marker" : `${Math.round(lag.fan_to_board_ms)} ms`;
  by("fan-to-board").title = lag === null ? "" : `over output, board and camera: ${Math.round(lag.median_ms)} ms`;
}

// confidence: 0 to 1, of late; null while nobody dances.
function showConfidence(confidence) {
  const word = confidence === null ? "–" : CONFIDENCE.find(([from]) => confidence >= from)?.[1];
  by("confidence").value = confidence ?? 0;
  by("confidence").title = confidence === null ? "" : `${Math.round(confidence * 100)} %`;
  by("confidence-word").textContent = word ?? "–";
}

function showKeys(actions) {
  by("keys").replaceChildren(
    ...actions.map(({ name, key, help }) => {
      const tr = document.createElement("tr");
      const kbd = document.createElement("kbd");
      kbd.textContent = key;
      const cell = tr.insertCell();
      if (key) cell.append(kbd);
      tr.insertCell().textContent = name;
      tr.insertCell().textContent = help;
      return tr;
    }),
  );
}

// hint: of an alarm: what it means, and what to press.
function note(at, text, hint) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleTimeString([], { hour12: false });
  line.append(time, ` ${text}`);
  if (hint) {
    const press = document.createElement("span");
    press.className = "press";
    press.textContent = hint.press;
    press.title = hint.means;
    line.append(press);
  }
  by("log").prepend(line);
  while (by("log").children.length > LOG_ENTRIES) by("log").lastChild.remove();
}

function noteAction({ at, who, action, arguments: given, result }) {
  const values = Object.entries(given).map(([name, value]) => ` ${name}=${value}`);
  note(at, `${who}: ${action}${values.join("")}${result === "done" ? "" : `: ${result}`}`);
}

desk.addEventListener("hello", ({ detail }) => {
  unarmed = new Set(detail.actions.filter((action) => !action.can_be_armed).map((action) => action.name));
  controls.draw(detail.actions);
  showKeys(detail.actions);
  showState(detail);
  showStats(detail);
  if (!joined) {
    joined = true;
    for (const monitor of monitors) monitor.join();
  }
});
desk.addEventListener("state", ({ detail }) => showState(detail));
desk.addEventListener("stats", ({ detail }) => showStats(detail));
desk.addEventListener("action", ({ detail }) => noteAction(detail));
desk.addEventListener("message", ({ detail }) => note(detail.at, detail.text, detail.hint));
desk.addEventListener("up", () => {
  by("link").dataset.up = "true";
  by("link").textContent = "connected";
});
desk.addEventListener("down", () => {
  by("recording").hidden = by("kept").hidden = true;
  by("link").dataset.up = "false";
  by("link").textContent = "not connected";
  document.body.dataset.state = "NONE";
  document.body.dataset.tally = "off";
  by("state").textContent = "NO SHOW";
  by("tally-word").textContent = "";
  by("reason").textContent = "The show is not reachable; trying again.";
  hints.show([NOT_CONNECTED]);
  hints.prepare({}, "");
});
by("picks-for").addEventListener("click", ({ target }) => {
  if (!target.dataset.fan || shown === null) return;
  picksFor = target.dataset.fan;
  showPicks(shown.orders, shown.show);
});
desk.addEventListener("login", () => by("login").open || by("login").showModal());
by("fan-name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = by("fan-name").value.trim();
  act("fan-name", name ? { name } : {});
  by("fan-name").value = "";
  by("fan-name").blur(); // keys are the show's again
});
by("login").addEventListener("cancel", (event) => event.preventDefault());
by("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await desk.logIn(by("token").value);
  } catch (error) {
    by("login-error").textContent = error.message;
    return;
  }
  by("token").value = "";
  by("login").close();
  desk.connect();
});
desk.start();
