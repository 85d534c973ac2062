// The fan picker over the preview: a click is a person, a drag a box, the arrow keys move a cross.

const STEP = 0.02;
const LEAST_BOX = 0.02; // a drag shorter than this, of the picture's width or height, is a click

const clamp = (value) => Math.min(1, Math.max(0, value));
const round = (value) => Math.round(value * 10000) / 10000;

export class Picker {
  // pick(args) is called with {x, y} or {x0, y0, x1, y1}, from 0 to 1 of the camera's picture.
  constructor(layer, video, pick) {
    this.layer = layer;
    this.video = video;
    this.pick = pick;
    this.picked = layer.querySelector("#picked");
    this.drawn = layer.querySelector("#drawn");
    this.cross = layer.querySelector("#cross");
    this.cameraSize = null;
    this.chosen = [];
    this.from = null;
    this.at = { x: 0.5, y: 0.5 };
    layer.addEventListener("pointerdown", (event) => {
      this.from = this.place(event);
      layer.setPointerCapture(event.pointerId);
    });
    layer.addEventListener("pointermove", (event) => this.from !== null && this.draw(this.box(event)));
    layer.addEventListener("pointerup", (event) => this.finish(event));
    layer.addEventListener("pointercancel", () => this.cancel());
    layer.addEventListener("keydown", (event) => this.keyDown(event));
    layer.addEventListener("focus", () => this.showCross(layer.matches(":focus-visible")));
    layer.addEventListener("blur", () => this.showCross(false));
    new ResizeObserver(() => this.showPicked()).observe(layer);
    video.addEventListener("resize", () => this.showPicked());
  }

  // enabled: the preview shows the camera. chosen: the pick in force.
  show(enabled, cameraSize, chosen) {
    this.layer.hidden = !enabled;
    this.cameraSize = cameraSize;
    this.chosen = chosen;
    this.showPicked();
  }

  // Where the camera's picture lies in the layer, in pixels: it fills the preview as far as it fits, and the
  // preview fills the layer as far as it fits.
  frame() {
    const { clientWidth: width, clientHeight: height } = this.layer;
    const outer = fit(this.video.videoWidth || width, this.video.videoHeight || height, width, height);
    const [cameraWidth, cameraHeight] = this.cameraSize ?? [outer.width, outer.height];
    const inner = fit(cameraWidth, cameraHeight, outer.width, outer.height);
    return { ...inner, left: outer.left + inner.left, top: outer.top + inner.top };
  }

  place(event) {
    const frame = this.frame();
    const layer = this.layer.getBoundingClientRect();
    return {
      x: clamp((event.clientX - layer.left - frame.left) / frame.width),
      y: clamp((event.clientY - layer.top - frame.top) / frame.height),
    };
  }

  box(event) {
    const to = this.place(event);
    return [
      Math.min(this.from.x, to.x), Math.min(this.from.y, to.y),
      Math.max(this.from.x, to.x), Math.max(this.from.y, to.y),
    ].map(round);
  }

  finish(event) {
    if (this.from === null) return;
    const [x0, y0, x1, y1] = this.box(event);
    this.cancel();
    if (x1 - x0 >= LEAST_BOX && y1 - y0 >= LEAST_BOX) this.pick({ x0, y0, x1, y1 });
    else this.pick({ x: x1, y: y1 });
  }

  cancel() {
    this.from = null;
    this.drawn.hidden = true;
  }

  keyDown(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move !== undefined) {
      this.at = { x: round(clamp(this.at.x + STEP * move[0])), y: round(clamp(this.at.y + STEP * move[1])) };
      this.showCross(true);
    } else if (event.key === "Enter") {
      this.pick({ ...this.at });
    } else {
      return;
    }
    event.preventDefault();
  }

  showCross(shown) {
    this.cross.hidden = !shown;
    put(this.cross, this.frame(), [this.at.x, this.at.y, this.at.x, this.at.y]);
  }

  showPicked() {
    this.picked.hidden = this.chosen.length === 0;
    const [x, y] = this.chosen;
    this.picked.classList.toggle("point", this.chosen.length === 2);
    if (!this.picked.hidden) put(this.picked, this.frame(), this.chosen.length === 4 ? this.chosen : [x, y, x, y]);
  }

  draw(box) {
    this.drawn.hidden = false;
    put(this.drawn, this.frame(), box);
  }
}

function fit(width, height, intoWidth, intoHeight) {
  const scale = Math.min(intoWidth / width, intoHeight / height);
  return {
    width: width * scale,
    height: height * scale,
    left: (intoWidth - width * scale) / 2,
    top: (intoHeight - height * scale) / 2,
  };
}

function put(element, frame, [x0, y0, x1, y1]) {
  element.style.left = `${frame.left + x0 * frame.width}px`;
  element.style.top = `${frame.top + y0 * frame.height}px`;
  element.style.width = `${(x1 - x0) * frame.width}px`;
  element.style.height = `${(y1 - y0) * frame.height}px`;
}
