/** One picture of the grid. */
import { isUnfolded } from './deeds.js';
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
 *   `image`: one that shows the picture already
 */
export function tile(hit, place) {
  const made = element('div', {
    role: 'gridcell', class: hit.within ? 'tile within' : 'tile', tabindex: '-1', 'data-index': place.index, 'aria-colindex': place.column,
    'aria-selected': String(place.marked), 'aria-label': spoken(hit),
  }, frame(hit, place), facts(hit, place.best), ' ', words(hit), ' ', element('time', {}, date(hit.taken)));
  made.style.width = `${place.width}px`;
  return made;
}

/** What a screen reader says of a tile: what can be seen, in the same order. */
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

/** How many pictures a tile stands for. */
function stack(hit) {
  const shown = isUnfolded(hit);
  const label = `${shown ? 'Fold' : 'Show'} ${alike(hit)}`;
  return element('button', { type: 'button', class: 'stack', tabindex: '-1', 'data-do': 'fold', 'aria-label': label, title: `${label} (u)`, 'aria-expanded': String(shown), 'data-count': count(hit.folded.length + 1) }, icon('stack'));
}

/** Its tick is drawn by the style: a tile has as few elements as it can. */
function mark() {
  return element('button', { type: 'button', class: 'mark', tabindex: '-1', 'data-do': 'mark', 'aria-label': 'Select', title: 'Select (x)' });
}

/** Gives a tile its buttons, once it is pointed at or focused. */
export function equip(made, hit) {
  const frame = made.querySelector('.frame');
  if (!frame.querySelector('.actions')) frame.append(actions(hit));
}

function actions(hit) {
  const offered = ACTIONS.filter(([deed]) => deed !== 'caption' || caption(hit));
  return element('div', { class: 'actions' }, ...offered.map(([deed, iconName, label, key]) =>
    button(iconName, label, { tabindex: '-1', 'data-do': deed, title: `${label} (${key})`, 'aria-keyshortcuts': key })));
}

function facts({ similarity }, best) {
  const shown = similarity === null ? [] : [element('span', { class: 'score' }, score(similarity)), ' ', bar(similarity, best)];
  return element('div', { class: 'facts' }, ...shown);
}

/** A small bar: how near a picture is, beside the best. */
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

