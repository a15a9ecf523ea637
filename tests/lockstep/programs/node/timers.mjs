import { readLine } from "./line.mjs";

await readLine();
for (const seconds of [0.3, 0.1, 0.2]) setTimeout(() => console.log("fired", seconds), seconds * 1000);
