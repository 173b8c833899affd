// The bot as one would write it for Node: `node bot.mjs URL SESSIONS`. Each answer is awaited.
import WebSocket from "ws";

class Bot {
  #socket;
  #sent = 0;
  #waiting = new Map();

  constructor(url, number) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket.on("open", () => {
      this.#write({ command: "Login", email: `bot${number}@bench.test`, password: "-", cert: "" });
      setInterval(() => this.#write({ command: "HeartBeat" }), 60_000).unref();
    });
    this.#socket.on("message", (data) => this.#read(JSON.parse(data)));
    this.#socket.on("error", (error) => console.error(error.message));
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #read(frame) {
    if (frame.subcommand === "RECEIVE_MESSAGE") {
      this.#onMessage(JSON.parse(frame.content)).catch(console.error);
      return;
    }
    const waiting = this.#waiting.get(frame.task_id);
    if (waiting === undefined) return;
    this.#waiting.delete(frame.task_id);
    if (frame.code === 0) waiting.resolve(JSON.parse(frame.content));
    else waiting.reject(new Error(`the gateway answers with ${frame.code}`));
  }

  #sendText(to, content) {
    return new Promise((resolve, reject) => {
      const task_id = ++this.#sent;
      this.#waiting.set(task_id, { resolve, reject });
      this.#write({ command: "SendText", task_id, to, content });
    });
  }

  async #onMessage(msg) {
    if (msg.text.startsWith("ping")) {
      await this.#sendText(msg.from, `pong: ${msg.text}`);
    }
  }
}

const [url, sessions] = process.argv.slice(2);
for (let number = 0; number < Number(sessions); number++) new Bot(url, number);
