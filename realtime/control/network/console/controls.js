// Buttons and keys, drawn from the table of actions that the server sends. A risky one is held.

const HOLD_MS = 600;

// Where an action's button stands, and how loud it is. What is not named here comes last, in "More".
const GROUPS = [
  { title: "To air", actions: ["arm", "take", "cut"] },
  { title: "To safety", actions: ["fallback", "freeze", "dump", "slate"] },
  { title: "Player", actions: ["mirror", "skeleton"] },
  { title: "Fan", actions: ["redo", "lock"] },
  { title: "In time", actions: ["beat", "tap"] },
  { title: "Preview", actions: ["camera-preview", "camera", "unpick", "unpick-2"] },
  { title: "Board", actions: ["measure", "flash", "chart"] },
  { title: "Show", actions: ["record", "restart", "help", "quit"] },
];

// The field of the orders that says whether a toggle is on.
const TOGGLES = {
  arm: "armed",
  freeze: "frozen",
  slate: "slate",
  mirror: "mirror",
  skeleton: "skeleton",
  lock: "locked",
  beat: "beat",
  "camera-preview": "camera_preview",
  measure: "measuring",
  chart: "chart",
  record: "recording",
};

// Actions with one number get a slider.
const isSlider = (action) => action.forms[0].length === 1 && action.forms[0][0].kind === "number";
const isKeyed = (action) => action.forms.some((form) => form.length === 0);

// What stands among the layers.
const isElsewhere = ({ name }) => name === "fan-name" || name.startsWith("layer-");

export class Controls {
  // act(name, args, confirm) asks the desk; help() shows the keys; tooShort(name) is told of a risky one that
  // was let go of before its bar was full.
  constructor(root, act, help, tooShort) {
    this.root = root;
    this.act = act;
    this.help = help;
    this.tooShort = tooShort;
    this.buttons = new Map();
    this.sliders = new Map();
    this.byKey = new Map();
    this.confirm = new Set();
    this.held = null;
    document.addEventListener("keydown", (event) => this.keyDown(event), { capture: true });
    document.addEventListener("keyup", (event) => this.keyUp(event), { capture: true });
    window.addEventListener("blur", () => this.letGo());
  }

  draw(actions) {
    this.buttons.clear();
    this.sliders.clear();
    this.byKey = new Map(actions.filter((action) => action.key).map((action) => [action.key, action.name]));
    const table = new Map(actions.map((action) => [action.name, action]));
    const named = new Set(GROUPS.flatMap((group) => group.actions));
    const others = actions.filter((action) => isKeyed(action) && !named.has(action.name));
    const more = others.filter((action) => !isElsewhere(action)).map(({ name }) => name);
    const groups = [...GROUPS, { title: "More", actions: more }];
    this.root.replaceChildren();
    for (const { title, actions: names } of groups) {
      const known = names.filter((name) => table.has(name));
      if (known.length > 0) this.root.append(this.group(title, known.map((name) => this.button(table.get(name)))));
    }
    const sliders = actions.filter(isSlider).map((action) => this.slider(action));
    const lengths = this.group("Lengths", sliders);
    lengths.className = "sliders";
    this.root.append(lengths);
  }

  group(title, children) {
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = title;
    group.append(legend, ...children);
    return group;
  }

  button(action) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = action.name;
    button.title = action.help;
    const word = document.createElement("span");
    word.textContent = action.name.replaceAll("-", " ");
    const key = document.createElement("kbd");
    key.textContent = action.key;
    button.append(word, key);
    if (action.name in TOGGLES) button.setAttribute("aria-pressed", "false");
    button.addEventListener("pointerdown", (event) => {
      if (event.button === 0) this.press(action.name);
    });
    for (const type of ["pointerup", "pointerleave", "pointercancel"]) {
      button.addEventListener(type, () => this.letGo());
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is a hold
    this.buttons.set(action.name, button);
    return button;
  }

