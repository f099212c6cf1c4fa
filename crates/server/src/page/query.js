/** Builds the search request of a view. */

/** The number of pictures in a page of results. */
export const PAGE = 100;

/** Whether the view has a query, so that results have similarities. */
export const isScored = (view) => Boolean(view.text.trim() || view.terms.length);

/** The number of conditions besides the query. */
export function conditions(view) {
  const plain = [view.after || view.before, view.folder, view.keywords, view.within].filter(Boolean).length;
  return plain + Object.values(view.where).filter((values) => values.length).length;
}

/** The conditions as fields of the API. */
export function narrowing(view) {
  const asked = {};
  if (view.after) asked.taken_after = view.after;
  if (view.before) asked.taken_before = view.before;
  if (view.folder) asked.folder = view.folder;
  if (view.keywords) asked.keywords = view.keywords;
  const where = Object.entries(view.where).filter(([, values]) => values.length);
  if (where.length) asked.filter = Object.fromEntries(where.map(([column, values]) => [column, { $in: values }]));
  return asked;
}

/**
 * @param {import('./store.js').View} view
 * @param {Map<string, File>} dropped
 * @returns {{body: object, files: File[]}}
 */
export function build(view, dropped) {
  const files = [];
  const mix = view.terms.map((term) => part(term, dropped, files)).filter(Boolean);
  const body = { ...narrowing(view), fold: true };
  const text = view.text.trim();
  if (mix.length) body.mix = text ? [{ text, weight: 1 }, ...mix] : mix;
  else if (text) body.text = text;
  if (view.within) body.in = [view.within];
  if (view.sort) body.sort = view.sort;
  if (view.threshold && (mix.length || text)) body.threshold = view.threshold;
  return { body, files };
}

function part({ kind, value, weight }, dropped, files) {
  if (kind === 'text') return { text: value, weight };
  if (kind === 'like') return { like: value, weight };
  if (kind === 'url') return { image: { url: value }, weight };
  if (!dropped.has(value)) return null;
  files.push(dropped.get(value));
  return { image: { part: files.length - 1 }, weight };
}
