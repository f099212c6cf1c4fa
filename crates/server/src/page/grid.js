/** The grid of pictures. Only the rows near the window are in the document, so ten thousand tiles stay smooth. */
import { byKey, less, more, searchCaption, unfold } from './actions.js';
import { element, find } from './dom.js';
import { centre, layOut, ratio, rowAt, tileAt } from './layout.js';
import { open } from './route.js';
import { mark, markTo } from './selection.js';
import { store, watch } from './store.js';
import { equip, tile } from './tile.js';

const BELOW = 48;
/** Up to this many pictures are shown larger, in rows of this height. */
const FEW = 6;
const FEW_HIGH = 300;

export class Grid {
  /** @param {HTMLElement} root @param {() => void} nearEnd */
  constructor(root, nearEnd) {
    this.root = root;
    this.nearEnd = nearEnd;
    this.hits = [];
    this.rows = [];
    this.count = 0;
    this.drawn = new Map();
    this.focused = 0;
    this.adopted = adopt(root);
    this.listen();
  }

  listen() {
    new ResizeObserver(() => this.resize()).observe(this.root);
    addEventListener('scroll', () => this.schedule(), { passive: true });
    addEventListener('resize', () => this.schedule());
    this.root.addEventListener('click', (event) => this.click(event));
    this.root.addEventListener('keydown', (event) => this.key(event));
    this.root.addEventListener('focusin', (event) => this.focusin(event));
    this.root.addEventListener('pointerover', (event) => this.equip(event.target.closest('.tile')));
    this.root.addEventListener('dragstart', (event) => this.drag(event));
    watch(['answer'], () => this.update());
    watch(['selection'], () => this.showMarks());
    watch(['lost'], ({ lost }) => !lost && this.redraw());
  }

  /** Measures the available width, once: measuring between changes would cause a layout each time. */
  measure(few) {
    const width = this.root.clientWidth;
    const narrow = width < 600;
    const usual = narrow ? 150 : width > 1700 ? 240 : 200;
    this.room = { width, gap: gapOf(width), below: BELOW, target: few && !narrow ? FEW_HIGH : usual };
  }

  update() {
    const { answer, restore } = store();
    const before = this.hits;
    const still = Boolean(answer) && answer.key === this.answerKey && answer.hits[0]?.id === before[0]?.id;
    const grown = still && answer.hits[before.length - 1]?.id === before.at(-1)?.id && answer.hits.length >= before.length;
    const held = this.root.contains(document.activeElement);
    this.answerKey = answer?.key;
    this.hits = answer?.hits ?? [];
    this.best = answer?.best || Math.max(0, ...this.hits.slice(0, 1).map((hit) => hit.similarity ?? 0));
    this.root.classList.toggle('dimmed', Boolean(answer?.nearest));
    if (grown) {
      return this.holding(() => {
        this.place();
        this.draw();
      });
    }
    const kept = still ? before.findIndex((hit, at) => hit.id !== this.hits[at]?.id) : 0;
    if (this.answerKey && before.length) this.adopted.rows = this.adopted.rows.filter((row) => row.to <= kept);
    this.place();
    this.anchor = undefined;
    if (still) return this.refolded(before[this.focused], held);
    this.focused = 0;
    this.redraw();
    scrollTo({ top: restore?.top ?? 0, behavior: 'instant' });
    this.draw();
    if (held && this.hits.length) this.focus(0);
  }

  /** Near-duplicates were folded or unfolded: keeps the focus on its picture or on the one it is folded into. */
  refolded(focused, held) {
    const index = (id) => this.hits.findIndex((hit) => hit.id === id);
    this.focused = Math.max(0, index(focused?.id), index(focused?.within));
    this.redraw();
    if (held) this.cell(this.focused)?.focus({ preventScroll: true });
  }

  /** Lays out the tiles. */
  place() {
    const { answer } = store();
    const complete = !answer || answer.next === null;
    const before = this.rows;
    this.measure(complete && this.hits.length <= FEW);
    this.rows = this.room.width ? layOut(this.hits.map(ratio), this.room, complete, this.room.width === this.adopted.width ? this.adopted.rows : []) : [];
    this.count = this.rows.at(-1)?.to ?? 0;
    const last = this.rows.at(-1);
    this.root.style.height = last ? `${last.top + last.height + BELOW}px` : '0';
    this.root.setAttribute('role', last ? 'grid' : 'group');
    for (const [name, value] of [['aria-rowcount', complete ? this.rows.length : -1], ['aria-multiselectable', true]]) {
      if (last) this.root.setAttribute(name, String(value));
      else this.root.removeAttribute(name);
    }
    for (const [index, drawn] of this.drawn) {
      if (!same(before[index], this.rows[index])) this.remove(index, drawn);
    }
  }

