import net from "node:net";
import { readLine } from "./line.mjs";

const [host, port] = (await readLine()).split(" ");
const socket = net.connect({ host, port: Number(port) }, () => {
  console.log("connected");
  socket.write("ping\n");
});
let read = "";
for await (const data of socket) read += data;
console.log("read", read);
socket.destroy();
console.log("closed");
