/** The terms of a query: words, pictures of the collection, URLs and local pictures. */

/** @returns {import('./store.js').Term} */
export const like = (id, weight = 1) => ({ kind: 'like', value: id, weight });
export const url = (address, weight = 1) => ({ kind: 'url', value: address, weight });
export const words = (text, weight = 1) => ({ kind: 'text', value: text, weight });
export const file = (number, weight = 1) => ({ kind: 'file', value: number, weight });

/** Adds a term; an existing one gets the new weight. */
export function add(terms, term) {
  return [...terms.filter((one) => one.kind !== term.kind || one.value !== term.value), term];
}

export const isAddress = (text) => /^https?:\/\/[^\s/]+\.?[^\s]*$/i.test(text.trim());
