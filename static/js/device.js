// What this device keeps of an application that is not sent yet, for each project: the text for a week, and for a day
// which files have arrived, and the files that are still on their way. A browser that keeps nothing (some private
// windows) is no error: then it all lasts as long as the page.

const DAY = 24 * 60 * 60 * 1000;
const KEPT_FOR = { "apply-text:": 7 * DAY, "apply-files:": DAY };

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value) localStorage.setItem(key, JSON.stringify(value));
    else localStorage.removeItem(key);
  } catch {
    // Full or forbidden. The page works without.
  }
}

/** The draft of the text: {at, text: {field: value}, sentAt}; null when there is none. */
export const readText = (project) => read(`apply-text:${project}`);
export const writeText = (project, draft) => write(`apply-text:${project}`, draft);

/** The lines of all fields for files: {at, lines: [...]}; null when there are none. */
export const readLines = (project) => read(`apply-files:${project}`);
export const writeLines = (project, lines) =>
  write(`apply-files:${project}`, lines.length ? { at: Date.now(), lines } : null);

/** The form is on its way to the server: when the student's page comes next, the draft has done its work. */
export function noteSending(project) {
  writeText(project, { at: Date.now(), text: {}, ...readText(project), sentAt: Date.now() });
}

export function forgetProject(project) {
  write(`apply-text:${project}`, null);
  write(`apply-files:${project}`, null);
}

/** Remove whatever is older than it may be, of any project. */
export async function forgetOld() {
  const isOld = (kept, days) => !(kept?.at > Date.now() - days);
  try {
    for (const key of Object.keys(localStorage)) {
      const prefix = Object.keys(KEPT_FOR).find((start) => key.startsWith(start));
      if (prefix && isOld(read(key), KEPT_FOR[prefix])) write(key, null);
    }
  } catch {
    // Forbidden: then there is nothing old.
  }
  await inFiles("readwrite", (files) => {
    files.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      if (isOld(cursor.value, DAY)) cursor.delete();
      cursor.continue();
    };
  }).catch(() => {});
}

/** Keep a file until it has arrived. Rejects where the browser keeps none. */
export const keepFile = (key, file) => inFiles("readwrite", (files) => files.put({ at: Date.now(), file }, key));
export const keptFile = async (key) => (await inFiles("readonly", (files) => files.get(key)).catch(() => null))?.file;
export const forgetFile = (key) => inFiles("readwrite", (files) => files.delete(key)).catch(() => {});

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("apply", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("files");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function inFiles(mode, verb) {
  const transaction = (await database()).transaction("files", mode);
  const request = verb(transaction.objectStore("files"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
