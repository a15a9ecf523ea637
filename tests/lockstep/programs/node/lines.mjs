import readline from "node:readline";

for await (const line of readline.createInterface({ input: process.stdin })) console.log("got", line);
console.log("end");
