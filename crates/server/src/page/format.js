/** Formats numbers, dates and names for the user's locale. */

const whole = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const month = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short' });

export const count = (number) => whole.format(number);
export const pictures = (number) => `${count(number)} ${number === 1 ? 'picture' : 'pictures'}`;
export const score = (similarity) => similarity.toFixed(2).replace('-', '−');

/** Formats a date without a time zone; it may be only a year or month. */
export function date(taken, long = false) {
  const parts = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:[T ](\d\d):(\d\d))?/.exec(taken ?? '');
  if (!parts) return '';
  const [, year, monthOf, dayOf, hour, minutes] = parts;
  if (!monthOf) return year;
  const moment = new Date(+year, +monthOf - 1, +(dayOf ?? 1), +(hour ?? 0), +(minutes ?? 0));
  if (!dayOf) return month.format(moment);
  return long && hour ? minute.format(moment) : day.format(moment);
}

/** Shortens a long name in the middle. */
export function middle(name, most = 28) {
  const letters = [...name];
  if (letters.length <= most) return name;
  const head = Math.ceil((most - 1) * 0.6);
  return `${letters.slice(0, head).join('')}…${letters.slice(head + 1 - most).join('')}`;
}

/** The last part of a path or URL. */
export function fileName(path) {
  const name = path.replace(/[?#].*$/, '').replace(/[/\\]+$/, '').split(/[/\\]/).pop();
  return name || path;
}

export const caption = (hit) => hit.captions[0] ?? '';
export const source = (hit) => hit.path ?? hit.url ?? hit.id;
export const title = (hit) => caption(hit) || fileName(source(hit));
