// Measures the page of `clipseek serve` in a browser: node bench.mjs ADDRESS
//
// It asks the server's largest collection. CHROMIUM chooses the browser.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const SERVER = new URL(process.argv[2]).origin;
const LOADS = 6;
const QUESTIONS = 30;
/** Pixels that are scrolled in each frame: a page of a quick wheel. */
const STEP = 600;
const THINGS = ['a dog', 'two dogs', 'a child', 'children', 'a man', 'a woman', 'people', 'a bird', 'a horse', 'a bicycle', 'a car', 'a boat'];
const PLACES = ['on a beach', 'in the snow', 'in the water', 'on grass', 'in a street', 'near a fence', 'on a mountain', 'in a park', 'at night', 'indoors'];

const middle = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];
const milliseconds = (number) => `${number.toFixed(1)} ms`;
const say = (what, ...figures) => console.log(what.padEnd(44), ...figures);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  env: { ...process.env, HOME: mkdtempSync(join(tmpdir(), 'page-')) },
});
const open = async () => {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  page.setDefaultTimeout(120_000);
  return page;
};

const { collections } = await (await fetch(`${SERVER}/api/v1/collections`)).json();
const { name, pictures } = collections.toSorted((one, other) => other.pictures - one.pictures)[0];
const address = (query = '') => `${SERVER}/?in=${encodeURIComponent(name)}${query}`;
say('pictures', pictures);

/** How long a fresh browser takes to paint something, and its largest picture. */
async function firstPaint(query) {
  const paints = [];
  for (let load = 0; load < LOADS; load++) {
    const page = await open();
    await page.addInitScript(() => new PerformanceObserver((list) => (window.largest = list.getEntries().at(-1).startTime)).observe({ type: 'largest-contentful-paint', buffered: true }));
    await page.goto(address(query), { waitUntil: 'networkidle' });
    paints.push(await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0].startTime, window.largest]));
    await page.context().close();
  }
  // The first load fills the server's thumbnails.
  const [first, largest] = [0, 1].map((which) => middle(paints.slice(1).map((paint) => paint[which])));
  say(query ? 'a search: first paint, largest picture' : 'the start: first paint, largest picture', milliseconds(first), milliseconds(largest));
}

/** How long the browser waits for answers to words that nobody has asked for yet, one at a time. */
async function answers() {
  const page = await open();
  // Without the thumbnails of the start, which would still be on their way.
  await page.goto(address(), { waitUntil: 'networkidle' });
  const words = Array.from({ length: QUESTIONS + 5 }, (_, n) => `${THINGS[n % THINGS.length]} ${PLACES[Math.floor(n / THINGS.length) % PLACES.length]}`);
  const times = await page.evaluate(async ([path, words]) => {
    const times = [];
    for (const text of words) {
      const start = performance.now();
      const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text, fold: true, top_k: 100, offset: 0 }) });
      await response.json();
      times.push(performance.now() - start);
    }
    return times;
  }, [`/api/v1/collections/${encodeURIComponent(name)}/search`, words]);
  const warm = times.slice(5).toSorted((one, other) => one - other);
  say('an answer as the browser sees it: p50, p95', milliseconds(middle(warm)), milliseconds(warm[Math.floor(warm.length * 0.95)]));
  await page.context().close();
}

/** Scrolls to the last picture, and reads from Chromium's trace how long its frames took. */
async function scrolling() {
  const page = await open();
  await page.goto(address('&q=a+dog'));
  await page.locator('.row .tile .score').first().waitFor();
  await browser.startTracing(page, { categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', '__metadata'] });
  const seen = await page.evaluate((step) => new Promise((resolve) => {
    const gaps = [];
    let last = performance.now();
    let still = 0;
    const scroll = (now) => {
      gaps.push(now - last);
      last = now;
      const before = scrollY;
      scrollBy({ top: step, behavior: 'instant' });
      // At the end, an answer may be on its way.
      still = scrollY > before || document.body.classList.contains('loading') ? 0 : still + 1;
      const tiles = [...document.querySelectorAll('.tile')].map((tile) => Number(tile.dataset.index));
      if (still > 300) resolve({ gaps: gaps.slice(1), tiles: Math.max(...tiles) + 1, height: document.body.scrollHeight });
      else requestAnimationFrame(scroll);
    };
    requestAnimationFrame(scroll);
  }), STEP);
  say('scrolled past so many tiles', seen.tiles);
  say('frames: middle, longest', milliseconds(middle(seen.gaps)), milliseconds(Math.max(...seen.gaps)), `of ${seen.gaps.length}`);
  const { traceEvents } = JSON.parse(await browser.stopTracing());
  const main = new Set(traceEvents.filter((event) => event.name === 'thread_name' && event.args.name === 'CrRendererMain').map((event) => `${event.pid} ${event.tid}`));
  const tasks = traceEvents.filter((event) => event.name === 'RunTask' && main.has(`${event.pid} ${event.tid}`)).map((event) => (event.dur ?? 0) / 1000);
  say('tasks of the page in the trace: longest', milliseconds(tasks.reduce((longest, task) => Math.max(longest, task), 0)), `of ${tasks.length}`);
  await page.context().close();
}

try {
  await firstPaint('');
  await firstPaint('&q=a+dog');
  await answers();
  await scrolling();
} finally {
  await browser.close();
}
