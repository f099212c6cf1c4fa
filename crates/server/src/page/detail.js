/** The details of a picture, next to the query. */
import { getJson, key } from './api.js';
import { likeness, nameOf } from './chip.js';
import { byKey, isUnfolded, less, more, searchCaption, unfold } from './actions.js';
import { button, element, find, isWriting, safeColour } from './dom.js';
import { count, date, fileName, score, source, title } from './format.js';
import { blobAddress, openOriginal, original, show, thumbnail } from './picture.js';
import { close, open } from './route.js';
import { copy, mark } from './selection.js';
import { recordPath, store, watch } from './store.js';
import { bar } from './tile.js';

/** @param {{grid: import('./grid.js').Grid, more: () => void, say: (words: string) => void}} page */
export function startDetail({ grid, more: nextPage, say }) {
  const dialog = find('#detail');
  let shown = '';
  let hit = null;

  const leave = () => close('open');
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    leave();
  });
  dialog.addEventListener('click', (event) => event.target === dialog && leave());
  dialog.addEventListener('keydown', (event) => {
    if (!hit || isWriting(event.target)) return;
    if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
    else if (event.key === 'x') mark(hit);
    else if (!byKey(event, hit)) return;
    event.preventDefault();
  });
  find('#previous').addEventListener('click', () => step(-1));
  find('#next').addEventListener('click', () => step(1));
  find('#detail-close').addEventListener('click', leave);

  const index = () => store().answer?.hits.findIndex((one) => one.id === shown) ?? -1;

  function step(by) {
    const next = store().answer?.hits[index() + by];
    if (index() >= 0 && next) open('open', next.id);
  }

  async function showRecord(id) {
    shown = id;
    if (found(id)) return draw(found(id));
    try {
      const record = await getJson(recordPath(id));
      // A search result that arrived first has more data.
      if (shown === id) draw(found(id) ?? record);
    } catch (error) {
      if (shown === id) drawProblem(error);
    }
  }

  function draw(record) {
    hit = record;
    const held = find('#detail-facts').contains(document.activeElement);
    find('#detail-picture').replaceChildren(large(record));
    find('#detail-facts').replaceChildren(...facts(record, say));
    if (held) keepFocus();
    showSteps();
    find('#detail-facts').scrollTop = 0;
    dialog.setAttribute('aria-label', title(record));
  }

  /** Sets the focus again after its element was removed; without a focus, keys do nothing. */
  const keepFocus = () => find('#detail-picture').focus();

  function drawProblem({ message, hint }) {
    hit = null;
    if (find('#detail-facts').contains(document.activeElement)) keepFocus();
    find('#detail-picture').replaceChildren();
    find('#detail-facts').replaceChildren(element('p', { role: 'alert' }, message), hint ? element('code', {}, hint) : '');
    showSteps();
  }

  function showSteps() {
    const hits = store().answer?.hits ?? [];
    const at = index();
    const held = document.activeElement;
    find('#previous').disabled = at <= 0;
    find('#next').disabled = at < 0 || at >= hits.length - 1;
    if (held?.disabled) keepFocus();
    find('#place').textContent = at < 0 || store().answer.nearest ? '' : `${count(placeOf(hits, at))} of ${count(store().answer.total)}`;
    if (at > hits.length - 10) nextPage();
  }

  watch(['view', 'collections'], ({ view, collections }) => {
    if (!view.open || !collections) {
      if (!dialog.open) return;
      const last = shown;
      shown = '';
      dialog.close();
      grid.focusHit(last);
    } else if (view.open !== shown) {
      if (!dialog.open) dialog.showModal();
      showRecord(view.open);
    }
  });
  watch(['answer'], () => {
    if (!dialog.open) return;
    if (found(shown) && found(shown).similarity !== hit?.similarity) return draw(found(shown));
    showSteps();
    if (hit) showFolded(hit);
  });
  watch(['selection'], () => dialog.open && hit && showMarked(hit));
}

/** The hit with this id, also if it is folded into another. */
const found = (id) => store().answer?.hits.flatMap((hit) => [hit, ...(hit.folded ?? [])]).find((hit) => hit.id === id);

/** The position among all pictures, folded ones included. */
const placeOf = (hits, at) => hits.slice(0, at).reduce((sum, hit) => sum + 1 + (isUnfolded(hit) ? 0 : hit.folded?.length ?? 0), 1);

