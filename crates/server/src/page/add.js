/** Adds pictures to the collection and shows the progress. */
import { events, getJson, Problem, request } from './api.js';
import { element, find } from './dom.js';
import { count, pictures } from './format.js';
import { collection, store, watch } from './store.js';
import { isAddress } from './terms.js';
import { problem } from './tools.js';

/** The number of pictures in a request. */
const BATCH = 16;

/** @param {{again: () => void, say: (words: string) => void}} page */
export function startAdd({ again, say }) {
  const input = find('#add-files');
  const status = find('#add-status');
  const form = find('#add form');
  let busy = false;

  input.addEventListener('change', () => {
    take([...input.files]);
    input.value = '';
  });
  find('#add-choose').addEventListener('click', () => input.click());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const address = find('#add-url').value.trim();
    if (isAddress(address)) run([() => postAddress(address)], 1);
    form.reset();
  });
  watch(['collections', 'view'], () => {
    for (const link of document.querySelectorAll('[data-panel="add"]')) link.hidden = !collection()?.can_add;
  });

  const path = () => `/api/v1/collections/${encodeURIComponent(store().view.collection)}/pictures`;

  function postAddress(url) {
    return getJson(path(), { json: { url } });
  }

  async function postFiles(files) {
    const body = new FormData();
    for (const file of files) body.append('image', file, file.name || 'picture');
    return (await request(path(), { method: 'POST', body })).json();
  }

  function take(files) {
    const batches = [];
    for (let from = 0; from < files.length; from += BATCH) batches.push(files.slice(from, from + BATCH));
    if (files.length) run(batches.map((batch) => () => postFiles(batch)), files.length);
  }

  async function run(batches, total) {
    if (busy) return;
    busy = true;
    const sum = { done: 0, added: 0, failed: [] };
    try {
      for (const post of batches) await follow(await post(), sum, total);
      say(`${pictures(sum.added)} added`);
    } catch (error) {
      draw(sum, total, error);
    } finally {
      busy = false;
      again();
    }
  }

  /** Follows a job to its end. */
  async function follow({ job }, sum, total) {
    let last = null;
    for await (const now of events(`/api/v1/jobs/${encodeURIComponent(job)}/events`)) {
      last = now;
      draw({ done: sum.done + now.done, added: sum.added + now.added, failed: [...sum.failed, ...now.failed] }, total);
    }
    if (!last || last.state === 'failed') throw new Problem(500, { detail: last?.error ?? 'the server stopped before all pictures were added' });
    sum.done += last.done;
    sum.added += last.added;
    sum.failed.push(...last.failed);
  }

  function draw({ done, added, failed }, total, error) {
    status.replaceChildren(
      done < total && !error ? element('progress', { value: done, max: total, 'aria-label': 'Pictures read' }) : '',
      element('p', {}, `${count(done)} of ${count(total)} read, ${count(added)} added`),
      failed.length ? element('ul', { class: 'failed' }, ...failed.map(({ name, reason }) => element('li', {}, element('strong', {}, name), ` ${withoutName(reason, name)}`))) : '',
      error ? problem({ detail: error.message, hint: error.hint }) : '');
  }

  return {
    take,
    show() {
      const allowed = Boolean(collection()?.can_add);
      find('#add-into').textContent = allowed ? `To ${store().view.collection}` : `Pictures cannot be added to ${store().view.collection} here.`;
      find('#add-choose').hidden = form.hidden = !allowed;
    },
  };
}

/** The reason, without the name at its start, which is shown already. */
const withoutName = (reason, name) => (reason.startsWith(`\`${name}\` `) ? reason.slice(name.length + 3) : reason);
