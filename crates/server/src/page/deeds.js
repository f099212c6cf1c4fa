/** What can be done with a picture that was found. */
import { caption } from './format.js';
import { openOriginal } from './picture.js';
import { go } from './route.js';
import { store } from './store.js';
import { add, like } from './terms.js';

const fresh = { open: '', panel: '', threshold: 0 };

/** A query of this picture alone, or with `keep` as one more term. */
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

/** By key, the same everywhere. @returns {boolean} was it one of ours? */
export function byKey(event, hit) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const deed = { m: () => more(hit), M: () => more(hit, true), n: () => less(hit), c: () => searchCaption(hit), o: () => openOriginal(hit) }[event.key];
  deed?.();
  return Boolean(deed);
}
