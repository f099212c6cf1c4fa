/** The list of keyboard shortcuts, and the global ones. */
import { element, find, isWriting } from './dom.js';
import { clear } from './selection.js';
import { store } from './store.js';

const KEYS = [
  ['Everywhere', [['/', 'Go to the search box'], ['?', 'This help'], ['f', 'Filters'], ['g', 'Go to the pictures'], ['Esc', 'Close, or clear the selection']]],
  ['In the search box', [['Enter', 'Search now'], ['Shift Enter', 'Make the words a term'], ['Backspace', 'Remove the last term, when empty'], ['↓', 'Go to recent searches or pictures']]],
  ['On a picture', [['← ↑ → ↓', 'Move'], ['Home End', 'First, last'], ['PgUp PgDn', 'Scroll a screen up, down'], ['Enter', 'Details'], ['m', 'More like this'], ['Shift M', 'Add it to the search'], ['n', 'Not like this'], ['c', 'Search its caption'], ['o', 'Open the original'], ['u', 'Show or fold near-duplicates'], ['x', 'Select'], ['Shift →', 'Extend the selection']]],
  ['In details', [['← →', 'Previous, next'], ['m n c o u x', 'As on a picture'], ['Esc', 'Back to the pictures']]],
];

/** @param {{grid: import('./grid.js').Grid}} page */
export function startHelp({ grid }) {
  const dialog = find('#help');
  find('#help-keys').append(...KEYS.map(([heading, keys]) => element('section', {}, element('h3', { class: 'kind' }, heading),
    element('dl', {}, ...keys.map(([key, action]) => element('div', {}, element('dt', {}, ...key.split(' ').map((one) => element('kbd', {}, one))), element('dd', {}, action)))))));
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const action = { '/': () => find('#words').select(), '?': () => dialog.showModal(), f: () => find('#filters-open').click(), g: () => grid.focus(grid.focused),
      Escape: () => store().selection.size && clear() }[event.key];
    if (!action) return;
    event.preventDefault();
    if (event.key === '/') find('#words').focus();
    action();
  });
  return { show: () => dialog.showModal() };
}
