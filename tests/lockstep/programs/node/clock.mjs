import { setTimeout as sleep } from "node:timers/promises";
import { readLine } from "./line.mjs";

await readLine();
console.log("wall", Math.floor(Date.now() / 1000));
const begun = performance.now();
await sleep(1500);
console.log(`slept ${((performance.now() - begun) / 1000).toFixed(3)}`);
console.log("wall", Math.floor(Date.now() / 1000));
