/** A server that doesn't answer is asked again until it does; a locked one asks for its key. */
import { getJson, setKey } from './api.js';
import { find } from './dom.js';
import { change, store, watch } from './store.js';

const FIRST = 1000;
const LONGEST = 10000;

/** @param {{opened: () => void}} page `opened` runs once a key has been given */
export function startConnection({ opened }) {
  let timer = 0;
  let wait = FIRST;

  /** `lost` goes as soon as any request is answered. */
  async function knock() {
    clearTimeout(timer);
    await getJson('/api/v1/collections').catch(() => {});
    if (!store().lost) return;
    wait = Math.min(wait * 1.6, LONGEST);
    timer = setTimeout(knock, wait);
  }

  watch(['lost'], ({ lost }) => {
    clearTimeout(timer);
    wait = FIRST;
    if (lost) timer = setTimeout(knock, wait);
  });
  addEventListener('online', () => store().lost && knock());
  find('#lost button').addEventListener('click', knock);

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
