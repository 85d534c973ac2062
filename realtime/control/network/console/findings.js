// What was found wrong with the machine before the show (tools.doctor): shown until something was taken on air.

const ASK_AGAIN_MS = 2000;

export class Findings {
  // section: hidden until there is something to show; its list is filled.
  constructor(section) {
    this.section = section;
    this.wanted = null; // null until the first state is known
    this.found = [];
  }

  // taken: whether the live player was put on air: the list is gone for good then.
  show(taken) {
    if (taken) this.wanted = false;
    else if (this.wanted === null) {
      this.wanted = true;
      this.ask();
    }
    this.section.hidden = !this.wanted || this.found.length === 0;
  }

  async ask() {
    if (!this.wanted) return;
    let answer = null;
    try {
      answer = await (await fetch("api/doctor")).json();
    } catch {
      // Not reachable: tried again below.
    }
    if (answer?.findings) this.draw(answer.findings);
    else setTimeout(() => this.ask(), ASK_AGAIN_MS);
  }

  draw(findings) {
    this.found = findings.filter(({ level }) => level !== "OK");
    this.section.querySelector("ul").replaceChildren(
      ...this.found.map(({ level, check, found, advice }) => {
        const line = document.createElement("li");
        const word = document.createElement("strong");
        word.textContent = level;
        word.className = level;
        line.append(word, ` ${check}: ${found}${advice ? `. ${advice}` : ""}`);
        return line;
      }),
    );
    this.section.hidden = !this.wanted || this.found.length === 0;
  }
}
