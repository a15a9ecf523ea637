import { watch } from "node:fs";
import { readLine } from "./line.mjs";

await readLine();
watch(import.meta.dirname, () => {});
