// The fields for files: a file leaves as soon as it is chosen or dropped, has a line of its own, and stays until it has
// arrived, through lost connections and reloads. What has arrived goes with the form as a claim (`kept_<field>`).

import { forgetFile, keepFile, keptFile, readLines, writeLines } from "./device.js";
import { askAfter, Blocked, forget, Refused, sendInPieces, Unreadable } from "./pieces.js";
import { announce, say } from "./words.js";

const MEGABYTE = 1024 * 1024;
const PENDING = ["waiting", "sending", "checking", "lost", "busy", "later"];
const PHOTO_STARTS = /^(ÿØÿ|.PNG\r\n|.{4}ftyp(hei|hev|mif1|msf1|avif))/s; // JPEG, PNG, HEIC and its relatives

const form = document.getElementById("apply-form");
const { project, filesAddress } = form.dataset;
const csrfToken = form.elements.csrfmiddlewaretoken.value;
const fields = [];
let isSendingOne = false;

const allLines = () => fields.flatMap((field) => field.lines);
const isPending = (line) => PENDING.includes(line.state);
const isFailed = (line) => line.state === "failed";
const isUsable = (line) => !isFailed(line);

/** How many files are on their way, and which lines say that theirs cannot be sent. */
export const filesOnTheirWay = () => allLines().filter(isPending);
export const failedLines = () => allLines().filter(isFailed);
export const isAnyLost = () => allLines().some((line) => ["lost", "busy"].includes(line.state));

/** Whether the field with this element holds a file that will go with the form. */
export function hasFile(element) {
  const field = fields.find((one) => one.element === element);
  return field.lines.some((line) => line.state === "arrived") || field.input.files.length > 0;
}

/** Lead to a line that cannot be sent, with `sentence` above it, for eyes and for screen readers. */
export function leadToFailed(line, sentence) {
  focusLine(line);
  showNotice(line.field, sentence);
  announce(sentence);
}

function focusLine(line) {
  line.element.querySelector('[data-verb="remove"]').focus();
}

/** Take over the fields for files, with what the server shows in them and what this device has kept. */
export function takeOverFiles() {
  document.querySelectorAll(".file-field").forEach((element) => fields.push(takeOverField(element)));
  const kept = readLines(project)?.lines ?? [];
  for (const field of fields) {
    const shown = takeOverShown(field);
    const own = kept.filter((line) => line.field === field.name);
    allOf(field, shown, own).forEach((line) => addLine(field, line));
    if (field.input.files.length) choose(field, [...field.input.files]); // chosen before this script was there
  }
  changed();
  allLines().forEach(resume);
}

/** What the page shows, and what this device knows besides: after a reload the page is older than the device. */
function allOf(field, shown, own) {
  const besides = own.filter((line) => !shown.some((one) => isSameFile(one, line)));
  const isReplaced = field.most === 1 && besides.some((line) => line.state === "arrived");
  return isReplaced ? besides : [...shown, ...besides];
}

// A token begins with the file that it claims; the rest, time and signature, is new with each page.
const claimed = (line) => line.token?.split(".")[0];
const isSameFile = (one, other) => claimed(one) === claimed(other);

function takeOverField(element) {
  const field = {
    element,
    name: element.dataset.name,
    most: Number(element.dataset.most),
    limit: Number(element.dataset.limit),
    input: element.querySelector("input[type=file]"),
    list: element.querySelector(".file-lines"),
    notice: element.querySelector(".file-notice"),
    isPlain: false,
    lines: [],
  };
  element.classList.add("takes-over");
  field.input.addEventListener("change", () => {
    if (field.isPlain) changed();
    else choose(field, [...field.input.files]);
  });
  takeDrops(field);
  return field;
}

/**
 * The lines that came with the page, which stand there for browsers without scripts. They have no id, so nobody asks
 * after them: the server has just said that they are fine, also to a browser that has lost its cookies since.
 */
function takeOverShown(field) {
  const group = field.element.querySelector(".kept-group");
  const shown = [...(group?.querySelectorAll(".kept-file") ?? [])].map((item) => ({
    state: "arrived",
    token: item.querySelector("input").value,
    name: item.dataset.name,
    facts: item.dataset.facts,
    url: item.dataset.url,
  }));
  group?.remove();
  return shown;
}

