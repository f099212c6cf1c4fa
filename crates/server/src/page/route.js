/** The history: every view is an entry with its scroll position. */
import { decode, encode } from './address.js';
import { change, store } from './store.js';

/**
 * Changes the view.
 * @param {Partial<import('./store.js').View>} patch
 * @param {'push'|'replace'} how
 */
export function go(patch, how = 'push') {
  const view = { ...store().view, ...patch };
  const address = location.pathname + encode(view);
  if (address === location.pathname + location.search) how = 'replace';
  if (how === 'push') {
    rememberPlace();
    history.pushState({ inside: true }, '', address);
  } else {
    history.replaceState(history.state, '', address);
  }
  change({ view, restore: null });
}

/** Closes a dialog that has a URL: goes back if it was opened here, else removes it from the URL. */
export function close(part) {
  if (history.state?.inside && history.state.opens === part) history.back();
  else go({ [part]: '' }, 'replace');
}

/** Opens a dialog that has a URL. */
export function open(part, value) {
  const already = store().view[part];
  go({ [part]: value }, already ? 'replace' : 'push');
  if (!already) history.replaceState({ ...history.state, opens: part }, '');
}

function rememberPlace() {
  const count = store().answer?.hits.length ?? 0;
  history.replaceState({ ...history.state, count, top: scrollY }, '');
}

/** Reads the URL, now and when the user goes back or forward. */
export function startRoute() {
  history.scrollRestoration = 'manual';
  const read = () => {
    const place = history.state;
    const view = decode(location.search);
    if (!view.collection && store().view) view.collection = store().view.collection;
    change({ view, restore: place?.count ? { count: place.count, top: place.top } : null });
  };
  addEventListener('popstate', read);
  addEventListener('pagehide', rememberPlace);
  addEventListener('scrollend', rememberPlace);
  read();
}
