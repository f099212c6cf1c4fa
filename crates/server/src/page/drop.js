/** Pictures of the user: chosen, taken with the camera, pasted or dropped. */
import { find } from './dom.js';
import { go } from './route.js';
import { change, collection, store } from './store.js';
import { add, file, isAddress, like, url } from './terms.js';

const OWN = 'application/x-clipseek-id';

/** Adds a local picture to the query. */
export function searchWith(picture) {
  const number = String(store().files.size + 1);
  change({ files: new Map(store().files).set(number, picture) });
  const others = store().view.terms.filter((term) => term.kind !== 'file' || store().files.has(term.value));
  go({ terms: add(others, file(number)), open: '', panel: '' });
}

/** @param {{toAdd: (files: File[]) => void, toClassify: (file: File) => void}} panels */
export function startDrop({ toAdd, toClassify }) {
  const chooser = find('#choose');
  const camera = find('#capture');
  const shade = find('#drop');

  for (const input of [chooser, camera]) {
    input.addEventListener('change', () => {
      if (input.files[0]) take([...input.files], 'search');
      input.value = '';
    });
  }

  function take(files, purpose) {
    const { panel } = store().view;
    if (panel === 'classify' || purpose === 'classify') toClassify(files[0]);
    else if (panel === 'add' || purpose === 'add') toAdd(files);
    else searchWith(files[0]);
  }

  addEventListener('paste', (event) => {
    const files = pictures(event.clipboardData);
    const text = event.clipboardData.getData('text/plain');
    if (files.length) take(files, 'search');
    else if (isAddress(text) && (event.target === find('#words') || event.target === document.body)) searchWithAddress(text.trim());
    else return;
    event.preventDefault();
  });

  addEventListener('dragover', (event) => {
    if (!holdsPicture(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    shade.hidden = false;
    shade.classList.toggle('adding', Boolean(collection()?.can_add) && !event.dataTransfer.types.includes(OWN));
    for (const target of shade.children) target.classList.toggle('over', target.contains(event.target));
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) shade.hidden = true;
  });
  addEventListener('drop', (event) => {
    if (!holdsPicture(event.dataTransfer)) return;
    event.preventDefault();
    shade.hidden = true;
    const purpose = event.target.closest?.('[data-purpose]')?.dataset.purpose ?? 'search';
    const id = event.dataTransfer.getData(OWN);
    const files = pictures(event.dataTransfer);
    if (id) go({ terms: add(store().view.terms, like(id)), open: '', panel: '' });
    else if (files.length) take(files, purpose);
    else searchWithAddress(event.dataTransfer.getData('text/uri-list').split('\n')[0]);
  });

  return { choose: () => chooser.click(), capture: () => camera.click() };
}

function searchWithAddress(address) {
  if (!isAddress(address)) return;
  find('#words').value = '';
  go({ terms: add(store().view.terms, url(address.trim())), text: '', open: '', panel: '' });
}

const pictures = (transfer) => [...transfer.files].filter((one) => one.type.startsWith('image/') || !one.type);

const holdsPicture = ({ types }) => types.includes('Files') || types.includes('text/uri-list') || types.includes(OWN);
