/** Lays tiles out in justified rows: each row has one height and fills the width. */

/** Narrower and wider pictures are cropped to these proportions, so that captions have room and rows have height. */
const NARROWEST = 0.62;
const WIDEST = 3.2;
/** The ratio of a picture of unknown size. */
const UNKNOWN = 4 / 3;

/** @param {import('./store.js').Hit} hit */
export function ratio(hit) {
  return hit.width > 0 && hit.height > 0 ? Math.min(WIDEST, Math.max(NARROWEST, hit.width / hit.height)) : UNKNOWN;
}

/**
 * @typedef {{from: number, to: number, top: number, height: number, widths: number[]}} Row
 * @param {number[]} ratios of the tiles
 * @param {{width: number, target: number, gap: number, below: number}} room `below` is for the caption
 * @param {Row[]} done rows that are laid out already
 * @param {boolean} complete no tiles follow. Else tiles that don't fill a row yet wait for the next ones, and nothing jumps.
 * @returns {Row[]}
 */
export function layOut(ratios, { width, target, gap, below }, complete, done = []) {
  const rows = [...done];
  const last = rows.at(-1);
  let from = last?.to ?? 0;
  let sum = 0;
  let top = last ? last.top + last.height + below + gap : 0;
  const push = (to, height) => {
    const widths = ratios.slice(from, to).map((one) => one * height);
    rows.push({ from, to, top, height, widths });
    top += height + below + gap;
    from = to;
    sum = 0;
  };
  const heightOf = (total, number) => (width - gap * (number - 1)) / total;
  for (let index = from; index < ratios.length; index++) {
    const height = heightOf(sum + ratios[index], index - from + 1);
    if (height > target) {
      sum += ratios[index];
      continue;
    }
    const without = index > from ? heightOf(sum, index - from) : Infinity;
    if (without / target < target / height && without < target * 1.5) {
      push(index, without);
      sum = ratios[index];
      if (heightOf(sum, 1) <= target) push(index + 1, heightOf(sum, 1));
    } else {
      push(index + 1, height);
    }
  }
  if (from < ratios.length && (complete || !rows.length)) push(ratios.length, Math.min(target, heightOf(sum, ratios.length - from)));
  return rows;
}

/** The row at or above `offset`. */
export function rowAt(rows, offset) {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (rows[middle].top <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The tile of `row` whose centre is nearest to `x`. */
export function tileAt(row, x, gap) {
  let left = 0;
  let best = row.from;
  let distance = Infinity;
  row.widths.forEach((width, index) => {
    const away = Math.abs(left + width / 2 - x);
    if (away < distance) [best, distance] = [row.from + index, away];
    left += width + gap;
  });
  return best;
}

/** The centre of the tile `index` of `row`. */
export function centre(row, index, gap) {
  const before = row.widths.slice(0, index - row.from).reduce((sum, width) => sum + width + gap, 0);
  return before + row.widths[index - row.from] / 2;
}
