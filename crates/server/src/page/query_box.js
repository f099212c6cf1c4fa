/** The search box: words, chips of further terms, and recent searches. */
import { chip } from './chip.js';
import { button, element, find, icon } from './dom.js';
import { recent, remember } from './recents.js';
import { go } from './route.js';
import { store, watch } from './store.js';
import { add, isAddress, url, words } from './terms.js';

const PAUSE = 160;

/** @param {{choose: () => void}} pictures opens the file chooser */
export function startSearchBox({ choose, capture }) {
  const box = find('#words');
  const chips = find('#chips');
  let timer = 0;
  let typing = false;

  /** The first letter adds an entry to the history, the next ones change it. */
  function search() {
    clearTimeout(timer);
    if (box.value === store().view.text) return;
    go({ text: box.value, open: '', panel: '' }, typing ? 'replace' : 'push');
    typing = true;
  }

  function commit() {
    if (isAddress(box.value)) return addTerm(url(box.value.trim()));
    search();
    typing = false;
    remember(store().view);
    showRecents(false);
  }

  function addTerm(term) {
    clearTimeout(timer);
    typing = false;
    box.value = '';
    go({ text: '', terms: add(store().view.terms, term), open: '', panel: '' });
    box.focus();
  }

  const toChip = (weight) => box.value.trim() && addTerm(words(box.value.trim(), weight));

  function showRecents(wanted = true) {
    const list = recent();
    const shown = wanted && !box.value && document.activeElement === box && list.length > 0;
    find('#recents').hidden = !shown;
    if (shown) find('#recents').replaceChildren(element('p', { class: 'kind' }, 'Recent searches'), ...list.map(recentButton));
  }

  function recentButton({ text, terms }) {
    const label = [text, ...terms.map((term) => `${term.weight < 0 ? '−' : '+'} ${term.value}`)].filter(Boolean).join(' ');
    return element('button', { type: 'button', class: 'plain', onclick: () => go({ text, terms, open: '', panel: '' }) },
      icon('clock'), element('span', { dir: 'auto' }, label));
  }

  box.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
    showRecents();
    showTools();
  });
  box.addEventListener('blur', () => {
    if (box.value !== store().view.text) search();
    typing = false;
  });
  box.addEventListener('focus', () => showRecents());
  box.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      if (event.shiftKey) toChip(1);
      else commit();
    } else if (event.key === 'Backspace' && !box.value && store().view.terms.length) {
      go({ terms: store().view.terms.slice(0, -1) });
    } else if (event.key === 'Escape') {
      showRecents(false);
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      (find('#recents:not([hidden]) button') ?? find('.tile[tabindex="0"]'))?.focus();
    }
  });
  find('#ask').addEventListener('focusout', (event) => {
    if (!find('#ask').contains(event.relatedTarget)) find('#recents').hidden = true;
  });
  find('#recents').addEventListener('keydown', (event) => arrows(event, box));

  const plus = button('plus', 'And', { words: true, class: 'quiet', onclick: () => toChip(1), 'aria-label': 'And: make these words a term', title: 'Make these words a term, and add more (Shift+Enter)' });
  const minus = button('minus', 'Not', { words: true, class: 'quiet', onclick: () => toChip(-0.5), 'aria-label': 'Not: search without these words', title: 'Search without these words' });
  const clear = button('close', 'Clear the search', { class: 'round', onclick: () => {
    box.value = '';
    go({ text: '', terms: [], threshold: 0, open: '', panel: '' });
    box.focus();
  } });
  find('#term-tools').append(plus, minus);
  find('#ask-tools').append(clear,
    button('picture', 'Search with a picture', { class: 'round', onclick: choose, title: 'Choose a picture, or paste or drop one' }),
    button('camera', 'Take a picture', { class: 'round camera', onclick: capture }));

  function showTools() {
    find('#term-tools').hidden = !box.value.trim();
    find('#ask').classList.toggle('empty', !box.value && !store().view.terms.length);
    clear.hidden = !box.value && !store().view.terms.length;
  }

  watch(['view'], ({ view }) => {
    // Setting the same value would disturb an input method.
    if ((document.activeElement !== box || !typing) && box.value !== view.text) box.value = view.text;
    if (document.activeElement === box) showRecents();
    box.placeholder = view.terms.length ? 'Add words' : 'Describe a picture, or drop one';
    const written = JSON.stringify(view.terms);
    if (chips.dataset.terms !== written) {
      chips.dataset.terms = written;
      chips.replaceChildren(...view.terms.map((term, index) => chip(term, index)));
    }
    showTools();
  });
}

/** Moves up and down a list of buttons; up from the first returns to the box. */
function arrows(event, box) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === 'Escape') box.focus();
  if (!step) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.querySelectorAll('button')];
  (buttons[buttons.indexOf(document.activeElement) + step] ?? (step < 0 ? box : document.activeElement)).focus();
}
