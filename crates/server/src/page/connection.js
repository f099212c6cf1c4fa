/** Retries until the server responds; asks for an API key if the server needs one. */
import { getJson, setKey } from './api.js';
import { find } from './dom.js';
import { change, store, watch } from './store.js';

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10000;

/** @param {{opened: () => void}} page `opened` runs once a key has been given */
export function startConnection({ opened }) {
  let timer = 0;
  let wait = FIRST_WAIT;

  /** Retries. Any response resets `lost`. */
  async function retry() {
    clearTimeout(timer);
    await getJson('/api/v1/collections').catch(() => {});
    if (!store().lost) return;
    wait = Math.min(wait * 1.6, LONGEST_WAIT);
    timer = setTimeout(retry, wait);
  }

  watch(['lost'], ({ lost }) => {
    clearTimeout(timer);
    wait = FIRST_WAIT;
    if (lost) timer = setTimeout(retry, wait);
  });
  addEventListener('online', () => store().lost && retry());
  find('#lost button').addEventListener('click', retry);

  const dialog = find('#key');
  const field = find('#key-field');
  watch(['locked'], ({ locked }) => {
    if (!locked) return;
    find('#key-words').textContent = locked;
    if (!dialog.open) dialog.showModal();
    field.select();
  });
  dialog.querySelector('form').addEventListener('submit', (event) => {
    event.preventDefault();
    setKey(field.value.trim());
    field.value = '';
    dialog.close();
    change({ locked: null });
    opened();
  });
  dialog.addEventListener('close', () => change({ locked: null }));
}
