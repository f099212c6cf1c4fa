/** Classifies a picture with labels. */
import { postWithFiles } from './api.js';
import { element, find } from './dom.js';
import { store } from './store.js';
import { problem } from './tools.js';

const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

export function startClassify() {
  const form = find('#classify form');
  const picture = find('#classify-picture');
  const input = find('#classify-file');
  const result = find('#classify-result');
  let file = null;
  let latest = 0;

  picture.addEventListener('click', () => input.click());
  input.addEventListener('change', () => input.files[0] && take(input.files[0]));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!file) ask(picture, 'Choose a picture first.');
    else if (!labels().length) ask(find('#labels'), 'Write a label first.');
    else classify();
  });

  const labels = () => [...new Set(find('#labels').value.split(/[\n,]/).map((label) => label.trim()).filter(Boolean))];

  /** Says what is missing and focuses it. */
  function ask(where, words) {
    result.replaceChildren(element('p', { class: 'faint' }, words));
    where.focus();
  }

  function take(chosen) {
    file = chosen;
    const image = element('img', { alt: chosen.name });
    image.onload = () => URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(chosen);
    picture.replaceChildren(image);
    picture.setAttribute('aria-label', `${chosen.name}; choose another picture`);
    input.value = '';
    if (labels().length) classify();
    else find('#labels').focus();
  }

  async function classify() {
    const number = ++latest;
    const template = find('#template').value.trim() || undefined;
    try {
      const answer = await postWithFiles('/api/v1/classify', { labels: labels(), template, collection: store().view.collection }, [file]);
      if (number === latest) result.replaceChildren(...answer.labels.map(line));
    } catch (error) {
      if (number === latest) result.replaceChildren(problem({ detail: error.message, hint: error.hint }));
    }
  }

  return { take, show: () => find('#labels').focus() };
}

function line({ label, probability }) {
  const fill = element('i');
  fill.style.width = `${probability * 100}%`;
  return element('div', { class: 'guess' }, element('span', { dir: 'auto' }, label), element('span', { class: 'number' }, percent.format(probability)), element('span', { class: 'bar', 'aria-hidden': 'true' }, fill));
}
