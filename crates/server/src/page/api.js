/** Requests to the server: JSON, with the API key if there is one. */
import { change } from './store.js';

const KEY = 'clipseek.key';

/** An error response (RFC 9457). */
export class Problem extends Error {
  constructor(status, { detail, title, hint } = {}) {
    super(detail || title || `the server responded with status ${status}`);
    this.status = status;
    this.hint = hint;
  }
}

/** The server did not respond. */
export class Lost extends Error {}

export const key = () => sessionStorage.getItem(KEY) ?? '';

export function setKey(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
}

/**
 * @param {string} path
 * @param {RequestInit & {json?: unknown}} options
 * @returns {Promise<Response>}
 */
export async function request(path, { json, ...options } = {}) {
  const headers = new Headers(options.headers);
  if (key()) headers.set('Api-Key', key());
  if (json !== undefined) {
    headers.set('Content-Type', 'application/json');
    options = { method: 'POST', ...options, body: JSON.stringify(json) };
  }
  const response = await send(path, { ...options, headers });
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (response.status === 401) change({ locked: problem.message });
  throw problem;
}

async function send(path, options) {
  try {
    const response = await fetch(path, options);
    change({ lost: false });
    return response;
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    change({ lost: true });
    throw new Lost('the server does not respond', { cause: error });
  }
}

export const getJson = async (path, options) => (await request(path, options)).json();

/** Posts `body` as JSON, or with files as a form. */
export async function postWithFiles(path, body, files, options) {
  if (!files.length) return getJson(path, { json: body, ...options });
  const form = new FormData();
  form.set('request', new Blob([JSON.stringify(body)], { type: 'application/json' }));
  for (const file of files) form.append('image', file, file.name || 'picture');
  return getJson(path, { method: 'POST', body: form, ...options });
}

/** The JSON of each server-sent event. `EventSource` cannot send a key, so the stream is read here. */
export async function* events(path) {
  const response = await request(path, { headers: { Accept: 'text/event-stream' } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value.replaceAll('\r', '')).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n');
      if (data) yield JSON.parse(data);
    }
  }
}
