/** The selected pictures and the bar with their actions. */
import { request } from './api.js';
import { button, element, find } from './dom.js';
import { count, fileName, pictures, source } from './format.js';
import { download } from './picture.js';
import { go } from './route.js';
import { change, collection, recordPath, store, watch } from './store.js';
import { add, like } from './terms.js';

/** A mix of more pictures has no useful meaning. */
const MOST_IN_A_MIX = 12;

/** Selects or deselects a picture. */
export function mark(hit) {
  const selection = new Map(store().selection);
  if (!selection.delete(hit.id)) selection.set(hit.id, hit);
  change({ selection });
}

/** Selects pictures. */
export function markTo(hits) {
  change({ selection: new Map([...store().selection, ...hits.map((hit) => [hit.id, hit])]) });
}

export const clear = () => change({ selection: new Map() });

/** @param {{grid: import('./grid.js').Grid, removed: () => void, say: (words: string) => void}} page */
export function startSelection({ grid, removed, say }) {
  const bar = find('#selection');
  const chosen = () => [...store().selection.values()];
  const number = element('strong', { role: 'status' });
  const remove = button('remove', 'Remove', { words: true, 'aria-label': 'Remove', class: 'quiet', onclick: () => confirmRemoval() });
  bar.append(number,
    button('copy', 'Copy paths', { words: true, 'aria-label': 'Copy paths', class: 'quiet', onclick: () => copyPaths() }),
    button('download', 'Download', { words: true, 'aria-label': 'Download', class: 'quiet', onclick: () => downloadAll() }),
    button('plus', 'Search with these', { words: true, 'aria-label': 'Search with these', class: 'quiet', onclick: () => mix() }),
    remove,
    button('close', 'Clear the selection', { class: 'round', onclick: clear }));

  async function copyPaths() {
    await copy(chosen().map(source).join('\n'));
    say(`${count(chosen().length)} ${chosen().length === 1 ? 'path' : 'paths'} copied`);
  }

  async function downloadAll() {
    for (const hit of chosen()) await download(hit, fileName(source(hit)));
  }

  function mix() {
    const terms = chosen().slice(0, MOST_IN_A_MIX).reduce((terms, hit) => add(terms, like(hit.id)), store().view.terms);
    clear();
    go({ terms, open: '', panel: '' });
  }

  function confirmRemoval() {
    const dialog = find('#confirm');
    find('#confirm-title').textContent = `Remove ${pictures(chosen().length)} from ${store().view.collection}?`;
    dialog.returnValue = '';
    dialog.showModal();
    dialog.onclose = () => dialog.returnValue === 'yes' && removeAll();
  }

  async function removeAll() {
    const hits = chosen();
    clear();
    try {
      for (const hit of hits) await request(recordPath(hit.id), { method: 'DELETE' });
      say(`${pictures(hits.length)} removed`);
    } catch (error) {
      change({ error: { detail: error.message, hint: error.hint } });
    }
    removed();
  }

  watch(['selection', 'collections'], ({ selection }) => {
    const held = bar.contains(document.activeElement);
    bar.hidden = !selection.size;
    if (held && bar.hidden) grid.focus(grid.focused);
    document.body.classList.toggle('marking', selection.size > 0);
    number.textContent = `${count(selection.size)} selected`;
    remove.hidden = collection()?.can_add === false;
  });
}

/** Copies text, also without HTTPS. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element('textarea', { class: 'away', 'aria-hidden': 'true' });
  area.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
