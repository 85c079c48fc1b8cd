// What can be chosen, is shown and saved. The work is done in worker.mjs.

import "./release.js";
import { Background, Stopped } from "./background.mjs";
import { keepOffline } from "./offline.mjs";
import { draw, fillForm, readChannel, readForm } from "./settings.mjs";
import { View } from "./view.mjs";
import { clock, TimeLeft } from "./words.mjs";

const element = (id) => document.getElementById(id);
const form = element("form");
const view = new View();
const background = new Background({ onLoading: showLoading, onStep: showStep });

let photo; // { blob, name }
let picture; // at the size of the dream: { rgba, height, width, full }
let given; // whether the worker has the picture
let result;
let busy;
let stopping;
let timeLeft;

function say(text, wrong = false) {
  element("status").textContent = text;
  element("status").classList.toggle("wrong", wrong);
}

function showLoading({ done, total }) {
  const [here, all] = [done, total].map((bytes) => (bytes / 1e6).toFixed(1));
  element("place").textContent = done < total ? `${here} of ${all} MB` : "Starting the network";
}

function showStep(step) {
  view.showDream(step);
  element("bar").value = step.fraction;
  const octave = `octave ${step.octave} of ${step.octaves}`;
  const place = `${step.width}×${step.height}, step ${step.iteration} of ${step.iterations}`;
  element("place").textContent = `In ${octave}, ${place}. ${timeLeft.after(step)}`;
  // Not each step: a screen reader would never come to an end.
  if (step.iteration === 1) say(`Dreaming, ${octave}.`);
}

/** Do what was asked for; whatever goes wrong becomes a sentence. */
async function attempt(action) {
  const focused = document.activeElement;
  setBusy(true);
  try {
    await action();
  } catch (error) {
    say(error.message, !(error instanceof Stopped));
    endBackground(); // whatever memory it held
  }
  setBusy(false);
  if (document.activeElement === document.body) focused.focus(); // it was disabled for a while
}

function setBusy(now) {
  busy = now;
  stopping = false;
  element("settings").disabled = now;
  for (const id of ["go", "file", "example", "save", "save-photo", "save-guide", "keep", "bench"]) {
    element(id).disabled = now;
  }
  element("progress").hidden = element("stop").hidden = true;
}

function endBackground() {
  background.end();
  given = false;
}

function choose(blob, name) {
  if (busy) return;
  photo = { blob, name: name || `photo.${blob.type.split("/")[1] || "png"}` };
  attempt(async () => {
    await kept;
    await readPicture();
    say(`${describePicture()}. Press Dream.`);
  });
}

async function readPicture() {
  say("Reading the photograph.");
  picture = undefined;
  picture = await background.ask("picture", { blob: photo.blob, side: Number(form.side.value) });
  given = true;
  showResult();
  document.body.classList.add("chosen");
  view.showPhoto(picture, photo.name);
}

function isShrunk() {
  return picture.width < picture.full.width || picture.height < picture.full.height;
}

function describePicture() {
  const { width, height, full } = picture;
  const from = isShrunk() ? `, made smaller from ${full.width}×${full.height}` : "";
  return `${photo.name}: ${width}×${height} pixels${from}`;
}

/** Name the picture that was dreamt on. */
function sourceName() {
  const small = `${stem(photo.name)}-${picture.width}x${picture.height}.png`;
  return isShrunk() ? small : photo.name;
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || name;
}

const NETWORK = /\.(onnx|safetensors|caffemodel)$/i;
const BUILT_IN = { whole: false, words: "The next dream is with the built-in network." };

function chooseNetwork() {
  attempt(async () => {
    const file = form.network.files[0];
    const { whole, words } = file ? await background.ask("network", { file }) : BUILT_IN;
    form.layer.disabled = form.channel.disabled = whole;
    say(words);
  });
}

async function dream() {
  if (!photo) return say("Choose a photograph first.", true);
  const layer = form.layer.value;
  const channel = readChannel(form);
  const settings = readForm(form);
  await attempt(async () => {
    if (!given || !picture) await readPicture();
    showResult();
    say("Loading the network.");
    timeLeft = new TimeLeft();
    element("bar").removeAttribute("value"); // moves without an end in sight
    element("place").textContent = "";
    element("stop").textContent = "Stop";
    element("progress").hidden = element("stop").hidden = false;
    element("stop").focus();
    const [file, guide] = [form.network, form.guide].map(({ files }) => files[0]);
    const wanted = { layer, channel, file, guide, settings, source: sourceName() };
    const found = await background.ask("dream", wanted);
    view.showDream(found);
    showResult(found);
    say(summary(found));
  });
}

