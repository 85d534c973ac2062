// The line to the desk: logs in, hears every event, asks for actions. It comes back by itself.

const RETRY_MS = 1000;

export class DeskLink extends EventTarget {
  // Events: one for each `type` that the server pushes, with the data as `detail`; and "up", "down", "login".
  constructor() {
    super();
    this.socket = null;
    this.number = 0;
    this.waiting = new Map();
  }

  // The token may stand in the address, after #: it never leaves the browser that way, and is taken off.
  async start() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token !== null) {
      history.replaceState(null, "", location.pathname);
      await this.logIn(token).catch(() => {}); // the page asks for the token then
    }
    await this.connect();
  }

  async logIn(token) {
    const answer = await fetch("api/login", { method: "POST", body: JSON.stringify({ token }) });
    if (!answer.ok) throw new Error((await answer.json()).error);
  }

  async connect() {
    let answer = null;
    try {
      answer = await fetch("api/state");
    } catch {
      // Not reachable: tried again below.
    }
    if (answer?.status === 401) {
      this.tell("login");
      return;
    }
    if (!answer?.ok) {
      this.tell("down");
      setTimeout(() => this.connect(), RETRY_MS);
      return;
    }
    const url = new URL("api/events", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url);
    this.socket.addEventListener("open", () => this.tell("up"));
    this.socket.addEventListener("message", (message) => this.heard(JSON.parse(message.data)));
    this.socket.addEventListener("close", () => {
      for (const done of this.waiting.values()) done({ status: 0, result: "the show is not reachable" });
      this.waiting.clear();
      this.tell("down");
      setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  heard(event) {
    if (event.type === "reply") {
      this.waiting.get(event.id)?.(event);
      this.waiting.delete(event.id);
    } else {
      this.tell(event.type, event);
    }
  }

  // Resolves to {status, result}, as the server replies; status 0 where it cannot be asked.
  act(action, args = {}, confirm = false) {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return Promise.resolve({ status: 0, result: "the show is not reachable" });
    }
    this.number += 1;
    const id = this.number;
    this.socket.send(JSON.stringify({ action, arguments: args, confirm, id }));
    return new Promise((done) => this.waiting.set(id, done));
  }

  tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
