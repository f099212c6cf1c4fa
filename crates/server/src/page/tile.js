/** One picture of the grid. */
import { isUnfolded } from './actions.js';
import { button, element, icon, safeColour } from './dom.js';
import { caption, count, date, fileName, middle, score, source } from './format.js';
import { show, thumbnail } from './picture.js';

const ACTIONS = [
  ['more', 'search', 'More like this', 'm'],
  ['less', 'minus', 'Not like this', 'n'],
  ['caption', 'quote', 'Search this caption', 'c'],
];

/**
 * @param {import('./store.js').Hit} hit
 * @param {{index: number, width: number, height: number, best: number, marked: boolean, image?: HTMLImageElement}} place
 *   `image`: an element that shows the picture already
 */
export function tile(hit, place) {
  const made = element('div', {
    role: 'gridcell', class: hit.within ? 'tile within' : 'tile', tabindex: '-1', 'data-index': place.index, 'aria-colindex': place.column,
    'aria-selected': String(place.marked), 'aria-label': spoken(hit),
  }, frame(hit, place), facts(hit, place.best), ' ', words(hit), ' ', element('time', {}, date(hit.taken)));
  made.style.width = `${place.width}px`;
  return made;
}

/** The label of a tile for screen readers: its visible content in the same order. */
function spoken(hit) {
  const others = hit.folded?.length ? `, ${alike(hit)}` : '';
  return [hit.similarity === null ? '' : score(hit.similarity), caption(hit) || name(hit), date(hit.taken)].filter(Boolean).join(' ') + others;
}

const alike = (hit) => (hit.folded.length === 1 ? '1 near-duplicate' : `${count(hit.folded.length)} near-duplicates`);

const name = (hit) => middle(fileName(source(hit)), 32);

function frame(hit, { width, height, image = element('img', { alt: '' }) }) {
  image.setAttribute('draggable', 'true');
  const made = element('div', { class: 'frame' }, image, mark(), hit.folded?.length && stack(hit));
  made.style.height = `${height}px`;
  made.style.backgroundColor = safeColour(hit.colour);
  if (hit.width && hit.width < width * 0.4) made.classList.add('small');
  show(image, thumbnail(hit, width), () => missing(made, image));
  return made;
}

function missing(frame, image) {
  image.remove();
  frame.classList.add('missing');
  frame.prepend(element('span', {}, 'Picture not available'));
}

/** The button with the number of folded pictures. */
function stack(hit) {
  const shown = isUnfolded(hit);
  const label = `${shown ? 'Fold' : 'Show'} ${alike(hit)}`;
  return element('button', { type: 'button', class: 'stack', tabindex: '-1', 'data-do': 'fold', 'aria-label': label, title: `${label} (u)`, 'aria-expanded': String(shown), 'data-count': count(hit.folded.length + 1) }, icon('stack'));
}

/** The selection mark. The style draws its tick, to save elements. */
function mark() {
  return element('button', { type: 'button', class: 'mark', tabindex: '-1', 'data-do': 'mark', 'aria-label': 'Select', title: 'Select (x)' });
}

/** Adds the buttons of a tile when it is hovered or focused. */
export function equip(made, hit) {
  const frame = made.querySelector('.frame');
  if (!frame.querySelector('.actions')) frame.append(actions(hit));
}

function actions(hit) {
  const offered = ACTIONS.filter(([action]) => action !== 'caption' || caption(hit));
  return element('div', { class: 'actions' }, ...offered.map(([action, iconName, label, key]) =>
    button(iconName, label, { tabindex: '-1', 'data-do': action, title: `${label} (${key})`, 'aria-keyshortcuts': key })));
}

function facts({ similarity }, best) {
  const shown = similarity === null ? [] : [element('span', { class: 'score' }, score(similarity)), ' ', bar(similarity, best)];
  return element('div', { class: 'facts' }, ...shown);
}

/** A bar of the similarity, relative to the best. */
export function bar(similarity, best) {
  const fill = element('i');
  fill.style.width = `${Math.round(Math.max(0, Math.min(1, best > 0 ? similarity / best : 0)) * 100)}%`;
  return element('span', { class: 'bar', 'aria-hidden': 'true' }, fill);
}

function words(hit) {
  const text = caption(hit);
  return text
    ? element('p', { class: 'words', dir: 'auto', title: text }, text)
    : element('p', { class: 'words name', title: source(hit) }, name(hit));
}

