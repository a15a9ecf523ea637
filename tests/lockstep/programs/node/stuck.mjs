import { watch } from "node:fs";
import { readLine } from "./line.mjs";

await readLine();
watch(process.execPath, () => {}); // nobody writes to Node itself
