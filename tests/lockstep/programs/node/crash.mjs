import { readLine } from "./line.mjs";

await readLine();
throw new Error("boom");
