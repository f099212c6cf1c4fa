/** The dialogs of the menu that have a URL. */
import { find } from './dom.js';
import { close, open } from './route.js';
import { watch } from './store.js';
import { startAdd } from './add.js';
import { startClassify } from './classify.js';
import { startCollections } from './collections.js';
import { startDuplicates } from './duplicates.js';

/** @param {{again: () => void, say: (words: string) => void}} page */
export function startPanels(page) {
  const add = startAdd(page);
  const classify = startClassify();
  const panels = { add, classify, collections: startCollections(), duplicates: startDuplicates() };
  for (const name of Object.keys(panels)) {
    const dialog = find(`#${name}`);
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      close('panel');
    });
    dialog.querySelector('.close').addEventListener('click', () => close('panel'));
  }
  for (const link of document.querySelectorAll('[data-panel]')) {
    link.addEventListener('click', () => {
      find('#menu').hidePopover?.();
      open('panel', link.dataset.panel);
    });
  }
  watch(['view', 'collections'], ({ view, collections }) => {
    const ready = collections && (view.collection || !collections.length);
    for (const [name, panel] of Object.entries(panels)) {
      const dialog = find(`#${name}`);
      if (view.panel === name && ready && !dialog.open) {
        dialog.showModal();
        panel.show();
      } else if (view.panel !== name && dialog.open) {
        dialog.close();
      }
    }
  });
  return {
    toAdd(files) {
      open('panel', 'add');
      add.take(files);
    },
    toClassify(file) {
      open('panel', 'classify');
      classify.take(file);
    },
  };
}
