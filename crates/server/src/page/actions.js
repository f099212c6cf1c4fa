/** The actions on a result. */
import { caption } from './format.js';
import { openOriginal } from './picture.js';
import { go } from './route.js';
import { change, store } from './store.js';
import { add, like } from './terms.js';

const fresh = { open: '', panel: '', threshold: 0 };

/** Searches with this picture alone, or with `keep` adds it as a term. */
export function more(hit, keep = false) {
  if (keep) go({ ...fresh, terms: add(store().view.terms, like(hit.id, 1)) });
  else go({ ...fresh, text: '', terms: [like(hit.id, 1)] });
}

export function less(hit) {
  go({ ...fresh, terms: add(store().view.terms, like(hit.id, -0.5)) });
}

export function searchCaption(hit, words = caption(hit)) {
  if (words) go({ ...fresh, text: words, terms: [] });
}

/** Whether the picture is one of several near-duplicates. */
export const isFolded = (hit) => Boolean(hit.within || hit.folded?.length);

/** Whether its near-duplicates are shown next to it. */
export const isUnfolded = (hit) => Boolean(store().answer?.hits.some((one) => one.within === hit.id));

/** Shows the near-duplicates of a picture after it, or folds them again. */
export function unfold(hit) {
  const { answer } = store();
  const keeper = hit.within ?? hit.id;
  const hits = isUnfolded({ id: keeper })
    ? answer.hits.filter((one) => one.within !== keeper)
    : answer.hits.flatMap((one) => (one.id === keeper ? [one, ...one.folded.map((other) => ({ ...other, within: keeper }))] : [one]));
  change({ answer: { ...answer, hits } });
}

/** Runs the action of a key. @returns {boolean} whether the key has an action */
export function byKey(event, hit) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const fold = isFolded(hit) ? { u: () => unfold(hit) } : {};
  const action = { ...fold, m: () => more(hit), M: () => more(hit, true), n: () => less(hit), c: () => searchCaption(hit), o: () => openOriginal(hit) }[event.key];
  action?.();
  return Boolean(action);
}
