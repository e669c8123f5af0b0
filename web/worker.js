// The checker's side: Python in a worker. Messages: {kind: "start" | "guide" | "check" | "render", …}; each is answered with
// one of the same kind, or {kind: "broken", text}. Above this line the build puts loadPyodide, createPyodideModule and LOCK.
let started;
let answer;

// Pyodide asks for two files by address. They are in the page; `fetch` hands them over, and is then what it was.
async function start({ wasm, stdlib, wheel, checker }) {
  const files = { "pyodide.asm.wasm": [wasm, "application/wasm"], "python_stdlib.zip": [stdlib, "application/zip"] };
  self.fetch = async address => {
    const [bytes, type] = files[String(address).split("/").pop()];
    return new Response(bytes, { headers: { "content-type": type } });
  };
  const quiet = { stdout: () => {}, stderr: text => console.warn(text) };
  const python = await loadPyodide({ indexURL: "page:/", createPyodideModule, lockFileContents: LOCK, ...quiet });
  delete self.fetch;
  python.unpackArchive(wheel, "wheel");
  python.runPython(new TextDecoder().decode(checker));
  const call = python.globals.get("answer");
  answer = (name, ...values) => JSON.parse(call(name, ...values));
}

function check({ files, options }) {
  const reader = new FileReaderSync();
  let told = 0;
  const seen = (number, read) => {
    if (performance.now() - told < 100) return;
    told = performance.now();
    postMessage({ kind: "progress", number, read });
  };
  const opened = files.map(({ path, file }) => ({
    path, size: file.size, read: (from, to) => new Uint8Array(reader.readAsArrayBuffer(file.slice(from, to))),
  }));
  return answer("check", opened, JSON.stringify(options), seen);
}

const KINDS = {
  guide: ({ month }) => answer("guide", month ?? undefined),
  check,
  render: ({ number }) => answer("render", number),
};

onmessage = async ({ data }) => {
  try {
    started ??= start(data);
    await started;
    postMessage({ kind: data.kind, result: KINDS[data.kind]?.(data) });
  } catch (error) {
    postMessage({ kind: "broken", text: String(error) });
  }
};
