import net from "node:net";
import { readLine } from "./line.mjs";

const [host, port] = (await readLine()).split(" ");
net.connect({ host, port: Number(port) }).on("error", ({ code }) => console.log(code === "ECONNREFUSED" ? "refused" : code));
