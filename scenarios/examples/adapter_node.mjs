// An adapter for a client class on Node: copy it beside your program, and nobody writes the loop over the steps.
//
//     import { main } from "./adapter_node.mjs";
//
//     class Client {
//       static errors = [NetworkError]; // with these it gives up a step; any other error is a crash
//       constructor({ url, conversationId, apiKey, reached }) {}
//       async attach() {}
//       async send(text) {}
//       async run() {}                  // starts the agent, and resolves when the run is over
//       async close() {}
//       held() {}                       // the ids of the log events that it has, in the log's order
//     }
//
//     await main(Client);
//
// Then `gapless run clean-run -- node my_client.mjs`. `reached(eventId)` is to be called once for each event that reaches
// the application; without it, deliveries are not judged. `run` may resolve to an object with what it claims: `status`,
// `complete`, `covers`, `proof`, `gaps`.
import readline from "node:readline";

const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`);

// Makes a client, and does the steps that are asked for until the input ends.
export async function main(Client) {
  const { GAPLESS_URL: url, GAPLESS_CONVERSATION_ID: conversationId, GAPLESS_API_KEY: apiKey = null } = process.env;
  const client = new Client({ url, conversationId, apiKey, reached: (id) => say({ id }) });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { step, text } = JSON.parse(line);
    try {
      const claim = await client[step](text);
      say({ done: step, ...(client.held && { held: [...client.held()] }), ...(step === "run" && claim) });
    } catch (error) {
      if (!(Client.errors ?? []).some((kind) => error instanceof kind)) throw error;
      say({ failed: step, error: `${error.name}: ${error.message}` });
    }
  }
  process.exit();
}
