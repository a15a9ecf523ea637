// What Node offers a client, once each. Every line begins with the virtual time in ms.
import { AsyncLocalStorage } from "node:async_hooks";
import { pbkdf2, randomBytes, randomInt, randomUUID, subtle } from "node:crypto";
import { once } from "node:events";
import dns from "node:dns";
import fs from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { hrtime } from "node:process";
import readline from "node:readline";
import { setInterval as every, scheduler, setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import zlib from "node:zlib";

const began = Date.now();
const log = (...parts) => console.log(Date.now() - began, ...parts);

// Clocks and entropy.
log("start", performance.now(), new Date().toISOString(), hrtime(), process.uptime(), performance.timeOrigin === began);
log("random", Math.random(), randomUUID(), crypto.randomUUID(), randomInt(1000), crypto.getRandomValues(new Uint8Array(2)).join());
log("drawn later", (await promisify(randomBytes)(4)).toString("hex"), await promisify(randomInt)(5, 1000));

// Timers.
await sleep(100);
log("timers/promises");
await promisify(setTimeout)(3_600_000);
log("an hour");
let ticks = 0;
for await (const _ of every(50)) if (++ticks === 3) break;
log("interval");
await scheduler.wait(10);
log("scheduler");
const reference = setInterval(() => {}, 1e8);
const [aborted] = await once(AbortSignal.timeout(250), "abort");
log("AbortSignal.timeout", aborted.timeStamp);
const refreshed = setTimeout(() => log("refreshed"), 100);
await sleep(80);
refreshed.refresh();
await sleep(200);
performance.mark("from");
await sleep(30);
log("measured", performance.measure("one", "from").duration, performance.measure("two", { start: 0 }).duration === performance.now());
log("blocked", Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500));
log("event loop", setTimeout(() => {}, 1e6).unref().hasRef());

// Sockets and http.
await new AsyncLocalStorage().run("here", async () => {
  const context = new AsyncLocalStorage();
  await context.run("context", async () => {
    const socket = net.connect(80, "echo.test", () => log("connected", context.getStore(), socket.remotePort));
    socket.write("hello");
    socket.on("data", (data) => {
      log("data", String(data), context.getStore());
      socket.end();
    });
    await once(socket, "close");
    log("closed", socket.bytesRead, socket.bytesWritten);
  });
});
const silent = net.connect(81, "silent.test").setTimeout(700);
await once(silent, "timeout");
log("socket timeout");
silent.destroy();
const [refusal] = await once(net.connect(81, "refused.test"), "error").catch((error) => [error]);
log("refused", refusal.code, refusal.syscall);
const request = http.get({ host: "silent.test", timeout: 300 });
request.on("timeout", () => request.destroy());
await once(request, "close").catch((error) => log("http", error.code));
const failed = ({ name, cause }) => log("fetch", name, cause?.code?.startsWith("E") ? cause.code : "");
await fetch("http://silent.test/", { signal: AbortSignal.timeout(400) }).catch(failed);
await fetch("http://refused.test/").catch(failed);
await fetch("http://echo.test/", { method: "POST", body: "an echo is no answer" }).catch(failed);
log("lookup", await dns.promises.lookup("a.test"), (await promisify(dns.lookup)("b.test", { all: true, family: 6 }))[0].family);

// The thread pool, and what V8 does on threads of its own.
const text = "x".repeat(100_000);
log("zlib", String(await promisify(zlib.inflateRaw)(await promisify(zlib.deflateRaw)(text))) === text);
log("brotli", String(await promisify(zlib.brotliDecompress)(await promisify(zlib.brotliCompress)(text))) === text);
await promisify(zlib.inflate)("nonsense").catch(({ code }) => log("zlib", code));
const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
log("web streams", (await new Response(zipped.pipeThrough(new DecompressionStream("gzip"))).text()) === text);
log("digest", Buffer.from(await subtle.digest("SHA-256", new Uint8Array(10))).toString("hex").slice(0, 8));
log("pbkdf2", (await promisify(pbkdf2)("a", "b", 100_000, 8, "sha1")).toString("hex"));
log("file", (await fs.readFile(import.meta.filename, "utf8")).length > 1000);
log("WebAssembly", (await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))) instanceof WebAssembly.Module);

// Messages, from a callback of the pool and from an immediate.
for (const wait of [() => fs.stat("/"), () => new Promise((resolve) => setImmediate(resolve)), () => sleep(1)]) {
  const { port1, port2 } = new MessageChannel();
  await wait();
  port2.postMessage("hello");
  await once(port1, "message");
  log("message");
  port1.close();
}

// Order.
const order = [];
const note = (name) => () => order.push(name);
await Promise.all([
  fs.stat("/").then(note("file")),
  new Promise((resolve) => setImmediate(resolve)).then(note("immediate")),
  promisify(zlib.deflate)("abc").then(note("zlib")),
  sleep(1).then(note("1 ms")),
  sleep(0).then(note("0 ms")),
  new Promise((resolve) => process.nextTick(resolve)).then(note("tick")),
  new Promise((resolve) => queueMicrotask(resolve)).then(note("microtask")),
]);
log(order.join(", "));

for await (const line of readline.createInterface({ input: process.stdin })) log("line", line);
log("over");
clearInterval(reference);
