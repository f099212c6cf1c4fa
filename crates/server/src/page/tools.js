/** The line below the search box: number of pictures, cut-off, order and errors. */
import { button, element, find } from './dom.js';
import { count, pictures, score } from './format.js';
import { conditions, isScored } from './query.js';
import { go } from './route.js';
import { collection, store, watch } from './store.js';

/** The maximum number of results to scroll through. */
const MOST = 10000;
const PAUSE = 90;

/** @param {{again: () => void}} page */
export function startTools({ again }) {
  const slider = find('#cut-off');
  const order = find('#order');
  let timer = 0;
  let sliding = false;

  slider.addEventListener('input', () => {
    showCutOff(Number(slider.value));
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      go({ threshold: Number(slider.value) }, sliding ? 'replace' : 'push');
      sliding = true;
    }, PAUSE);
  });
  slider.addEventListener('change', () => (sliding = false));
  order.addEventListener('change', () => go({ sort: order.value === usual(store().view) ? '' : order.value }));

  function showCutOff(value) {
    find('#cut-off-value').textContent = value > 0 ? score(value) : 'off';
    slider.setAttribute('aria-valuetext', value > 0 ? score(value) : 'off');
  }

  watch(['view', 'answer', 'collections'], ({ view, answer }) => {
    const scored = isScored(view);
    find('#cut').hidden = !scored;
    order.hidden = false;
    order.options[0].hidden = order.options[0].disabled = !scored;
    order.value = view.sort || usual(view);
    slider.max = String(Math.max(floor(answer?.best ?? 0), view.threshold, 0.1));
    if (Number(slider.value) !== view.threshold && !timer && !slider.matches(':active')) slider.value = String(view.threshold);
    showCutOff(Number(slider.value));
    const number = conditions(view);
    find('#filters-open span').textContent = number ? `Filters (${number})` : 'Filters';
    find('#filters-open').classList.toggle('some', number > 0);
    find('#filters-open').setAttribute('aria-label', number ? `Filters (${number})` : 'Filters');
    if (answer) showCount(view, answer);
  });

  watch(['answer', 'error', 'collections', 'view', 'lost'], () => showNotes(again));
  watch(['loading'], ({ loading }) => document.body.classList.toggle('loading', loading));
}

const usual = (view) => (isScored(view) ? 'best' : 'newest');

function showCount(view, answer) {
  const all = collection()?.pictures ?? 0;
  const number = answer.total >= MOST && all > MOST ? `first ${count(MOST)}` : count(answer.total);
  const [big, small] = [element('strong', {}, number), ` of ${count(all)}`];
  find('#count').replaceChildren(big, answer.total === all ? ` ${all === 1 ? 'picture' : 'pictures'}` : small);
  const best = answer.best === null ? '' : `, best ${score(answer.best)}`;
  const spoken = answer.nearest ? `No matches${best}` : `${pictures(answer.total)}${best}`;
  if (find('#live').textContent !== spoken) find('#live').textContent = spoken;
}

function showNotes(again) {
  const { answer, error, collections, view, lost } = store();
  const notes = find('#notes');
  notes.replaceChildren(...[
    error && problem(error, again),
    droppedAway(view) && note('The dropped picture is not part of the URL. Drop it again to search with it.'),
    collections?.length === 0 && nothingYet('No pictures yet', 'Add a folder of pictures, then reload this page:'),
    !error && collection()?.pictures === 0 && nothingYet(`${view.collection} is empty`, collection().can_add ? 'Drop pictures here to add them, or add a folder:' : 'Add a folder of pictures:'),
    !error && answer && noneFits(view, answer),
    ...(answer?.hits.length && !answer.nearest ? answer.notes : []).map((words) => note(words)),
  ].filter(Boolean));
  find('#lost').hidden = !lost;
}

const note = (words, ...more) => element('div', { class: 'note' }, element('p', { dir: 'auto' }, words), ...more);

/** The error of the server and its hint, which may be a command to copy. */
export function problem({ detail, hint }, again) {
  return element('div', { class: 'note problem', role: 'alert' }, element('p', {}, detail),
    hint && element('p', { class: 'hint' }, element('code', {}, hint)),
    again && button(null, 'Try again', { words: true, class: 'quiet', onclick: again }));
}

function nothingYet(heading, words) {
  const name = store().view.collection;
  const command = `clipseek add ~/Pictures${name && name !== 'default' ? ` --collection ${name}` : ''}`;
  return element('div', { class: 'note empty' }, element('h2', {}, heading), element('p', {}, words), element('code', {}, command));
}

function noneFits(view, answer) {
  if (answer.nearest) {
    const words = answer.hits.length
      ? `Nothing reaches ${score(view.threshold)}. The best score is ${score(answer.best)}; these are the most similar pictures.`
      : 'No picture matches these conditions.';
    const lower = answer.best > 0.01 && answer.hits.length > 0;
    return note(words, lower && button(null, `Lower the cut-off to ${score(floor(answer.hits.at(-1).similarity))}`, {
      words: true, class: 'quiet', onclick: () => go({ threshold: floor(answer.hits.at(-1).similarity) }) }));
  }
  if (answer.hits.length || !collection()?.pictures) return null;
  return note(answer.notes[0] ?? 'No picture matches these conditions.', conditions(view) > 0 && button(null, 'Clear the filters', { words: true, class: 'quiet', onclick: clearFilters }));
}

const floor = (similarity) => Math.max(0, Math.floor(similarity * 100) / 100);

export const clearFilters = () => go({ after: '', before: '', folder: '', keywords: '', within: '', where: {} });

const droppedAway = (view) => view.terms.some((term) => term.kind === 'file' && !store().files.has(term.value));
