// The page: what can be chosen, what is shown, what is saved. The work is done in worker.mjs.

import "./release.js";
import { Background, Stopped } from "./background.mjs";
import { keepOffline } from "./offline.mjs";
import { draw, fillForm, readForm } from "./settings.mjs";
import { View } from "./view.mjs";
import { clock, TimeLeft } from "./words.mjs";

const EXAMPLE = "example.jpg";

const element = (id) => document.getElementById(id);
const form = element("form");
const view = new View();
const background = new Background({ onLoading: showLoading, onStep: showStep });

let photo = null; // { blob, name }
let picture = null; // the photograph at the size of the dream: { rgba, height, width, full }
let given = false; // whether the worker has the picture
let result = null;
let busy = false;
let stopping = false;
let timeLeft = null;

// --- saying --------------------------------------------------------------------------------------

function say(text, wrong = false) {
  element("status").textContent = text;
  element("status").classList.toggle("wrong", wrong);
}

function showLoading({ done, total }) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const text = `Loading the network: ${megabytes(done)} of ${megabytes(total)} MB`;
  element("place").textContent = done < total ? text : "Starting the network";
}

function showStep(step) {
  view.showDream(step);
  element("bar").value = step.fraction;
  const place = `Octave ${step.octave} of ${step.octaves}, ${step.width}×${step.height}, step ${step.iteration} of ${step.iterations}`;
  element("place").textContent = `${place}. ${timeLeft.after(step)}`;
  // Not each step: a screen reader would never come to an end.
  if (step.iteration === 1) say(`Dreaming, octave ${step.octave} of ${step.octaves}.`);
}

/** Run what the visitor asked for; whatever goes wrong becomes a sentence. */
async function attempt(action) {
  setBusy(true);
  try {
    await action();
  } catch (error) {
    if (error instanceof Stopped) say("Stopped at once. The steps so far are lost.");
    else say(error.message, true);
    if (!(error instanceof Stopped)) endBackground(); // whatever memory it held
  } finally {
    setBusy(false);
  }
}

function setBusy(now) {
  busy = now;
  stopping = false;
  element("settings").disabled = now;
  for (const id of ["go", "file", "example", "save", "save-photo", "keep"]) element(id).disabled = now;
  element("progress").hidden = element("stop").hidden = true;
  form.setAttribute("aria-busy", String(now));
}

function endBackground() {
  background.end();
  given = false;
}

// --- choosing a photograph -----------------------------------------------------------------------

function choose(blob, name) {
  if (busy) return;
  photo = { blob, name: name || `photo.${blob.type.split("/")[1] || "png"}` };
  attempt(async () => {
    await prepareSoon();
    await readPicture();
    say(`${describePicture()}. Press Dream.`);
  });
}

/** Have the worker decode the photograph at the chosen size. */
async function readPicture() {
  say("Reading the photograph.");
  picture = null;
  picture = await background.ask("picture", { blob: photo.blob, side: Number(form.side.value) });
  given = true;
  showResult(null);
  document.body.classList.add("chosen");
  view.showPhoto(picture, photo.name);
}

function isShrunk() {
  return picture.width !== picture.full.width || picture.height !== picture.full.height;
}

function describePicture() {
  const { width, height, full } = picture;
  const from = isShrunk() ? `, made smaller from ${full.width}×${full.height}` : "";
  return `${photo.name}: ${width}×${height} pixels${from}`;
}

/** Name the picture that was dreamt on: the photograph, or the smaller one made of it. */
function sourceName() {
  if (!isShrunk()) return photo.name;
  return `${stem(photo.name)}-${picture.width}x${picture.height}.png`;
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || name;
}

// --- dreaming ------------------------------------------------------------------------------------