/** Shows the thumbnail first, then the original if the server has it and the browser can show it. */
function large(hit) {
  const made = element('div', { class: 'large' });
  const small = element('img', { alt: title(hit), class: 'first' });
  made.append(small);
  if (hit.width > 0 && hit.height > 0) {
    small.classList.add('sized');
    small.style.setProperty('--width', `${hit.width}px`);
    small.style.setProperty('--ratio', String(hit.width / hit.height));
  }
  small.style.backgroundColor = safeColour(hit.colour);
  show(small, thumbnail(hit, 640), () => {
    small.remove();
    made.classList.add('missing');
    made.append(element('p', {}, 'This picture is not available. Its file may have been moved.'));
  });
  if (!hit.url && original(hit)) sharpen(small, original(hit));
  return made;
}

async function sharpen(image, address) {
  const full = new Image();
  try {
    full.src = key() ? await blobAddress(address) : address;
    await full.decode();
    image.onload = () => key() && URL.revokeObjectURL(image.src);
    image.src = full.src;
    image.style.backgroundColor = 'transparent';
  } catch {
    // The thumbnail stays.
  }
}

function facts(hit, say) {
  const web = original(hit);
  return [
    query(),
    hit.similarity !== null && element('p', { class: 'similarity' }, element('strong', { class: 'score' }, score(hit.similarity)), bar(hit.similarity, store().answer?.best ?? 1)),
    ...hit.captions.map((text) => captionLine(text)),
    element('div', { class: 'deeds' },
      button('search', 'More like this', { words: true, class: 'quiet', onclick: () => more(hit), 'aria-keyshortcuts': 'm' }),
      button('plus', 'Add to the search', { words: true, class: 'quiet', onclick: () => more(hit, true), 'aria-keyshortcuts': 'Shift+M' }),
      button('minus', 'Not like this', { words: true, class: 'quiet', onclick: () => less(hit), 'aria-keyshortcuts': 'n' }),
      web && button('open', 'Open the original', { words: true, class: 'quiet', onclick: () => openOriginal(hit), 'aria-keyshortcuts': 'o' }),
      hit.folded?.length > 0 && button('stack', foldWords(hit), { words: true, class: 'quiet fold', onclick: () => unfold(hit), 'aria-keyshortcuts': 'u' }),
      button('check', 'Select', { words: true, class: 'quiet select', 'aria-pressed': String(store().selection.has(hit.id)), onclick: () => mark(hit), 'aria-keyshortcuts': 'x' })),
    where(hit, say),
    table(hit),
  ].filter(Boolean);
}

function showMarked(hit) {
  find('#detail .select')?.setAttribute('aria-pressed', String(store().selection.has(hit.id)));
}

const foldWords = (hit) => (isUnfolded(hit) ? 'Fold near-duplicates' : `Show near-duplicates (${count(hit.folded.length)})`);

function showFolded(hit) {
  const words = find('#detail .fold span');
  if (words) words.textContent = foldWords(hit);
}

/** The query, next to the result. */
function query() {
  const { text, terms } = store().view;
  if (!text && !terms.length) return null;
  return element('div', { class: 'asked' }, element('h2', { class: 'kind' }, 'Searched for'),
    text && element('p', { dir: 'auto' }, text),
    ...terms.map((term) => element('p', { class: 'term' }, `${term.weight < 0 ? '−' : '+'} `, likeness(term, 160), element('span', { dir: 'auto' }, nameOf(term)))));
}

function captionLine(text) {
  return element('p', { class: 'said' }, element('span', { dir: 'auto' }, text),
    button('search', 'Search this caption', { class: 'round', onclick: () => searchCaption(null, text), title: 'Search this caption (c: the first)' }));
}

function where(hit, say) {
  return element('p', { class: 'where' }, element('span', { dir: 'ltr' }, source(hit)),
    button('copy', hit.url ? 'Copy the URL' : 'Copy the path', { class: 'round', onclick: async () => {
      await copy(source(hit));
      say('Copied');
    } }));
}

function table(hit) {
  const rows = [
    ['Taken', date(hit.taken, true)],
    ['Size', hit.width && hit.height ? `${hit.width} × ${hit.height}` : ''],
    ['File', hit.path ? fileName(hit.path) : ''],
    ...Object.entries(hit.metadata ?? {}).map(([name, value]) => [name, plain(value)]),
    ['Id', hit.id],
  ];
  return element('dl', {}, ...rows.filter(([, value]) => value !== '').map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', { dir: 'auto' }, value))));
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value ?? '');
}
