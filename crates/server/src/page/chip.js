/** A chip: a term of the query with its sign, weight and a button to remove it. */
import { getJson } from './api.js';
import { button, element, icon } from './dom.js';
import { caption, fileName, middle, source } from './format.js';
import { show, thumbnail } from './picture.js';
import { go } from './route.js';
import { recordPath, store } from './store.js';

const WEIGHTS = [0.25, 0.5, 1, 2, 3];

/** @param {import('./store.js').Term} term @param {number} index among the terms */
export function chip(term, index) {
  const label = nameOf(term);
  const sign = element('button', {
    type: 'button', class: 'sign', title: term.weight < 0 ? 'Without this; change to with' : 'With this; change to without',
    'aria-label': `${term.weight < 0 ? 'Minus' : 'Plus'}: ${label}. Change sign`, onclick: () => set(index, -term.weight),
  }, term.weight < 0 ? '−' : '+');
  const words = element('span', { class: 'label', dir: 'auto', title: label }, middle(label, 22));
  if (term.kind === 'like') nameLike(term.value, words);
  return element('li', { class: `chip ${term.weight < 0 ? 'minus' : 'plus'}` }, sign, likeness(term), words, weight(term, index, label),
    button('close', `Remove ${label}`, { class: 'gone', onclick: () => drop(index) }));
}

function set(index, weight) {
  go({ terms: store().view.terms.map((term, at) => (at === index ? { ...term, weight } : term)) });
}

function drop(index) {
  go({ terms: store().view.terms.filter((_, at) => at !== index) });
  document.getElementById('words').focus();
}

/** The name of a term. */
export function nameOf({ kind, value }) {
  if (kind === 'file') return store().files.get(value)?.name || 'Dropped picture (missing)';
  if (kind === 'url') return fileName(value);
  if (kind === 'like') return known(value) ? fileName(source(known(value))) : 'Picture';
  return value;
}

const known = (id) => store().answer?.hits.find((hit) => hit.id === id);

/** Loads the name of a picture that is not shown. */
async function nameLike(id, words) {
  const hit = known(id) ?? (await getJson(recordPath(id)).catch(() => null));
  if (!hit) return;
  words.textContent = middle(fileName(source(hit)), 22);
  words.title = caption(hit) || source(hit);
}

/** The picture of a term, or an icon for a URL: only this server is asked for pictures. */
export function likeness({ kind, value }, width = 60) {
  if (kind === 'text') return null;
  const file = store().files.get(value);
  if (kind === 'url' || (kind === 'file' && !file)) return icon(kind === 'url' ? 'link' : 'picture');
  const image = element('img', { alt: '' });
  if (kind === 'like') {
    show(image, thumbnail({ id: value }, width), () => image.replaceWith(icon('picture')));
  } else {
    const address = URL.createObjectURL(file);
    image.onload = () => URL.revokeObjectURL(address);
    image.onerror = () => image.replaceWith(icon('picture'));
    image.src = address;
  }
  return image;
}

function weight(term, index, label) {
  const size = Math.abs(term.weight);
  const offered = WEIGHTS.includes(size) ? WEIGHTS : [...WEIGHTS, size].sort((one, other) => one - other);
  const made = element('select', { 'aria-label': `Weight of ${label}`, title: 'Weight', onchange: () => set(index, Math.sign(term.weight) * Number(made.value)) },
    ...offered.map((one) => element('option', { value: one, selected: one === size }, `×${one}`)));
  return made;
}
