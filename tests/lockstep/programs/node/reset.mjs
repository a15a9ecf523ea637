import net from "node:net";
import { readLine } from "./line.mjs";

const [host, port] = (await readLine()).split(" ");
const socket = net.connect({ host, port: Number(port) }, () => console.log("connected"));
socket.on("error", ({ code }) => console.log(code === "ECONNRESET" ? "reset" : code)).resume();
