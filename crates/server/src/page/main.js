/** Starts the page. */
import { emptyView } from './address.js';
import { getJson } from './api.js';
import { startAnswers } from './answers.js';
import { startSearchBox } from './query_box.js';
import { startConnection } from './connection.js';
import { startDetail } from './detail.js';
import { find } from './dom.js';
import { startDrop } from './drop.js';
import { startFilters } from './filters.js';
import { Grid } from './grid.js';
import { startHelp } from './help.js';
import { startPanels } from './panels.js';
import { go, startRoute } from './route.js';
import { clear, startSelection } from './selection.js';
import { change, store, watch } from './store.js';
import { startTools } from './tools.js';

/** Shows a message for a moment, in the open dialog if there is one: the rest of the page is inert. */
function say(words) {
  const line = find('#said');
  const place = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
  if (line.parentNode !== place) place.append(line);
  line.textContent = '';
  line.classList.remove('fresh');
  requestAnimationFrame(() => {
    line.textContent = words;
    line.classList.add('fresh');
  });
}

/** Reads the data embedded in the page: the collections and the first search result, if present. */
function readGiven() {
  const data = find('#answer');
  data?.remove();
  return data && JSON.parse(data.textContent);
}

/** Sets the collections, and selects one if the URL names none. */
function showCollections(collections) {
  change({ collections });
  const { view } = store();
  const first = collections.find((one) => one.name === 'default') ?? collections[0];
  if (!view.collection && first) go({ collection: first.name }, 'replace');
}

/** Loads the collections. */
async function readCollections() {
  try {
    showCollections((await getJson('/api/v1/collections')).collections);
  } catch (error) {
    if (!store().lost && error.status !== 401) change({ error: { detail: error.message, hint: error.hint } });
  }
}

function startChooser() {
  const chooser = find('#collection');
  chooser.addEventListener('change', () => {
    clear();
    const { text, terms } = store().view;
    go({ collection: chooser.value, text, terms: terms.filter((term) => term.kind !== 'like'), threshold: 0, folder: '', where: {}, open: '' });
  });
  watch(['collections', 'view'], ({ collections, view }) => {
    const names = (collections ?? []).map((one) => one.name);
    if (view.collection && !names.includes(view.collection)) names.push(view.collection);
    if (chooser.dataset.names !== names.join('\n')) {
      chooser.dataset.names = names.join('\n');
      chooser.replaceChildren(...names.map((name) => new Option(name, name)));
    }
    chooser.value = view.collection;
    chooser.hidden = !names.length;
    document.title = [view.text, view.collection].filter(Boolean).join(' · ') + (view.text || view.collection ? ' · ' : '') + 'clipseek';
  });
}

function start() {
  const given = readGiven();
  const answers = startAnswers(given);
  const again = async () => {
    change({ error: null });
    await readCollections();
    await answers.forget();
  };
  const grid = new Grid(find('#grid'), () => answers.more());
  const panels = startPanels({ again, say });
  startSearchBox(startDrop(panels));
  startTools({ again });
  startFilters();
  startSelection({ grid, removed: again, say });
  startDetail({ grid, more: () => answers.more(), say });
  const help = startHelp({ grid });
  find('#home').addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ ...emptyView(), collection: store().view.collection });
  });
  find('#help-open').addEventListener('click', () => {
    // The focus returns to the button of the menu.
    find('#menu').hidePopover?.();
    help.show();
  });
  find('#skip').addEventListener('click', (event) => {
    event.preventDefault();
    grid.focus(grid.focused);
  });
  startChooser();
  startConnection({ opened: again });
  watch(['lost'], ({ lost }) => !lost && !store().collections && readCollections());
  startRoute();
  if (given) showCollections(given.collections);
  else readCollections();
}

start();
