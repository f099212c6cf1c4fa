/** The collections of this server. */
import { element, find } from './dom.js';
import { count } from './format.js';
import { go } from './route.js';
import { emptyView } from './address.js';
import { store, watch } from './store.js';

export function startCollections() {
  const body = find('#collections tbody');

  function show() {
    const { collections, view } = store();
    body.replaceChildren(...collections.map((one) => element('tr', { 'aria-current': one.name === view.collection ? 'true' : null },
      element('td', {}, element('button', { type: 'button', class: 'link', onclick: () => go({ ...emptyView(), collection: one.name }) }, one.name)),
      element('td', { class: 'number' }, count(one.pictures)),
      element('td', { class: 'number' }, count(one.captions)),
      element('td', {}, one.model))));
  }

  watch(['collections', 'view'], ({ collections, view }) => collections && view.panel === 'collections' && show());
  return { show };
}
