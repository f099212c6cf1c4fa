/** The panel at the left: dates, folders, keywords, and any column. */
import { getJson } from './api.js';
import { button, element, find } from './dom.js';
import { count, middle } from './format.js';
import { narrowing } from './query.js';
import { go } from './route.js';
import { store, watch } from './store.js';
import { clearFilters } from './tools.js';

const SHOWN = 8;

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

  /** Asks how many pictures each value has under the conditions of now. */
  async function refresh() {
    const { view } = store();
    if (panel.hidden || !view.collection) return;
    const path = facetsPath(view);
    if (path === key) return;
    key = path;
    try {
      const facets = await readFacets(view);
      if (key === path) draw(facets, store().view);
    } catch (error) {
      key = '';
      body.replaceChildren(element('p', { class: 'faint' }, error.message));
    }
  }

  function draw(facets, view) {
    const focused = document.activeElement?.closest?.('#filters-body [data-focus]')?.dataset.focus;
    const opened = new Set([...body.querySelectorAll('details[open]')].map((one) => one.dataset.name));
    body.replaceChildren(dates(facets, view), keywords(view), within(view), folders(facets, view),
      ...facets.columns.map((column) => columnOf(column, view, opened.has(column.name))));
    if (focused) [...body.querySelectorAll('[data-focus]')].find((one) => one.dataset.focus === focused)?.focus();
  }

  watch(['view', 'collections'], refresh);
}

/** A part that has a condition itself is counted without it, so that its other values can be chosen too. */
async function readFacets(view) {
  const without = (patch) => getJson(facetsPath({ ...view, ...patch }));
  const [facets, dated, placed, ...columns] = await Promise.all([
    without({}),
    view.after || view.before ? without({ after: '', before: '' }) : null,
    view.folder ? without({ folder: '' }) : null,
    ...Object.keys(view.where).map((name) => without({ where: { ...view.where, [name]: [] } }).then((found) => found.columns.find((one) => one.name === name))),
  ]);
  return {
    years: (dated ?? facets).years,
    undated: (dated ?? facets).undated,
    folders: (placed ?? facets).folders,
    columns: facets.columns.map((column) => columns.find((one) => one?.name === column.name) ?? column),
  };
}

function facetsPath(view) {
  const { filter, ...plain } = narrowing(view);
  const asked = new URLSearchParams(plain);
  if (filter) asked.set('filter', JSON.stringify(filter));
  return `/api/v1/collections/${encodeURIComponent(view.collection)}/facets${asked.size ? `?${asked}` : ''}`;
}

const group = (heading, ...parts) => element('fieldset', {}, element('legend', { class: 'kind' }, heading), ...parts);

function dates(facets, view) {
  const field = (label, part) => element('label', {}, element('span', {}, label), element('input', {
    type: 'date', value: view[part], 'data-focus': part, onchange: (event) => go({ [part]: event.target.value }),
  }));
  const years = facets.years.toSorted((one, other) => String(other.value).localeCompare(String(one.value)));
  const most = Math.max(1, ...years.map((year) => year.count));
  const dated = years.length > 0 || view.after || view.before;
  return group('Date', dated && element('div', { class: 'between' }, field('From', 'after'), field('To', 'before')),
    values(years.map(({ value, count: number }) => ({
      label: String(value), number, share: number / most, on: view.after === `${value}-01-01` && view.before === `${value}-12-31`,
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
  if (view.folder && !listed.some((one) => one.on)) listed.unshift({ label: view.folder, number: null, on: true, toggle: () => go({ folder: '' }) });
  return listed.length ? group('Folder', values(listed)) : '';
}

function columnOf({ name, values: found, more }, view, opened) {
  const chosen = view.where[name] ?? [];
  const known = [...found, ...chosen.filter((value) => !found.some((one) => one.value === value)).map((value) => ({ value, count: 0 }))];
  const listed = known.map(({ value, count: number }) => ({
    label: typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value), number, on: chosen.includes(value),
    toggle: (on) => choose(name, on ? [...chosen, value] : chosen.filter((one) => one !== value)),
  }));
  return element('details', { open: opened || chosen.length > 0, 'data-name': name },
    element('summary', { class: 'kind' }, name), values(listed, name), more && element('p', { class: 'faint' }, 'The most frequent values'));
}

function choose(name, chosen) {
  const { [name]: _, ...others } = store().view.where;
  go({ where: chosen.length ? { ...others, [name]: chosen } : others });
}

/** A list of values to tick, the first of them at once. */
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
