// Times by stage as sparklines, and frames that were not shown, by stage and cause.

const SAMPLES = 120; // a minute, at two a second
const RECENT_SAMPLES = 20;
const WIDTH = 120;
const HEIGHT = 24;
const SVG = "http://www.w3.org/2000/svg";

const words = (name) => name.replaceAll("_", " ");

export class Latencies {
  constructor(table) {
    this.table = table;
    this.rows = new Map();
  }

  // stagesMs: stage → median of late, or null where nothing came.
  add(stagesMs) {
    for (const [name, ms] of Object.entries(stagesMs)) {
      const row = this.rows.get(name) ?? this.row(name);
      row.samples.push(ms);
      if (row.samples.length > SAMPLES) row.samples.shift();
      row.value.textContent = ms === null ? "–" : `${ms.toFixed(1)} ms`;
      row.line.setAttribute("points", points(row.samples));
      const seen = row.samples.filter((sample) => sample !== null);
      row.top.textContent = seen.length === 0 ? "" : `≤ ${Math.max(...seen).toFixed(0)}`;
    }
  }

  row(name) {
    const tr = this.table.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = words(name);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "polyline");
    svg.append(line);
    tr.append(head);
    tr.insertCell().append(svg);
    const row = { samples: [], line, value: tr.insertCell(), top: tr.insertCell() };
    row.value.className = "number";
    row.top.className = "number quiet";
    this.rows.set(name, row);
    return row;
  }
}

function points(samples) {
  const most = Math.max(1, ...samples.filter((sample) => sample !== null));
  const from = SAMPLES - samples.length;
  return samples
    .map((ms, n) => [((from + n) * WIDTH) / (SAMPLES - 1), ms])
    .filter(([, ms]) => ms !== null)
    .map(([x, ms]) => `${x.toFixed(1)},${(HEIGHT - 2 - (ms / most) * (HEIGHT - 4)).toFixed(1)}`)
    .join(" ");
}

export class Drops {
  constructor(table) {
    this.table = table;
    this.history = [];
  }

  // dropped: stage → cause → how many since the show began.
  add(dropped) {
    const totals = Object.fromEntries(Object.entries(dropped).map(([stage, causes]) => [stage, sum(causes)]));
    this.history.push(totals);
    if (this.history.length > RECENT_SAMPLES) this.history.shift();
    const before = this.history[0];
    this.table.replaceChildren();
    for (const [stage, causes] of Object.entries(dropped)) {
      const tr = this.table.insertRow();
      const recent = totals[stage] - (before[stage] ?? 0);
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = stage;
      tr.append(head);
      tr.insertCell().textContent = totals[stage];
      tr.insertCell().textContent = recent > 0 ? `+${recent} in 10 s` : "";
      tr.cells[1].className = "number";
      tr.cells[2].className = recent > 0 ? "number rising" : "number";
      const why = Object.entries(causes).map(([cause, n]) => `${words(cause)} ${n}`);
      if (why.length > 0) {
        const cell = this.table.insertRow().insertCell();
        cell.colSpan = 3;
        cell.className = "quiet";
        cell.textContent = why.join(", ");
      }
    }
  }
}

const sum = (causes) => Object.values(causes).reduce((total, n) => total + n, 0);
