import { readLine } from "./line.mjs";

await readLine();
process.exit(7);
