import { readLine } from "./line.mjs";

await readLine();
for (let line = 0; line < 2000; line++) console.log("x".repeat(99));