async function dream() {
  if (!photo) return say("Choose a photograph first.", true);
  const layer = form.layer.value;
  const settings = readForm(form);
  await attempt(async () => {
    if (!given || !picture) await readPicture();
    showResult(null);
    say("Loading the network.");
    timeLeft = new TimeLeft();
    element("bar").removeAttribute("value"); // moves without an end in sight
    element("place").textContent = "";
    element("stop").textContent = "Stop";
    element("progress").hidden = element("stop").hidden = false;
    const found = await background.ask("dream", { layer, settings, source: sourceName() });
    view.showDream(found);
    showResult(found);
    say(summary(found));
  });
}

function summary({ stopped, milliseconds, idleSteps, sizes, objectives }) {
  const sentences = [`${stopped ? "Stopped" : "Done"} after ${clock(milliseconds / 1000)}.`];
  const left = Number(form.octaves.value) - sizes.length;
  if (left) sentences.push(`${left} of ${form.octaves.value} octaves were left out: too small for this layer.`);
  const steps = objectives.flat().length;
  if (idleSteps) sentences.push(`${idleSteps} of ${steps} steps had no gradient and changed nothing.`);
  if (matchMedia("(max-width: 50rem)").matches) sentences.push("The picture is above.");
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
  const { milliseconds, steps, threads, heap, text } = found;
  element("command").textContent = text["deepdream.command"];
  element("save-photo").hidden = !isShrunk();
  const facts = [
    describePicture(),
    `${steps.length} steps in ${clock(milliseconds / 1000)}`,
    threads === 1 ? "1 thread" : `${threads} threads`,
    `${Math.round(heap)} MiB`,
  ];
  element("facts").textContent = `${facts.join(", ")}.`;
}

// --- saving --------------------------------------------------------------------------------------

async function save(image, text, name) {
  await attempt(async () => {
    const { rgba, height, width } = image;
    const bytes = await background.ask("png", { rgba, height, width, text });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it later
    say(`${name}: ${Math.round(bytes.length / 1000)} kB.`);
  });
}

async function copyCommand() {
  try {
    await navigator.clipboard.writeText(element("command").textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(element("command"));
    say("This browser does not let the page copy. The command is selected: copy it yourself.");
  }
}

// --- offline -------------------------------------------------------------------------------------

let prepared = null;

/** Fetch the network while the visitor looks for a photograph. */
function prepareSoon() {
  prepared ??= keepOffline(() => !photo, tellUpdate);
  return prepared;
}

async function prepare() {
  const kept = await prepareSoon();
  if (navigator.connection?.saveData) return;
  await background.ask("prepare", { layer: form.layer.value });
  if (!kept) return;
  element("offline").textContent = "This page is kept in your browser and opens offline.";
  element("keep").hidden = false;
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

function tellUpdate() {
  element("offline").textContent = "A newer version of this page is here: reload it when you like.";
}

// --- events --------------------------------------------------------------------------------------

function connect() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dream();
  });
  form.side.addEventListener("change", () => photo && choose(photo.blob, photo.name));
  element("draw").addEventListener("click", () => draw(form));
  element("stop").addEventListener("click", stop);
  element("save").addEventListener("click", () => save(result, result.text, `${stem(photo.name)}-dream.png`));
  element("save-photo").addEventListener("click", () => save(picture, {}, sourceName()));
  element("copy").addEventListener("click", copyCommand);
  element("keep").addEventListener("click", keepEveryLayer);
  element("example").addEventListener("click", async () => {
    const response = await fetch(EXAMPLE);
    choose(await response.blob(), EXAMPLE);
  });
  element("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) choose(target.files[0], target.files[0].name);
    target.value = ""; // so that the same one can be chosen again
  });
  addEventListener("paste", ({ clipboardData }) => chooseFirst(clipboardData));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    chooseFirst(event.dataTransfer);
  });
  for (const [kind, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    addEventListener(kind, () => document.body.classList.toggle("over", over));
  }
}

function chooseFirst(transfer) {
  const [file] = transfer?.files ?? [];
  if (file) choose(file, file.name);
}

fillForm(form);
connect();
setBusy(false);
say("Choose a photograph to begin.");
prepare().catch((error) => {
  // Said again when the visitor asks for a dream.
  element("offline").textContent = error instanceof Stopped ? "" : error.message;
});