function summary({ stopped, elapsed, idleSteps, sizes }) {
  const sentences = [`${stopped ? "Stopped" : "Done"} after ${clock(elapsed / 1000)}.`];
  const left = form.octaves.value - sizes.length;
  if (left) sentences.push(`Octaves left out, as too small for this layer: ${left}.`);
  if (idleSteps) sentences.push(`Steps that had no gradient and changed nothing: ${idleSteps}.`);
  return sentences.join(" ");
}

/** The first press ends the dream after its step, the second at once. */
function stop() {
  if (stopping) return endBackground();
  stopping = true;
  background.stop();
  say("Stopping after this step.");
  element("stop").textContent = "Stop at once";
}

function showResult(found) {
  result = found;
  element("result").hidden = element("save").hidden = !found;
  if (!found) return;
  const { elapsed, steps, threads, heap, text, guide, on } = found;
  element("command").textContent = text["deepdream.command"];
  element("save-photo").hidden = !isShrunk();
  element("save-guide").hidden = !guide?.png;
  const facts = [
    describePicture(),
    `${steps} steps in ${clock(elapsed / 1000)}`,
    threads === 1 ? "1 thread" : `${threads} threads`,
    `${Math.round(heap)} MiB`,
    ...(on ? [`on ${on.name || "an adapter without a name"}${on.fallback ? ", no GPU" : ""}`] : []),
  ];
  element("facts").textContent = `${facts.join(", ")}.`;
}

async function save(image, text, name) {
  await attempt(async () => saveFile(await background.ask("png", { image, text }), name));
}

function saveFile(bytes, name, type = "image/png") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some read it later
  say(`${name}: ${Math.round(bytes.length / 1000)} kB.`);
}

function chooseBackend() {
  endBackground(); // ONNX Runtime comes in a program for each
  const query = new URLSearchParams(location.search);
  query.set("backend", form.backend.value);
  background.query = `?${query}`;
}

async function copyCommand() {
  try {
    await navigator.clipboard.writeText(element("command").textContent);
    say("Copied.");
  } catch {
    say("The browser does not let the page copy: select the command.", true);
  }
}

/** Fetch the network while the visitor looks for a photograph. */
async function prepare() {
  await kept;
  if (navigator.connection?.saveData) return;
  await background.ask("prepare", { layer: form.layer.value });
  element("keep").hidden = !(await kept);
  if (await kept) tell("This page is kept in your browser and opens offline.");
}

async function keepEveryLayer() {
  await attempt(async () => {
    for (const { name } of self.RELEASE.layers) {
      say(`Keeping ${name}.`);
      await background.ask("prepare", { layer: name });
    }
    element("keep").hidden = true;
    say("Every layer is kept.");
  });
}

function tell(text) {
  element("offline").textContent = text;
}

function connect() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dream();
  });
  form.network.addEventListener("change", chooseNetwork);
  form.backend.addEventListener("change", chooseBackend);
  form.side.addEventListener("change", () => photo && choose(photo.blob, photo.name));
  const clicks = {
    bench: ({ target }) =>
      attempt(async () => (await import("./later/bench.mjs")).press(target, say, saveFile)),
    builtin() {
      form.network.value = "";
      chooseNetwork();
    },
    copy: copyCommand,
    draw: () => draw(form),
    example: chooseExample,
    keep: keepEveryLayer,
    save: () => save(result, result.text, `${stem(photo.name)}-dream.png`),
    "save-guide": () => saveFile(result.guide.png, result.guide.name),
    "save-photo": () => save(picture, {}, sourceName()),
    stop,
    unled: () => (form.guide.value = ""),
  };
  for (const [id, action] of Object.entries(clicks)) element(id).addEventListener("click", action);
  element("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) choose(target.files[0], target.files[0].name);
    target.value = ""; // so that the same one can be chosen again
  });
  addEventListener("paste", ({ clipboardData }) => chooseFirst(clipboardData));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.toggle("over", kind === "dragover");
      if (kind === "drop") chooseFirst(event.dataTransfer);
    });
  }
}

async function chooseExample() {
  const name = "example.jpg";
  const response = await fetch(name);
  choose(await response.blob(), name);
}

function chooseFirst(transfer) {
  const [file] = transfer?.files ?? [];
  if (file && NETWORK.test(file.name)) {
    if (busy) return;
    form.network.files = transfer.files;
    chooseNetwork();
  } else if (file) choose(file, file.name);
}

fillForm(form);
form.backend.value = new URLSearchParams(location.search).get("backend") ?? "wasm";
connect();
setBusy(false);
say("Choose a photograph to begin.");
const kept = keepOffline(
  () => !photo,
  () => tell("A newer version of this page is here: reload it when you like."),
);
prepare().catch((error) => error instanceof Stopped || tell(error.message));
