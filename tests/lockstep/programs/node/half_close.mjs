import net from "node:net";
import { readLine } from "./line.mjs";

const [host, port] = (await readLine()).split(" ");
const socket = net.connect({ host, port: Number(port), allowHalfOpen: true });
socket.end("bye");
let read = "";
for await (const data of socket) read += data;
console.log("read", read);
