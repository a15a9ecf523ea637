import { randomBytes, randomUUID } from "node:crypto";
import { readLine } from "./line.mjs";

randomBytes(8);
await readLine();
console.log("bytes", randomBytes(8).toString("hex"));
console.log("uuid", randomUUID());