  resize() {
    if (this.root.clientWidth === this.room?.width) return;
    this.holding(() => this.resized());
  }

  /** Lays out the tiles and keeps the first visible picture in place. */
  resized() {
    const anchor = this.rows[rowAt(this.rows, this.offset)]?.from ?? 0;
    const shift = this.rows.length ? this.offset - this.rows[this.rowOf(anchor)].top : 0;
    this.place();
    this.redraw();
    if (anchor > 0) scrollTo({ top: this.top + this.rows[this.rowOf(anchor)].top + Math.min(shift, 100), behavior: 'instant' });
    this.draw();
  }

  /** Where the grid begins in the document, below the bar. */
  get top() {
    return this.root.getBoundingClientRect().top + scrollY - this.bar;
  }

  get bar() {
    return find('#top').offsetHeight;
  }

  /** The scroll position within the grid. */
  get offset() {
    return scrollY - this.top;
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  redraw() {
    this.holding(() => {
      for (const [index, drawn] of this.drawn) this.remove(index, drawn);
      this.draw();
    });
  }

  /** Keeps the focus on its tile while tiles are recreated. */
  holding(run) {
    const held = this.root.contains(document.activeElement);
    run();
    if (held && !this.root.contains(document.activeElement)) this.cell(this.focused)?.focus({ preventScroll: true });
  }

  draw() {
    if (!this.rows.length) return;
    const { offset } = this;
    const first = rowAt(this.rows, offset - innerHeight);
    const last = rowAt(this.rows, offset + 2 * innerHeight);
    const focusedRow = this.rowOf(this.focused);
    for (const [index, drawn] of this.drawn) {
      if ((index < first || index > last) && index !== focusedRow) this.remove(index, drawn);
    }
    for (let index = first; index <= last; index++) this.drawRow(index);
    this.drawRow(focusedRow);
    if (last >= this.rows.length - 1) this.nearEnd();
  }

  drawRow(index) {
    if (this.drawn.has(index)) return;
    const row = this.rows[index];
    const cells = this.hits.slice(row.from, row.to).map((hit, column) => tile(hit, {
      index: row.from + column, column: column + 1, width: row.widths[column], height: row.height, best: this.best,
      marked: store().selection.has(hit.id), image: this.adopted.take(hit.id),
    }));
    const drawn = element('div', { role: 'row', class: 'row', 'aria-rowindex': index + 1 }, ...cells);
    drawn.style.transform = `translateY(${row.top}px)`;
    drawn.style.gap = `${this.room.gap}px`;
    this.drawn.set(index, drawn);
    this.root.insertBefore(drawn, [...this.root.children].find((other) => Number(other.getAttribute('aria-rowindex')) > index + 1) ?? null);
    this.cell(this.focused)?.setAttribute('tabindex', '0');
  }

  remove(index, drawn) {
    for (const image of drawn.querySelectorAll('img:not(.here)')) image.removeAttribute('src');
    drawn.remove();
    this.drawn.delete(index);
  }

  showMarks() {
    for (const cell of this.root.querySelectorAll('.tile')) {
      const hit = this.hits[cell.dataset.index];
      if (hit) cell.setAttribute('aria-selected', String(store().selection.has(hit.id)));
    }
  }

  rowOf(index) {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].to > index) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  cell(index) {
    return this.root.querySelector(`.tile[data-index="${index}"]`);
  }

  /** Focuses a tile and scrolls it into view. */
  focus(index) {
    if (!this.count) return;
    index = Math.max(0, Math.min(index, this.count - 1));
    this.rove(index);
    this.reveal(this.rows[this.rowOf(index)]);
    this.drawRow(this.rowOf(index));
    this.cell(index)?.focus({ preventScroll: true });
    this.schedule();
  }

  /** Makes a tile the only tab stop of the grid. */
  rove(index) {
    this.cell(this.focused)?.setAttribute('tabindex', '-1');
    this.focused = index;
    this.cell(index)?.setAttribute('tabindex', '0');
  }

  focusHit(id) {
    const index = this.hits.findIndex((hit) => hit.id === id);
    if (index >= 0) this.focus(index);
    else this.focus(this.focused);
  }

  reveal(row) {
    const top = this.top + row.top;
    const space = innerHeight - this.bar - 16;
    const bottom = top + row.height + BELOW - space;
    if (scrollY > top - 12) scrollTo({ top: top - 12, behavior: 'instant' });
    else if (scrollY < bottom) scrollTo({ top: Math.min(bottom, top - 12), behavior: 'instant' });
  }

