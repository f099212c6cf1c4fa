/**
 * The page's only mutable state. Everything else reads it with `store` and changes it with `change`;
 * `watch` runs a function after a change of one of the named parts.
 *
 * @typedef {{kind: 'text'|'like'|'url'|'file', value: string, weight: number}} Term
 * @typedef {{collection: string, text: string, terms: Term[], threshold: number, sort: ''|'newest'|'oldest',
 *   after: string, before: string, folder: string, keywords: string, within: string,
 *   where: Record<string, Array<string|number|boolean>>, open: string, panel: string}} View
 * @typedef {{id: string, similarity: number|null, captions: string[], path?: string, url?: string, width: number|null,
 *   height: number|null, taken: string|null, metadata: Record<string, unknown>, colour: string|null,
 *   thumbnail: string, folded?: Hit[], within?: string}} Hit `folded`: its near-duplicates; `within`: the hit that this
 *   one was folded into
 * @typedef {{key: string, hits: Hit[], next: number|null, total: number, best: number|null, notes: string[], nearest: boolean}} Answer
 */

const state = {
  /** @type {View} the view of the URL */
  view: null,
  /** @type {Array<{name: string, model: string, pictures: number, captions: number, can_add: boolean}>|null} */
  collections: null,
  /** @type {Answer|null} the last search result, kept while the next one is loading */
  answer: null,
  /** @type {{detail: string, hint?: string}|null} */
  error: null,
  loading: false,
  /** the server does not respond */
  lost: false,
  /** @type {string|null} the message of the server if it needs an API key */
  locked: null,
  /** @type {Map<string, File>} dropped pictures by their number in the URL */
  files: new Map(),
  /** @type {Map<string, Hit>} selected pictures by id */
  selection: new Map(),
  /** @type {{count: number, top: number}|null} the scroll position of this entry of the history */
  restore: null,
};

const watchers = new Set();

/** @returns {Readonly<typeof state>} */
export const store = () => state;

/** @param {Partial<typeof state>} patch */
export function change(patch) {
  const changed = Object.keys(patch).filter((key) => state[key] !== patch[key]);
  Object.assign(state, patch);
  for (const watcher of watchers) {
    if (watcher.keys.some((key) => changed.includes(key))) watcher.run(state);
  }
}

/**
 * @param {Array<keyof typeof state>} keys
 * @param {(now: Readonly<typeof state>) => void} run
 */
export function watch(keys, run) {
  watchers.add({ keys, run });
}

/** The collection that the view shows. */
export const collection = () => state.collections?.find((one) => one.name === state.view.collection);

/** The path of a record or a part of it. */
export function recordPath(id, part = '') {
  const base = `/api/v1/collections/${encodeURIComponent(state.view.collection)}/records/${encodeURIComponent(id)}`;
  return part ? `${base}/${part}` : base;
}
