// The page: files in, reports out. The checker is a worker made from a blob, so that the page's policy holds in it, too.
"use strict";

const $ = id => document.getElementById(`page-${id}`);
const LABELS = { pass: "good", fail: "bad", unproved: "doubt" };
const TYPES = { html: "text/html", json: "application/json", text: "text/plain" };
const EXTENSIONS = { html: "html", json: "json", text: "txt" };
const TITLE = document.title;

const NOTHING = ["No CSV file was found there.", "Choose the files themselves."];

let worker; // once it was made
let starting; // while it is being made
let busy = false; // while it checks
let chosen = []; // what is checked, or was checked last: {path, file}
let report; // the report that is shown, in each format
let name; // what its files are called when they are saved

// A part of the program: compressed, in Base64, in a data block of this page.
async function part(id) {
  const bytes = Uint8Array.from(atob($(id).textContent), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function start() {
  const [program, wasm, stdlib, wheel, checker] = await Promise.all(["worker", "wasm", "stdlib", "wheel", "checker"].map(part));
  const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  worker = new Worker(address);
  worker.onmessage = ({ data }) => ANSWERS[data.kind](data.result ?? data);
  worker.onerror = event => broken(event.message);
  worker.postMessage({ kind: "start", wasm, stdlib, wheel, checker }, [wasm, stdlib, wheel, checker]);
  guide();
  if (chosen.length) send();
}

function begin() {
  const done = () => { starting = undefined; };
  starting ??= start().catch(error => broken(`This browser may be too old. ${error}`)).finally(done);
}

const guide = () => worker?.postMessage({ kind: "guide", month: $("month").value.trim() || null });

const ANSWERS = {
  start: () => chosen.length || say("Ready. Choose files, or drop them on this page."),
  guide({ title, steps, notes, errors }) {
    if (errors) return; // a month that is still being typed
    $("guide-title").textContent = title;
    $("steps").replaceChildren(...steps.map(step => element("li", step)));
    $("notes").replaceChildren(...notes.map(note => element("p", note)));
  },
  progress({ number, read }) {
    const { path, file } = chosen[number];
    const all = chosen.length > 1 ? ` (file ${number + 1} of ${chosen.length})` : "";
    $("bar").max = file.size;
    $("bar").value = read;
    $("line").textContent = `Reading ${path}: ${megabytes(read)} of ${megabytes(file.size)} MB${all}`;
  },
  check(result) {
    busy = false;
    $("progress").hidden = true;
    $("again").hidden = false;
    if (result.errors) return fail(result.errors);
    $("guide").open = false;
    const several = result.length > 1;
    $("list").hidden = !several;
    $("list").replaceChildren(...(several ? result.map(entry) : []));
    $("best").hidden = !result.some(({ verdict }) => verdict === "pass");
    ask(0, result[0].title);
  },
  render(rendered) {
    if (busy) return; // other files have been chosen since
    report = rendered;
    const read = new DOMParser().parseFromString(report.html, "text/html");
    $("report").replaceChildren(...read.body.childNodes);
    document.title = read.title;
    const [word] = read.title.split(" ");
    const heading = $("report").querySelector("h1");
    heading.tabIndex = -1;
    if (word === "PASS") heading.setAttribute("aria-describedby", "page-best");
    show(true);
    say(`${word}. The report is below.`); // its heading, which gets the keyboard, says the rest
    heading.focus({ preventScroll: true });
    $("result").scrollIntoView();
  },
  broken: ({ text }) => broken(text),
};

function entry({ verdict, title }, number) {
  const button = element("button", element("span", verdict.toUpperCase()), ` ${title}`);
  button.firstChild.className = `stamp ${LABELS[verdict]}`;
  button.onclick = () => ask(number, title);
  return element("li", button);
}

function ask(number, title) {
  [...$("list").querySelectorAll("button")].forEach((one, at) => one.setAttribute("aria-current", at === number));
  const whole = number === 0 && !$("list").hidden;
  name = whole ? "report" : `${title.split("/").pop().replace(/\.csv$/i, "")}.report`;
  worker.postMessage({ kind: "render", number });
}

// Checks what is chosen, or says why nothing is. A check that is under way is given up.
function check(...nothing) {
  if (busy) end();
  $("errors").replaceChildren();
  show(false);
  $("progress").hidden = !chosen.length;
  $("bar").removeAttribute("value");
  $("line").textContent = "";
  if (!chosen.length) fail(nothing);
  else say(chosen.length > 1 ? `Checking ${chosen.length} files.` : `Checking ${chosen[0].path}.`);
  if (!worker) begin();
  else if (chosen.length) send();
}

function send() {
  const fields = { organization: "organization", month: "month", expect_total: "total" };
  const filled = Object.entries(fields).map(([option, id]) => [option, $(id).value.trim()]).filter(([, text]) => text);
  worker.postMessage({ kind: "check", files: chosen, options: Object.fromEntries(filled) });
  busy = true;
}

function end() {
  worker?.terminate();
  worker = undefined;
  busy = false;
}

function stop(text) {
  end();
  chosen = [];
  $("progress").hidden = true;
  $("again").hidden = true;
  say(text);
  refocus();
}

function broken(text) {
  stop("");
  fail(["UNPROVED: the check broke off, so nothing was proved.", text, "Try again, or use the command line."]);
}

function fail(lines) {
  say("Nothing was checked.");
  show(false);
  $("errors").replaceChildren(...lines.map(line => element("p", ...line.split("`").map(code))));
  refocus();
}

// In `a` b, every other part is code.
const code = (text, at) => (at % 2 ? element("code", text) : text);

// What had the keyboard may be hidden now, as Stop is.
function refocus() {
  if (!document.activeElement.checkVisibility()) $("files").focus();
}

// The report has a landmark `main` of its own; without one, it is the part above.
function show(shown) {
  $("result").hidden = !shown;
  if (!shown) document.title = TITLE; // not the verdict on what was checked before
  $("controls").role = shown ? "region" : "main";
}

function say(text) {
  $("status").textContent = text;
}

function element(tag, ...content) {
  const made = document.createElement(tag);
  made.append(...content);
  return made;
}

const megabytes = bytes => (bytes / 1e6).toFixed(1);

const here = file => ({ path: file.webkitRelativePath || file.name, file });

// Files as the command finds them in a folder: *.csv in any case, nothing hidden, in order.
function of_folder(files) {
  const wanted = ({ path }) => /\.csv$/i.test(path) && !path.split("/").some(folder => folder.startsWith("."));
  return files.filter(wanted).sort((one, other) => (one.path < other.path ? -1 : 1));
}

// All files below an entry of a folder that was dropped.
async function below(entry) {
  if (entry.isFile) return [{ path: entry.fullPath.slice(1), file: await new Promise((done, no) => entry.file(done, no)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, no) => reader.readEntries(done, no));
    if (!some.length) return (await Promise.all(found.map(below))).flat();
    found.push(...some);
  }
}

async function dropped({ dataTransfer }) {
  const found = [...dataTransfer.items].filter(({ kind }) => kind === "file").map(item => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? below(entry).then(of_folder) : [here(item.getAsFile())];
  });
  const opened = await Promise.all(found).catch(() => undefined);
  chosen = opened?.flat() ?? [];
  check(...(opened ? NOTHING : ["This browser does not open a folder that is dropped here.", "Use “Choose a folder”."]));
}

for (const id of ["files", "folder"]) {
  $(id).onchange = ({ target }) => {
    if (!target.files.length) return;
    const found = [...target.files].map(here);
    chosen = id === "folder" ? of_folder(found) : found;
    target.value = "";
    check(...NOTHING);
  };
}
addEventListener("dragover", event => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", event => {
  event.preventDefault();
  $("drop").classList.remove("over");
  dropped(event);
});
$("form").onsubmit = event => {
  event.preventDefault();
  if (chosen.length) check();
};
$("month").onchange = guide;
$("stop").onclick = () => {
  stop("Stopped. Nothing was proved. You can choose files again.");
  begin();
};
$("print").onclick = () => print();
for (const format of ["html", "json", "text"]) {
  $(format).onclick = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([report[format]], { type: TYPES[format] }));
    link.download = `${name}.${EXTENSIONS[format]}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
}
$("about").ontoggle = async () => {
  $("licenses").textContent = new TextDecoder().decode(await part("notices"));
};
begin();
