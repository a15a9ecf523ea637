// What the programs beside this one share: the first line of standard input.
import readline from "node:readline";

export async function readLine() {
  const lines = readline.createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    process.stdin.pause();
    return line;
  }
  return "";
}
