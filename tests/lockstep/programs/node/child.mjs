import { spawnSync } from "node:child_process";
import { readLine } from "./line.mjs";

await readLine();
spawnSync("true");
