/** The filter panel: dates, folders, keywords and metadata columns. */
import { getJson } from './api.js';
import { button, element, find } from './dom.js';
import { count, middle } from './format.js';
import { isScored, narrowing } from './query.js';
import { go } from './route.js';
import { collection, store, watch } from './store.js';
import { clearFilters } from './tools.js';

const SHOWN = 8;
/** The server lists at most this many folders. */
const MOST_FOLDERS = 50;

export function startFilters() {
  const panel = find('#filters');
  const toggle = find('#filters-open');
  const body = find('#filters-body');
  let key = '';

  function show(wanted) {
    panel.hidden = !wanted;
    toggle.setAttribute('aria-expanded', String(wanted));
    document.body.classList.toggle('filtering', wanted);
    if (!wanted) return;
    refresh();
    find('#filters-close').focus();
  }

  toggle.addEventListener('click', () => show(panel.hidden));
  find('#filters-close').addEventListener('click', () => {
    show(false);
    toggle.focus();
  });
  find('#filters-clear').addEventListener('click', clearFilters);
  panel.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    show(false);
    toggle.focus();
  });

  /** Loads the number of pictures for each value under the current conditions. */
  async function refresh() {
    const { view } = store();
    if (panel.hidden || !view.collection) return;
    const path = facetsPath(view);
    const wanted = `${path} ${collection()?.pictures}`;
    if (wanted === key) return;
    key = wanted;
    try {
      const facets = await getJson(path);
      if (key === wanted) draw(facets, store().view);
    } catch (error) {
      if (key !== wanted) return;
      key = '';
      body.replaceChildren(element('p', { class: 'faint' }, error.message));
    }
  }

  function draw(facets, view) {
    const focused = document.activeElement?.closest?.('#filters-body [data-focus]')?.dataset.focus;
    const opened = new Set([...body.querySelectorAll('details[open]')].map((one) => one.dataset.name));
    body.replaceChildren(dates(facets, view), keywords(view), within(view), folders(facets, view),
      ...withChosen(facets.columns, view).map((column) => columnOf(column, view, opened.has(column.name))));
    if (focused) [...body.querySelectorAll('[data-focus]')].find((one) => one.dataset.focus === focused)?.focus();
  }

  watch(['view', 'collections'], refresh);
}

/** The columns, and those with a selected value that no picture has under the other conditions. */
function withChosen(columns, view) {
  const names = Object.keys(view.where).filter((name) => view.where[name].length && !columns.some((one) => one.name === name));
  return [...columns, ...names.map((name) => ({ name, values: [], more: false }))];
}

function facetsPath(view) {
  const { filter, ...plain } = narrowing(view);
  // With a query, keywords find more pictures and exclude none.
  if (isScored(view)) delete plain.keywords;
  const asked = new URLSearchParams(plain);
  if (filter) asked.set('filter', JSON.stringify(filter));
  return `/api/v1/collections/${encodeURIComponent(view.collection)}/facets${asked.size ? `?${asked}` : ''}`;
}

const group = (heading, ...parts) => element('fieldset', {}, element('legend', { class: 'kind' }, heading), ...parts);

function dates(facets, view) {
  const field = (label, part) => element('label', {}, element('span', {}, label), element('input', {
    type: 'date', value: view[part], 'data-focus': part, onchange: (event) => go({ [part]: event.target.value }),
  }));
  const chosen = view.after.slice(0, 4);
  const isYear = view.after === `${chosen}-01-01` && view.before === `${chosen}-12-31`;
  const known = isYear && !facets.years.some((one) => one.value === chosen) ? [...facets.years, { value: chosen, count: 0 }] : facets.years;
  const years = known.toSorted((one, other) => String(other.value).localeCompare(String(one.value)));
  const most = Math.max(1, ...years.map((year) => year.count));
  const dated = years.length > 0 || view.after || view.before;
  return group('Date', dated && element('div', { class: 'between' }, field('From', 'after'), field('To', 'before')),
    values(years.map(({ value, count: number }) => ({
      label: String(value), number, share: number / most, on: isYear && value === chosen,
      toggle: (on) => go(on ? { after: `${value}-01-01`, before: `${value}-12-31` } : { after: '', before: '' }),
    }))),
    facets.undated > 0 && element('p', { class: 'faint' }, `${count(facets.undated)} without a date`));
}

function keywords(view) {
  return group('Keywords', element('input', {
    type: 'search', value: view.keywords, placeholder: 'red collar', 'aria-label': 'Keywords in captions', 'data-focus': 'keywords',
    onchange: (event) => go({ keywords: event.target.value.trim() }),
  }));
}

function within(view) {
  const choices = [['', 'Everything'], ['images', 'Pictures'], ['captions', 'Captions'], ['keywords', 'Words in captions']];
  return group('Compare with', element('select', { 'aria-label': 'Compare with', 'data-focus': 'within', onchange: (event) => go({ within: event.target.value }) },
    ...choices.map(([value, label]) => element('option', { value, selected: value === view.within }, label))));
}

function folders(facets, view) {
  const listed = facets.folders.map(({ value, count: number }) => ({ label: value, number, on: view.folder === value, toggle: (on) => go({ folder: on ? value : '' }) }));
  if (view.folder && !listed.some((one) => one.on)) listed.unshift({ label: view.folder, number: listed.length < MOST_FOLDERS ? 0 : null, on: true, toggle: () => go({ folder: '' }) });
  return listed.length ? group('Folder', values(listed)) : '';
}

function columnOf({ name, values: found, more }, view, opened) {
  const chosen = view.where[name] ?? [];
  const known = [...found, ...chosen.filter((value) => !found.some((one) => one.value === value)).map((value) => ({ value, count: more ? null : 0 }))];
  const listed = known.map(({ value, count: number }) => ({
    label: typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value), number, on: chosen.includes(value),
    toggle: (on) => choose(name, on ? [...chosen, value] : chosen.filter((one) => one !== value)),
  }));
  return element('details', { open: opened || chosen.length > 0, 'data-name': name },
    element('summary', { class: 'kind' }, name), values(listed, name), more && element('p', { class: 'faint' }, 'Only the most frequent values are listed.'));
}

function choose(name, chosen) {
  const { [name]: _, ...others } = store().view.where;
  go({ where: chosen.length ? { ...others, [name]: chosen } : others });
}

/** A list of checkboxes, at first only some of them. */
function values(listed, scope = '') {
  const lines = listed.map(({ label, number, on, toggle, share }) => {
    const line = element('label', { class: 'value' },
      element('input', { type: 'checkbox', checked: on, 'data-focus': `${scope}:${label}`, onchange: (event) => toggle(event.target.checked) }),
      element('span', { class: 'text', dir: 'auto', title: label }, middle(label, 26)),
      number !== null && element('span', { class: 'number' }, count(number)));
    if (share) line.style.setProperty('--share', `${Math.round(share * 100)}%`);
    return line;
  });
  const list = element('div', { class: 'values' }, ...lines);
  if (lines.length > SHOWN + 1 && !listed.slice(SHOWN).some((one) => one.on)) {
    lines.slice(SHOWN).forEach((line) => (line.hidden = true));
    const all = button(null, `All ${lines.length}`, { words: true, class: 'plain all', onclick: () => {
      lines.forEach((line) => (line.hidden = false));
      all.remove();
      lines[SHOWN].querySelector('input').focus();
    } });
    list.append(all);
  }
  return list;
}