  slider(action) {
    const [argument] = action.forms[0];
    const label = document.createElement("label");
    const input = document.createElement("input");
    const output = document.createElement("output");
    const word = document.createElement("span");
    word.textContent = action.name.replaceAll("-", " ");
    Object.assign(input, { type: "range", min: argument.low, max: argument.high, step: 0.1 });
    input.setAttribute("aria-label", action.help);
    label.title = action.help;
    input.addEventListener("input", () => {
      output.textContent = `${Number(input.value).toFixed(1)} ${argument.unit}`;
    });
    // A slider is moved on purpose and can be moved back: letting go of it is the confirmation.
    input.addEventListener("change", () =>
      this.act(action.name, { [argument.name]: Number(input.value) }, true),
    );
    label.append(word, input, output);
    this.sliders.set(action.name, { input, output, unit: argument.unit });
    return label;
  }

  // The truth comes from the desk, never from the button that was pressed. duet: there is a second fan.
  show(orders, confirm, duet) {
    this.confirm = new Set(confirm);
    if (this.buttons.has("unpick-2")) this.buttons.get("unpick-2").hidden = !duet;
    for (const [name, button] of this.buttons) {
      if (name in TOGGLES) button.setAttribute("aria-pressed", String(orders[TOGGLES[name]]));
      button.classList.toggle("guarded", this.confirm.has(name));
    }
    for (const [name, field] of [["fade-length", "fade_s"], ["delay", "delay_s"], ["tempo", "bpm"]]) {
      const slider = this.sliders.get(name);
      if (slider === undefined || slider.input.matches(":active")) continue;
      slider.input.value = orders[field];
      const isKnown = name !== "tempo" || orders[field] > 0;
      slider.output.textContent = isKnown ? `${orders[field].toFixed(1)} ${slider.unit}` : "–";
    }
  }

  keyDown(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input:not([type=range]), textarea") || document.querySelector("#login[open]")) return;
    const key = { " ": "space", Escape: "escape", Enter: "enter" }[event.key] ?? event.key.toLowerCase();
    let name = this.byKey.get(key);
    if (name === undefined && key === "enter") name = event.target.dataset?.action; // a button that is focused
    if (name === undefined) return;
    event.preventDefault(); // the space bar is the slate, wherever the focus is
    if (!event.repeat) this.press(name);
  }

  keyUp(event) {
    if (this.held !== null) this.letGo();
    if (event.key === " " && event.target.matches("button")) event.preventDefault();
  }

  press(name) {
    this.letGo();
    if (name === "help") {
      this.help();
      return;
    }
    if (!this.confirm.has(name)) {
      this.act(name, {}, false);
      return;
    }
    const button = this.buttons.get(name);
    button?.classList.add("held");
    const timer = setTimeout(() => {
      this.release();
      this.act(name, {}, true);
    }, HOLD_MS);
    this.held = { name, button, timer };
  }

  letGo() {
    if (this.held === null) return;
    this.tooShort(this.held.name);
    this.release();
  }

  release() {
    clearTimeout(this.held.timer);
    this.held.button?.classList.remove("held");
    this.held = null;
  }
}

// A button that runs `done` once it has been held, or at once where it need not be; else `tooShort`.
export function holdable(button, mustHold, done, tooShort) {
  let timer = null;
  const release = () => {
    clearTimeout(timer);
    timer = null;
    button.classList.remove("held");
  };
  const letGo = () => {
    if (timer === null) return;
    release();
    tooShort();
  };
  const press = () => {
    if (timer !== null) return;
    if (!mustHold()) {
      done(false);
      return;
    }
    button.classList.add("held");
    timer = setTimeout(() => {
      release();
      done(true);
    }, HOLD_MS);
  };
  button.addEventListener("pointerdown", (event) => event.button === 0 && press());
  button.addEventListener("keydown", (event) => event.key === "Enter" && !event.repeat && press());
  for (const type of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
    button.addEventListener(type, letGo);
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}
