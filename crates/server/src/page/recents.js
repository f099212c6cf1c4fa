/** Recent searches, stored only in this browser. */
const NAME = 'clipseek.recent';
const MOST = 8;

/** @returns {Array<{text: string, terms: import('./store.js').Term[]}>} the latest first */
export function recent() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one?.text === 'string' && Array.isArray(one.terms)) : [];
  } catch {
    return [];
  }
}

/** Stores a search. Only words are stored: pictures are ids of one collection or exist only on this page. */
export function remember({ text, terms }) {
  const search = { text: text.trim(), terms: terms.filter((term) => term.kind === 'text') };
  if (!search.text && !search.terms.length) return;
  const written = JSON.stringify(search);
  const others = recent().filter((one) => JSON.stringify(one) !== written);
  try {
    localStorage.setItem(NAME, JSON.stringify([search, ...others].slice(0, MOST)));
  } catch {
    // Without storage, nothing is remembered.
  }
}
