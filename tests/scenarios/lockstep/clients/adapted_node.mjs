// The same client on Node, behind its adapter.
import { main } from "../../../../scenarios/examples/adapter_node.mjs";

class GivesUp extends Error {
  name = "GivesUp";
}

class Client {
  static errors = [GivesUp];
  log = new Map();

  constructor({ url, conversationId, reached }) {
    this.base = `${url}/api/conversations/${conversationId}`;
    this.reached = reached;
  }

  attach = () => this.read();
  close = () => this.read();
  held = () => this.log.keys();
  statuses = (since) => [...this.log.values()].slice(since).filter((one) => one.key === "execution_status").map((one) => one.value);

  async send(text) {
    if (process.argv.includes("--gives-up")) throw new GivesUp("not today");
    await this.call("/events", { role: "user", content: [{ type: "text", text }] });
  }

  async run() {
    const before = this.log.size;
    await this.call("/run", {});
    while ((this.statuses(before).at(-1) ?? "running") === "running") {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await this.read();
    }
    return { status: this.statuses(before).at(-1) };
  }

  async read() {
    const last = [...this.log.keys()].at(-1);
    for (const event of (await this.call(`/events/search?limit=100${last ? `&page_id=${last}` : ""}`)).items) {
      if (this.log.has(event.id)) continue;
      this.log.set(event.id, event);
      this.reached(event.id);
    }
  }

  async call(path, body) {
    const asked = body ? { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {};
    return (await fetch(this.base + path, asked)).json();
  }
}

await main(Client);
