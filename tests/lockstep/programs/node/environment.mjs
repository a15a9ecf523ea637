import { readLine } from "./line.mjs";

await readLine();
console.log("url", process.env.GAPLESS_URL ?? "none");
console.log("old", process.env.GAPLESS_OLD ?? "none");
