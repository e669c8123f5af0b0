// The page's worker in Node: its script, its Python and its wheel, in a global scope that looks like a browser's worker.
// A line of standard input is a check, {files: [{path, file}], options} with files by their names on this machine; a line of
// standard output is what the worker gave, {checked, rendered: [each report]}.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { gunzipSync } from "node:zlib";

const node = process;
const html = readFileSync(node.argv[2], "utf8");
const part = id => new Uint8Array(gunzipSync(Buffer.from(html.match(`id="page-${id}">([^<]+)<`)[1], "base64")));
let answered;

class File {
  constructor(name) {
    this.bytes = new Uint8Array(readFileSync(name));
    this.size = this.bytes.length;
  }
  slice(from, to) {
    return this.bytes.slice(from, to).buffer;
  }
}

Object.assign(globalThis, {
  self: globalThis,
  location: { href: "blob:null/node", toString: () => "blob:null/node" },
  WorkerGlobalScope: class { static [Symbol.hasInstance] = () => true; },
  FileReaderSync: class { readAsArrayBuffer = slice => slice; },
  postMessage: message => message.kind === "progress" || answered(message),
  onmessage: null,
});

function ask(data) {
  const answer = new Promise(done => { answered = done; });
  onmessage({ data });
  return answer.then(({ kind, result, text }) => (kind === "broken" ? { broken: text } : result));
}

const program = new TextDecoder().decode(part("worker"));
const [wasm, stdlib, wheel, checker] = ["wasm", "stdlib", "wheel", "checker"].map(part);
globalThis.process = undefined; // or Pyodide takes this for Node
(0, eval)(program);
await ask({ kind: "start", wasm, stdlib, wheel, checker });
for await (const line of createInterface({ input: node.stdin })) {
  const { files, options } = JSON.parse(line);
  const checked = await ask({ kind: "check", files: files.map(({ path, file }) => ({ path, file: new File(file) })), options });
  const rendered = [];
  for (let number = 0; number < (checked.length ?? 0); number++) rendered.push(await ask({ kind: "render", number }));
  node.stdout.write(JSON.stringify({ checked, rendered }) + "\n");
}
globalThis.process = node;
process.exit(); // Pyodide leaves a channel open
