import { readLine } from "./line.mjs";

await readLine();
const begun = performance.now();
while (performance.now() - begun < 20);
console.log(`busy for ${((performance.now() - begun) / 1000).toFixed(2)}`);
