/** Searches when the view changes, and loads the next page when the grid nears its end. */
import { Lost, postWithFiles, Problem } from './api.js';
import { build, isScored, PAGE } from './query.js';
import { change, store, watch } from './store.js';

const CACHED = 12;

/** @param {{collection: string, found: object}|null} given the first search result, if it is embedded in the page */
export function startAnswers(given) {
  /** @type {Map<string, import('./store.js').Answer>} */
  const kept = new Map();
  let controller = new AbortController();
  let current = '';
  let nextPage = null;

  const path = () => `/api/v1/collections/${encodeURIComponent(store().view.collection)}/search`;

  function keyOf(view) {
    return JSON.stringify([view.collection, build(view, store().files).body, view.terms]);
  }

  /** Loads the first page of the view. Cancels an older request, so that its result cannot arrive late. */
  async function ask({ anew = false } = {}) {
    const { view, files, restore } = store();
    if (!view.collection) return;
    const key = keyOf(view);
    if (key === current && !anew) return;
    current = key;
    controller.abort();
    controller = new AbortController();
    nextPage = null;
    if (given && !anew) takeGiven(key, view, restore);
    if (kept.has(key) && !anew) return change({ answer: kept.get(key), loading: false, error: null });
    await fetchFirst(key, view, build(view, files), restore?.count);
  }

  /** Caches the search result embedded in the page, if it belongs to this view. */
  function takeGiven(key, view, restore) {
    const { collection, found } = given;
    given = null;
    if (collection !== view.collection || (view.threshold && !found.hits.length) || restore?.count > found.hits.length) return;
    keep(toAnswer(key, view, found));
  }

  async function fetchFirst(key, view, query, count) {
    const { signal } = controller;
    const size = Math.min(Math.max(count ?? 0, PAGE), 1000);
    change({ loading: true });
    try {
      const found = await postWithFiles(path(), { ...query.body, top_k: size, offset: 0 }, query.files, { signal });
      const answer = await withNearest(toAnswer(key, view, found), query, signal);
      if (signal.aborted) return;
      keep(answer);
      change({ answer, loading: false, error: null });
    } catch (error) {
      fail(error, signal);
    }
  }

  function toAnswer(key, view, found) {
    return { key, hits: found.hits, next: found.next, total: found.total, best: found.best, notes: found.notes ?? [], nearest: false,
      query: found.query, scored: isScored(view) };
  }

  /** If nothing reaches the cut-off, shows the three most similar pictures, marked as such. */
  async function withNearest(answer, query, signal) {
    if (answer.hits.length || !query.body.threshold) return answer;
    const { threshold, sort, ...body } = query.body;
    const found = await postWithFiles(path(), { ...body, top_k: 3, offset: 0 }, query.files, { signal });
    return { ...answer, hits: found.hits, next: null, best: found.best, nearest: true };
  }

  /** Loads the next page, unless that is in progress or there is none. */
  async function more() {
    const { answer, view, files } = store();
    if (nextPage || !answer || answer.key !== current || answer.next === null) return;
    const { signal } = controller;
    const query = build(view, files);
    nextPage = postWithFiles(path(), { ...query.body, top_k: PAGE, offset: answer.next }, query.files, { signal });
    try {
      append(await nextPage, signal);
    } catch (error) {
      fail(error, signal);
    } finally {
      if (!signal.aborted) nextPage = null;
    }
  }

  function append(found, signal) {
    if (signal.aborted) return;
    const { answer } = store();
    const known = new Set(answer.hits.map((hit) => hit.id));
    const fresh = found.hits.filter((hit) => !known.has(hit.id));
    const grown = { ...answer, hits: [...answer.hits, ...fresh], total: found.total, next: found.next };
    keep(grown);
    change({ answer: grown });
  }

  function keep(answer) {
    kept.delete(answer.key);
    kept.set(answer.key, answer);
    if (kept.size > CACHED) kept.delete(kept.keys().next().value);
  }

  function fail(error, signal) {
    if (signal.aborted) return;
    current = '';
    if (error instanceof Lost || error.status === 401) return change({ loading: false });
    if (!(error instanceof Problem)) console.error(error);
    change({ loading: false, error: { detail: error.message, hint: error.hint } });
  }

  function forget() {
    kept.clear();
    return ask({ anew: true });
  }

  watch(['view'], () => ask());
  watch(['lost'], ({ lost }) => !lost && !current && ask());
  return { ask, more, forget };
}
