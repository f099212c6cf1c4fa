/** Converts the view to a query string and back. */

/** @returns {import('./store.js').View} */
export const emptyView = () => ({
  collection: '', text: '', terms: [], threshold: 0, sort: '', after: '', before: '',
  folder: '', keywords: '', within: '', where: {}, open: '', panel: '',
});

const NAMES = { collection: 'in', text: 'q', after: 'after', before: 'before', folder: 'folder', keywords: 'keywords',
  within: 'compare', open: 'open', panel: 'panel' };
const COLUMN = 'is.';
const SORTS = ['newest', 'oldest'];
const KINDS = ['text', 'like', 'url', 'file'];

/** Writes text unchanged; a number or boolean as JSON after a colon. */
const writeValue = (value) => (typeof value === 'string' ? value.replace(/^[:\\]/, '\\$&') : `:${JSON.stringify(value)}`);

function readValue(written) {
  if (!written.startsWith(':')) return written.replace(/^\\/, '');
  try {
    return JSON.parse(written.slice(1));
  } catch {
    return written;
  }
}

function readTerm(written) {
  const [, weight, kind, value] = /^([^~]*)~([^~]*)~(.*)$/s.exec(written) ?? [];
  const number = Number(weight);
  return KINDS.includes(kind) && value && Number.isFinite(number) && number !== 0 ? { kind, value, weight: number } : null;
}

/** @param {import('./store.js').View} view */
export function encode(view) {
  const written = new URLSearchParams();
  for (const [key, name] of Object.entries(NAMES)) if (view[key]) written.set(name, view[key]);
  for (const term of view.terms) written.append('term', `${term.weight}~${term.kind}~${term.value}`);
  if (view.threshold > 0) written.set('threshold', String(view.threshold));
  if (view.sort) written.set('sort', view.sort);
  for (const [column, values] of Object.entries(view.where)) {
    for (const value of values) written.append(COLUMN + column, writeValue(value));
  }
  return written.size ? `?${written}` : '';
}

/** @returns {import('./store.js').View} */
export function decode(search) {
  const written = new URLSearchParams(search);
  const view = emptyView();
  for (const [key, name] of Object.entries(NAMES)) view[key] = written.get(name) ?? '';
  view.terms = written.getAll('term').map(readTerm).filter(Boolean);
  const threshold = Number(written.get('threshold'));
  view.threshold = threshold > 0 && threshold <= 1 ? threshold : 0;
  view.sort = SORTS.includes(written.get('sort')) ? written.get('sort') : '';
  const columns = new Map();
  for (const [name, value] of written) {
    if (!name.startsWith(COLUMN)) continue;
    const column = name.slice(COLUMN.length);
    columns.set(column, [...(columns.get(column) ?? []), readValue(value)]);
  }
  view.where = Object.fromEntries(columns);
  return view;
}
