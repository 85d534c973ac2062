// What is wrong, what to press, and how far a stage is that prepares: beside the state.

export class Hints {
  // list: filled with what is wrong now. preparing: hidden while nothing is prepared.
  constructor(list, preparing) {
    this.list = list;
    this.preparing = preparing;
    this.drawn = "[]";
  }

  // hints: {name, means, press} each.
  show(hints) {
    const drawn = JSON.stringify(hints);
    if (drawn === this.drawn) return; // read out once, not with every change of the state
    this.drawn = drawn;
    this.list.replaceChildren(
      ...hints.map(({ name, means, press }) => {
        const line = document.createElement("li");
        line.title = means;
        const word = document.createElement("strong");
        word.textContent = `${name}.`;
        line.append(word, ` ${press}`);
        return line;
      }),
    );
  }

  // stages: those that load, each with what, for how long, and in which of how many parts. said: what stands
  // above it already.
  prepare(stages, said) {
    const { doing, doing_s: seconds, part, parts } = Object.values(stages)[0] ?? { parts: 0 };
    this.preparing.hidden = parts === 0;
    if (parts === 0) return;
    const bar = this.preparing.querySelector("progress");
    bar.max = parts;
    bar.value = part - 0.5; // in the middle of it, for all that is known
    const what = said.includes(doing) ? "" : `the performer is ${doing}: `;
    this.preparing.querySelector("span").textContent = `${what}part ${part} of ${parts}, for ${Math.round(seconds)} s`;
  }
}