  equip(cell) {
    const hit = this.hits[cell?.dataset.index];
    if (hit) equip(cell, hit);
  }

  focusin(event) {
    const cell = event.target.closest('.tile');
    this.equip(cell);
    if (cell && Number(cell.dataset.index) !== this.focused) this.rove(Number(cell.dataset.index));
  }

  click(event) {
    const cell = event.target.closest('.tile');
    if (!cell) return;
    const index = Number(cell.dataset.index);
    const hit = this.hits[index];
    const action = event.target.closest('[data-do]')?.dataset.do;
    this.rove(index);
    if (action === 'more') more(hit, event.shiftKey);
    else if (action === 'less') less(hit);
    else if (action === 'caption') searchCaption(hit);
    else if (action === 'fold') unfold(hit);
    else if (event.shiftKey) this.extend(index);
    else if (action === 'mark' || event.ctrlKey || event.metaKey) this.mark(index);
    else open('open', hit.id);
  }

  mark(index) {
    this.anchor = index;
    mark(this.hits[index]);
  }

  extend(index) {
    const anchor = Math.min(this.anchor ?? this.focused, this.hits.length - 1);
    this.anchor = anchor;
    markTo(this.hits.slice(Math.min(anchor, index), Math.max(anchor, index) + 1));
  }

  key(event) {
    const { target, shiftKey } = event;
    const hit = this.hits[this.focused];
    if (!hit || !target.closest('.tile')) return;
    const next = this.nextFor(event);
    if (next !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      if (shiftKey) this.anchor ??= this.focused;
      this.focus(next);
      if (shiftKey) this.extend(this.focused);
      return;
    }
    if (target.closest('button')) return;
    if (event.key === 'Enter') open('open', hit.id);
    else if (event.key === 'x' || event.key === ' ') this.mark(this.focused);
    else if (event.key === 'X') this.extend(this.focused);
    else if (!byKey(event, hit)) return;
    event.preventDefault();
  }

  /** The tile that a key leads to. */
  nextFor({ key }) {
    const index = this.focused;
    const screen = Math.max(1, Math.floor((innerHeight - this.bar) / (this.room.target + BELOW)));
    const rightToLeft = getComputedStyle(this.root).direction === 'rtl' ? -1 : 1;
    switch (key) {
      case 'ArrowLeft': return index - rightToLeft;
      case 'ArrowRight': return index + rightToLeft;
      case 'ArrowUp': return this.upOrDown(-1);
      case 'ArrowDown': return this.upOrDown(1);
      case 'PageUp': return this.upOrDown(-screen);
      case 'PageDown': return this.upOrDown(screen);
      case 'Home': return 0;
      case 'End': return this.count - 1;
      default: return undefined;
    }
  }

  upOrDown(rows) {
    const from = this.rowOf(this.focused);
    const to = Math.max(0, Math.min(this.rows.length - 1, from + rows));
    if (to === from) return this.focused;
    return tileAt(this.rows[to], centre(this.rows[from], this.focused, this.room.gap), this.room.gap);
  }

  /** Adds the id of a dragged tile to the drag data. */
  drag(event) {
    const hit = this.hits[event.target.closest('.tile')?.dataset.index];
    if (hit) event.dataTransfer.setData('application/x-clipseek-id', hit.id);
  }
}

/** Adopts the tiles embedded in the page: reuses their images and rows, so that nothing jumps. */
function adopt(root) {
  const tiles = [...root.children];
  const images = new Map(tiles.map((tile) => [tile.dataset.id, tile.querySelector('img')]));
  const boxes = tiles.map((tile) => ({ top: tile.offsetTop, ...sizeOf(tile.querySelector('.frame')) }));
  const rows = [];
  let from = 0;
  let top = 0;
  boxes.forEach((box, index) => {
    if (index === from || box.top === boxes[from].top) return;
    const { height } = boxes[from];
    rows.push({ from, to: index, top, height, widths: boxes.slice(from, index).map(({ width }) => width) });
    top += height + BELOW + gapOf(root.clientWidth);
    from = index;
  });
  const { clientWidth: width } = root;
  root.replaceChildren();
  return { width, rows, take: (id) => {
    const image = images.get(id);
    images.delete(id);
    return image;
  } };
}

function sizeOf(frame) {
  const { width, height } = frame.getBoundingClientRect();
  return { width, height };
}

const gapOf = (width) => (width < 600 ? 8 : 14);

function same(one, other) {
  return one && other && one.from === other.from && one.to === other.to && one.top === other.top && one.height === other.height;
}
