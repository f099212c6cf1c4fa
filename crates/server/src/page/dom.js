/** Creates elements. Text is never parsed as markup. */

const SVG = 'http://www.w3.org/2000/svg';

const ICONS = {
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM20 20l-4.8-4.8',
  picture: 'M4 5h16v14H4zM4 16l4.5-5 4 4.5 2.5-2.5 5 5M15.5 9.5h.01',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6z',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M5 7h14M5 12h14M5 17h14',
  check: 'M5 12.5l4.5 4.5L19 7',
  filter: 'M4 6h16M7 12h10M10 18h4',
  left: 'M14.5 5l-7 7 7 7',
  right: 'M9.5 5l7 7-7 7',
  open: 'M13 5h6v6M19 5l-9 9M10 6H5v13h13v-5',
  stack: 'M9 9h11v11H9zM5 15.5V5h10.5',
  quote: 'M5 6h14v10H11l-4 3.5V16H5z',
  copy: 'M9 9h10v10H9zM5 15V5h10',
  download: 'M12 4v11M7 10.5l5 5 5-5M5 19.5h14',
  remove: 'M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.8',
  link: 'M10 14l4-4M11 7l2-2a4 4 0 0 1 6 6l-2 2M13 17l-2 2a4 4 0 0 1-6-6l2-2',
};

/**
 * @param {string} name
 * @param {Record<string, unknown>} properties attributes; `class`; `on…` for listeners
 * @param {...(Node|string|null|undefined|false)} children
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon; `label` is its name, with `words` also its text. */
export function button(iconName, label, { words = false, ...properties } = {}) {
  const named = words ? {} : { 'aria-label': label, title: properties.title ?? label };
  return element('button', { type: 'button', ...named, ...properties }, iconName && icon(iconName), words && element('span', {}, label));
}

/** @returns {HTMLElement} */
export const find = (selector) => document.querySelector(selector);

/** The colour, if it is valid: it is used in a style. */
export const safeColour = (colour) => (/^#[0-9a-f]{6}$/i.test(colour ?? '') ? colour : '');

/** Whether the user is typing in a field, where letters are not shortcuts. */
export const isWriting = (target) => target instanceof Element && Boolean(target.closest('input:not([type=range], [type=checkbox]), textarea, select'));