function takeDrops(field) {
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (isOver) => field.element.classList.toggle("is-under-drop", isOver);
  field.element.addEventListener("dragover", (event) => {
    if (!holdsFiles(event) || field.isPlain) return;
    event.preventDefault();
    event.stopPropagation();
    mark(true);
  });
  field.element.addEventListener("dragleave", (event) => {
    if (!field.element.contains(event.relatedTarget)) mark(false);
  });
  field.element.addEventListener("drop", (event) => {
    mark(false);
    if (!holdsFiles(event) || field.isPlain) return;
    event.preventDefault();
    event.stopPropagation();
    choose(field, [...event.dataTransfer.files]);
  });
}

// A file that is dropped beside the field would open in the place of the page.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => {
    if (event.target.type !== "file" && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

// Choosing

async function choose(field, files) {
  field.input.value = "";
  clearErrors(field);
  field.lines.filter(isFailed).forEach(drop);
  const faults = await Promise.all(files.map((file) => faultOf(file, field.limit)));
  const fine = files.filter((file, place) => !faults[place]);
  const room = field.most === 1 ? 1 : field.most - field.lines.filter(isUsable).length;
  const taken = fine.slice(0, Math.max(room, 0));
  sayLeftOut(field, fine.slice(taken.length));
  if (field.most === 1 && taken.length) field.lines.filter(isPending).forEach(drop);
  files.forEach((file, place) => {
    const fault = faults[place];
    if (fault) addLine(field, { name: file.name, file, state: "failed", fault });
    else if (taken.includes(file)) addLine(field, { name: file.name, file, state: "waiting" });
    if (fault) announce(fault);
  });
  await Promise.all(field.lines.filter((line) => taken.includes(line.file)).map(keepUntilArrived));
  changed();
  sendNext();
}

async function keepUntilArrived(line) {
  await keepFile(line.key, line.file).catch(() => {});
  if (!line.field.lines.includes(line)) forgetFile(line.key); // taken off before it was kept
}

/** Why the file cannot be sent, in the student's words, as far as a browser can tell. */
async function faultOf(file, limit) {
  const values = { name: file.name, limit: Math.floor(limit / MEGABYTE) };
  if (file.size === 0) return say("file-empty", values);
  const start = await startOf(file);
  if (start === null) return say("file-unreadable", values);
  if (file.type.startsWith("image/") || PHOTO_STARTS.test(start)) return say("file-photo", values);
  const isNamedPdf = /\.pdf$/i.test(file.name) || file.type === "application/pdf";
  if (!isNamedPdf || !start.includes("%PDF-")) return say("file-no-pdf", values);
  return file.size > limit ? say("file-too-large", values) : null;
}

/** The first bytes as text; null when the device does not give the file out. */
async function startOf(file) {
  try {
    return new TextDecoder("latin1").decode(await file.slice(0, 1024).arrayBuffer());
  } catch {
    return null;
  }
}

function sayLeftOut(field, files) {
  const values = { most: field.most, names: files.map((file) => file.name).join(", ") };
  showNotice(field, files.length ? say(field.most === 1 ? "left-out-one" : "left-out", values) : "");
}

function showNotice(field, sentence) {
  field.notice.textContent = sentence;
  field.notice.hidden = !sentence;
}

/** What the server said about this field is out of date once something is chosen. */
function clearErrors(field) {
  field.element.querySelector(".invalid-feedback")?.remove();
  field.input.classList.remove("is-invalid");
  field.input.removeAttribute("aria-invalid");
  const described = (field.input.getAttribute("aria-describedby") ?? "").split(" ");
  field.input.setAttribute("aria-describedby", described.filter((id) => document.getElementById(id)).join(" "));
}

// Lines

function addLine(field, known) {
  const element = document.getElementById("file-line").content.cloneNode(true).firstElementChild;
  const line = { key: newKey(), received: 0, ...known, field, element, stopper: new AbortController() };
  element.querySelector(".file-name").id = `name-${line.key}`;
  element.querySelector(".file-fault").id = `fault-${line.key}`;
  element.querySelector("progress").setAttribute("aria-labelledby", `name-${line.key}`);
  element.querySelector('[data-verb="remove"]').setAttribute("aria-describedby", `fault-${line.key}`);
  element.addEventListener("click", (event) => {
    const verb = event.target.closest("[data-verb]")?.dataset.verb;
    if (verb === "remove") remove(line);
    if (verb === "up" || verb === "down") move(line, verb);
  });
  field.lines.push(line);
  field.list.append(element);
  show(line);
  return line;
}

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join("-");

function show(line) {
  const part = (selector) => line.element.querySelector(selector);
  line.element.dataset.state = line.state;
  line.element.querySelectorAll("[data-name]").forEach((place) => (place.textContent = line.name));
  const isMoving = ["sending", "checking", "lost", "busy", "later"].includes(line.state);
  const progress = part("progress");
  progress.hidden = !isMoving;
  if (line.file?.size) progress.value = line.received / line.file.size;
  const percent = Math.floor(progress.value * 100);
  part(".file-state").textContent = line.state === "failed" ? "" : say(`file-${line.state}`, { ...line, percent });
  part(".file-fault").textContent = line.fault ?? "";
  part(".file-fault").hidden = line.state !== "failed";
  if (line.state === "arrived") {
    const claim = part("input");
    claim.name = `kept_${line.field.name}`;
    claim.value = line.token;
    claim.disabled = false;
    if (line.url) Object.assign(part(".file-link"), { href: line.url, hidden: false });
    part(".file-name").hidden = Boolean(line.url);
  }
}

function tell(line, state, more = {}) {
  Object.assign(line, { state }, more);
  show(line);
  changed();
}

/** Take the line away. What has arrived stays on the server until it is swept. */
function drop(line) {
  line.stopper.abort();
  line.field.lines.splice(line.field.lines.indexOf(line), 1);
  line.element.remove();
  forgetFile(line.key);
}

/** Take the line away, and its file from the server. */
function takeAway(line) {
  drop(line);
  // A document of a former application may be handed in again; taking it off here leaves it there.
  if (line.state === "arrived" && line.url?.includes("/uploads/")) forget(line.url, csrfToken);
}

function remove(line) {
  const lines = line.field.lines;
  const next = lines[lines.indexOf(line) + 1] ?? lines[lines.indexOf(line) - 1];
  takeAway(line);
  sayLeftOut(line.field, []);
  announce(say("file-removed", line));
  if (next) focusLine(next);
  else line.field.input.focus();
  changed();
}

function move(line, where) {
  const { lines } = line.field;
  const usable = lines.filter(isUsable);
  const to = usable.indexOf(line) + (where === "up" ? -1 : 1);
  const other = usable[to];
  if (!other) return;
  lines.splice(lines.indexOf(line), 1);
  lines.splice(lines.indexOf(other) + (where === "up" ? 0 : 1), 0, line);
  if (where === "up") other.element.before(line.element);
  else other.element.after(line.element);
  changed();
  const button = (verb) => line.element.querySelector(`[data-verb="${verb}"]`);
  (button(where).disabled ? button(where === "up" ? "down" : "up") : button(where)).focus();
  announce(say("file-moved", { name: line.name, place: to + 1, number: usable.length }));
}

/** Something about the files has changed: keep it, draw what depends on it, and tell the rest of the page. */
function changed() {
  for (const { lines, list, most } of fields) {
    list.hidden = lines.length === 0;
    const usable = lines.filter(isUsable);
    lines.forEach((line) => {
      const [up, down] = ["up", "down"].map((verb) => line.element.querySelector(`[data-verb="${verb}"]`));
      up.hidden = down.hidden = most === 1 || usable.length < 2 || isFailed(line);
      up.disabled = line === usable.at(0);
      down.disabled = line === usable.at(-1);
    });
  }
  const kept = allLines().filter((line) => isUsable(line) || line.isToBeTriedAgain);
  writeLines(project, kept.map(toBeKept));
  form.dispatchEvent(new Event("files-changed"));
}

function toBeKept({ key, field, state, name, id, token, facts, url }) {
  return { key, field: field.name, state: state === "arrived" ? state : "waiting", name, id, token, facts, url };
}

// Sending

/** A line that this device has kept from an earlier visit: has it arrived, is it still to be sent, is it gone? */
async function resume(line) {
  if (line.file || isFailed(line)) return;
  line.file = await keptFile(line.key);
  if (line.state === "waiting" && line.file) return sendNext();
  if (!line.id) return line.state === "arrived" || fail(line, say("file-incomplete", line));
  try {
    const said = await askAfter(filesAddress, line.id);
    if (said?.token) arrive(line, said);
    else fail(line, said?.error ?? say(line.state === "arrived" ? "file-gone" : "file-incomplete", line));
  } catch {
    // No connection: the form itself will tell when it is sent.
    if (line.state !== "arrived") fail(line, say("file-incomplete", line));
  }
}

/** Files go one after the other: on a slow line two at once would both take twice as long. */
async function sendNext() {
  const line = allLines().find((one) => one.state === "waiting" && one.file);
  if (!line || isSendingOne) return;
  isSendingOne = true;
  tell(line, "sending");
  try {
    await send(line);
  } finally {
    isSendingOne = false;
  }
  sendNext();
}

async function send(line) {
  const on = {
    begun: (id) => tell(line, "sending", { id }),
    moved: (received) => {
      const state = received < line.file.size ? "sending" : "checking";
      if (state !== line.state) tell(line, state, { received });
      else show(Object.assign(line, { received }));
    },
    waits: (wasLost) => {
      if (!["lost", "busy"].includes(line.state)) announce(say(wasLost ? "file-lost" : "file-busy", line));
      tell(line, wasLost ? "lost" : "busy");
    },
  };
  on.waitsFor = (seconds) => {
    const minutes = Math.ceil(seconds / 60);
    if (line.minutes !== minutes) announce(say("file-later", { ...line, minutes }));
    tell(line, "later", { minutes });
  };
  const { id, stopper: { signal } } = line;
  const where = { address: filesAddress, field: line.field.name, token: csrfToken, id, signal, on };
  try {
    arrive(line, await sendInPieces(line.file, where));
    announce(say("file-has-arrived", line));
  } catch (error) {
    if (error instanceof Blocked) sendWithTheForm();
    else if (error instanceof Refused) fail(line, error.message, ["csrf", "full"].includes(error.code));
    else if (error instanceof Unreadable) fail(line, say("file-unreadable", line));
    else if (error.name !== "AbortError") throw error;
  }
}

function arrive(line, { token, name, facts, url, id }) {
  forgetFile(line.key);
  // Where one file fits, the newer one takes the place of the one before it, but only once it is fine.
  const others = line.field.lines.filter((other) => other !== line && other.state === "arrived");
  if (line.field.most === 1) others.forEach(takeAway);
  tell(line, "arrived", { token, name, facts, url, id });
}

function fail(line, fault, isToBeTriedAgain = false) {
  if (!isToBeTriedAgain) forgetFile(line.key);
  tell(line, "failed", { fault, isToBeTriedAgain });
  announce(fault);
}

/** Nothing gets through piece by piece: the plain fields take the files again and send them with the form. */
export function sendWithTheForm() {
  for (const field of fields.filter((one) => one.lines.some(isPending))) {
    const rest = field.lines.filter(isUsable);
    // New files take the place of all that have arrived, so those must go along once more.
    const isComplete = rest.every((line) => line.file);
    const files = new DataTransfer();
    if (isComplete) rest.forEach((line) => files.items.add(line.file));
    rest.filter((line) => isComplete || isPending(line)).forEach(drop);
    field.isPlain = true;
    field.input.files = files.files;
    field.element.classList.remove("takes-over");
    showNotice(field, say(isComplete ? "plain" : "plain-again"));
  }
  changed();
}

/** Take everything off, here and on the server. */
export function removeAllFiles() {
  allLines().forEach(takeAway);
  fields.forEach((field) => {
    field.input.value = "";
    sayLeftOut(field, []);
  });
  changed();
}
