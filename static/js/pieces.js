// Sends one file in pieces. A piece that gets lost is sent again; what the server has already stays there.

const STALLED = 30_000; // milliseconds in which nothing moved: the connection is dead, whatever the browser thinks
const ANSWER_TAKES = 120_000; // the last piece is answered when the file was checked
const PAUSES = [1, 2, 4, 8, 15, 30]; // seconds between two tries
const MOST_BAD_ANSWERS = 8;
const LONGEST_WAIT = 300; // seconds; a longer one that the server names may be over sooner

/** The server does not take this file; the message is in the student's words, `code` says which. */
export class Refused extends Error {
  constructor(words, code) {
    super(words);
    this.code = code;
  }
}

/** The server answers, but again and again not as it should: something in between does not let the pieces through. */
export class Blocked extends Error {}

/** The device does not give the file out any more: it was moved, changed or taken away. */
export class Unreadable extends Error {}

/**
 * Sends `file` and answers with what the server says of it once it was checked: {token, name, facts, url, ...}.
 *
 * `id` is that of a file that had begun to arrive, or null. `on` is told what happens: begun(id), moved(bytes),
 * waits(wasLost) before each new try, waitsFor(seconds) when the server names a time. Raises Refused, Blocked,
 * Unreadable, or an AbortError by `signal`.
 */
export async function sendInPieces(file, { address, field, token, id, signal, on }) {
  let received = null; // how much the server has; null: to be asked
  let most = 0;
  let pieceBytes = 0;
  let failures = 0;
  let badAnswers = 0;
  for (;;) {
    const answer = await nextStep();
    const said = answer.said;
    if (said?.token) return said;
    if (said?.code === "too_often") {
      on.waitsFor(answer.retryAfter);
      await pause(Math.min(Math.max(answer.retryAfter, 1), LONGEST_WAIT) * 1000, signal);
      continue;
    }
    if (said?.error && (answer.status < 500 || said.code === "full")) throw new Refused(said.error, said.code);
    if (typeof said?.received === "number" && answer.status < 500) {
      const isStuck = id && received !== null && said.received <= received;
      if (said.id && said.id !== id) on.begun(said.id);
      id = said.id ?? id;
      pieceBytes = said.piece_bytes ?? pieceBytes;
      received = said.received;
      if (received > most) {
        most = received;
        failures = badAnswers = 0;
      }
      on.moved(received);
      if (!isStuck) continue;
    } else if (answer.status === 404 && id) {
      id = null; // swept, or another browser's: it begins anew
      most = 0;
    }
    failures += 1;
    received = null;
    if (answer.status) badAnswers += 1;
    if (badAnswers >= MOST_BAD_ANSWERS) throw new Blocked();
    on.waits(answer.status === 0);
    await pause(PAUSES[Math.min(failures, PAUSES.length) - 1] * 1000, signal);
  }

  async function nextStep() {
    if (!id) {
      const body = new URLSearchParams({ field, name: file.name, size: file.size });
      return ask("POST", address, { body, token, signal });
    }
    if (received === null) return ask("GET", `${address}${id}/`, { signal });
    const offset = received;
    const body = await bytesOf(file.slice(offset, offset + pieceBytes));
    const moved = (bytes) => on.moved(Math.min(offset + bytes, file.size));
    return ask("POST", `${address}${id}/?offset=${offset}`, { body, token, signal, moved });
  }
}

/** What is known of a file that is said to have arrived: `sendInPieces`'s answer, null when it is gone. */
export async function askAfter(address, id) {
  const answer = await ask("GET", `${address}${id}/`, {});
  if (answer.said || answer.status === 404) return answer.said;
  throw new Error(`answered ${answer.status}`);
}

/** Tell the server to forget a file that had arrived. It would be swept in a day; nothing depends on the answer. */
export function forget(url, token) {
  return ask("POST", `${url}remove/`, { token });
}

async function bytesOf(piece) {
  try {
    return await piece.arrayBuffer();
  } catch {
    throw new Unreadable();
  }
}

/**
 * One request: {status, said, retryAfter}. `said` is null when the answer is not ours (a proxy's page), `status` 0
 * without any, `retryAfter` the seconds that the server asks to wait for, or 0.
 */
function ask(method, url, { body = null, token, signal, moved }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much of a body has left
    let timer;
    const wait = (time) => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), time);
    };
    const stop = () => request.abort();
    request.open(method, url);
    request.setRequestHeader("Accept", "application/json");
    if (token) request.setRequestHeader("X-CSRFToken", token);
    if (body instanceof ArrayBuffer) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      wait(STALLED);
      moved?.(event.loaded);
    };
    request.upload.onload = () => wait(ANSWER_TAKES);
    request.onloadend = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted) reject(new DOMException("Taken away", "AbortError"));
      else resolve(answered(request));
    };
    if (signal?.aborted) return reject(new DOMException("Taken away", "AbortError"));
    signal?.addEventListener("abort", stop);
    request.send(body);
    wait(STALLED);
  });
}

function answered(request) {
  const retryAfter = Number(request.getResponseHeader("Retry-After")) || 0;
  return { status: request.status, said: parsed(request.responseText), retryAfter };
}

function parsed(text) {
  try {
    const said = JSON.parse(text);
    return said && typeof said === "object" ? said : null;
  } catch {
    return null;
  }
}

/** Waits, but no longer than until the device is online again or `signal` says stop. */
function pause(time, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, time);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
