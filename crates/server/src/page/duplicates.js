/** Groups of copies and near-duplicates. */
import { getJson } from './api.js';
import { element, find, safeColour } from './dom.js';
import { fileName, middle, pictures, source } from './format.js';
import { show as showPicture, thumbnail } from './picture.js';
import { go } from './route.js';
import { change, store } from './store.js';
import { problem } from './tools.js';

export function startDuplicates() {
  const list = find('#duplicates-groups');

  async function show() {
    list.replaceChildren(element('p', { class: 'faint waiting' }, 'Comparing pictures…'));
    try {
      const { groups, more } = await getJson(`/api/v1/collections/${encodeURIComponent(store().view.collection)}/duplicates`);
      list.replaceChildren(...groups.map(groupOf), more ? element('p', { class: 'faint' }, 'There are more groups; `clipseek collection duplicates` lists all.') : '',
        groups.length ? '' : element('p', { class: 'faint' }, 'No duplicates found.'));
    } catch (error) {
      list.replaceChildren(problem({ detail: error.message, hint: error.hint }));
    }
  }

  return { show };
}

function groupOf({ pictures: alike }) {
  return element('section', { class: 'alike' },
    element('h3', { class: 'kind' }, pictures(alike.length)),
    element('div', { class: 'strip' }, ...alike.map(one)),
    element('button', { type: 'button', class: 'quiet', onclick: () => mark(alike.slice(1)) }, 'Select all but the first'));
}

function one(hit) {
  const image = element('img', { alt: '' });
  image.style.backgroundColor = safeColour(hit.colour);
  showPicture(image, thumbnail(hit, 200), () => image.remove());
  return element('figure', {}, image, element('figcaption', { title: source(hit) }, middle(fileName(source(hit)), 24),
    hit.width ? element('span', {}, `${hit.width} × ${hit.height}`) : ''));
}

/** Closes the dialog, which would hide the selection bar. */
function mark(hits) {
  change({ selection: new Map([...store().selection, ...hits.map((hit) => [hit.id, hit])]) });
  go({ panel: '' });
}
