// Drives the page of `clipseek serve` in a browser:
// npm install && CLIPSEEK_URL=http://localhost:8080 npm test
//
// Any server will do whose collection has pictures that the words below find. CLIPSEEK_COLLECTION chooses another
// collection than the page's own choice, CHROMIUM the browser, CLIPSEEK_SCREENSHOTS a folder for pictures of what failed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const SERVER = new URL(process.env.CLIPSEEK_URL ?? 'http://127.0.0.1:8080').origin;
/** Words that find pictures. */
const FIRST = process.env.CLIPSEEK_WORD ?? 'dog';
const SECOND = process.env.CLIPSEEK_SECOND_WORD ?? 'water';
const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** How long anything may take on a busy machine, in milliseconds. */
const LIMIT = 60_000;
const LAPTOP = { width: 1366, height: 768 };
const PHONE = { width: 390, height: 844 };

let COLLECTION;
let browser;
let facts;
let facets;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS, env: { ...process.env, HOME: mkdtempSync(join(tmpdir(), 'page-')) } });
  const { collections } = await (await fetch(`${SERVER}/api/v1/collections`)).json();
  COLLECTION = process.env.CLIPSEEK_COLLECTION ?? (collections.find((one) => one.name === 'default') ?? collections[0]).name;
  const base = `${SERVER}/api/v1/collections/${encodeURIComponent(COLLECTION)}`;
  facts = await (await fetch(base)).json();
  facets = await (await fetch(`${base}/facets`)).json();
});

after(() => browser?.close());

/** A test with a page of its own, which fails on errors of the console (pictures may be gone) and on requests to anyone else. */
function onPage(name, run, { size = LAPTOP, errors: expected = /^$/, ...context } = {}) {
  test(name, { timeout: 600_000 }, async () => {
    const opened = await browser.newContext({ viewport: size, reducedMotion: 'reduce', locale: 'en-US', ...context });
    const page = await opened.newPage();
    page.setDefaultTimeout(LIMIT);
    const wrong = [];
    page.on('console', (message) => message.type() === 'error' && !/\/(thumbnail|original)\b/.test(message.location().url) && wrong.push(message.text()));
    page.on('pageerror', (error) => wrong.push(error.stack));
    page.on('request', (request) => new URL(request.url()).origin !== SERVER && !/^(blob|data):/.test(request.url()) && wrong.push(`request to ${request.url()}`));
    try {
      await run(page);
      assert.deepEqual(wrong.filter((line) => !expected.test(line)), []);
    } catch (error) {
      if (process.env.CLIPSEEK_SCREENSHOTS) await page.screenshot({ path: join(process.env.CLIPSEEK_SCREENSHOTS, `${name.replace(/\W+/g, '-')}.png`) });
      throw error;
    } finally {
      await opened.close();
    }
  });
}

/** Opens the page with these parameters, and waits for pictures. */
async function visit(page, parameters = {}) {
  await page.goto(`${SERVER}/?${new URLSearchParams({ in: COLLECTION, ...parameters })}`, { waitUntil: 'domcontentloaded' });
  await page.locator('.row .tile').first().waitFor();
}

/** Takes the first answer out of the page, as a busy server sends it: then the page asks for it. */
const withoutAnswer = (page) => page.route((url) => url.pathname === '/', async (route) => {
  const response = await route.fetch();
  const body = (await response.text()).replace(/<script type="application\/json".*?<\/script>/s, '').replace(/(<div id="grid"[^>]*>).*?(<\/div>\s*<\/main>)/s, '$1$2');
  await route.fulfill({ response, body });
});

/** Waits until `read` gives what is wanted, and fails with what it gave last. */
async function eventually(read, wanted, what = '') {
  const end = performance.now() + LIMIT;
  for (;;) {
    const got = await read();
    const fits = typeof wanted === 'function' ? wanted(got) : JSON.stringify(got) === JSON.stringify(wanted);
    if (fits) return got;
    if (performance.now() > end) assert.fail(`${what} got ${JSON.stringify(got)}, expected ${wanted}`);
    await pageTurn();
  }
}
const pageTurn = () => new Promise((resolve) => setTimeout(resolve, 25));

const search = (page) => page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/search'));
const asked = async (page, deed) => {
  const [request] = await Promise.all([search(page), deed()]);
  return /^multipart/.test(request.headers()['content-type']) ? request.postDataBuffer()?.toString('latin1') : request.postDataJSON();
};
const parameter = (page, name) => new URL(page.url()).searchParams.get(name);
const parameters = (page, name) => new URL(page.url()).searchParams.getAll(name);
const total = async (page) => Number((await page.locator('#count strong').innerText()).replace(/\D/g, ''));
const focusedId = (page) => page.evaluate(() => document.activeElement?.dataset?.index ?? document.activeElement?.id);
const shownScores = (page) => page.locator('.tile .score').allInnerTexts();
const focusFirst = async (page) => {
  await page.locator('.tile').first().focus();
};

/** A picture as a browser hands one over. */
async function thumbnail(page) {
  const bytes = await page.evaluate(async () => {
    const response = await fetch(document.querySelector('.tile img').src);
    return [...new Uint8Array(await response.arrayBuffer())];
  });
  return { name: 'beach.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(bytes) };
}

const transfer = (page, { buffer, name, mimeType }) => page.evaluateHandle(({ bytes, name, mimeType }) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: mimeType }));
  return data;
}, { bytes: [...buffer], name, mimeType });

onPage('the start shows the newest pictures, and how many there are', async (page) => {
  await visit(page);
  assert.equal(await total(page), Math.min(facts.pictures, 10000));
  const dates = await page.locator('.tile time').evaluateAll((times) => times.map((time) => Date.parse(time.textContent) || 0));
  assert.deepEqual(dates, dates.toSorted((one, other) => other - one));
  assert.equal(await page.locator('.tile .score').count(), 0);
});

onPage('answers appear while one types, best first, with number, bar and caption', async (page) => {
  await visit(page);
  await page.locator('#words').pressSequentially(FIRST, { delay: 20 });
  await page.locator('.tile .score').first().waitFor();
  await eventually(() => parameter(page, 'q'), FIRST);
  const scores = (await shownScores(page)).map(Number);
  assert.deepEqual(scores, scores.toSorted((one, other) => other - one));
  // A narrow tile has room for the number alone.
  assert.ok(await page.locator('.tile .bar i').evaluateAll((bars) => bars.some((bar) => bar.offsetWidth > 0)));
  await eventually(() => page.locator('#live').innerText(), (text) => /^[\d,]+ pictures?, best 0\.\d\d$/.test(text));
});

onPage('every script is named at the page\'s head, so that none waits for another', async (page) => {
  await visit(page);
  const [loaded, named] = await page.evaluate(() => [
    performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname).filter((path) => path.endsWith('.js')),
    [...document.querySelectorAll('link[rel=modulepreload], script')].map((link) => new URL(link.href || link.src).pathname),
  ]);
  assert.deepEqual([...new Set(loaded)].sort(), named.sort());
});

onPage('an older answer never overwrites a newer one', async (page) => {
  await visit(page);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/search', async (route) => {
    if (route.request().postDataJSON().text === FIRST) await held;
    await route.continue().catch(() => {});
  });
  await asked(page, () => page.locator('#words').fill(FIRST));
  await page.locator('#words').fill(SECOND);
  await page.locator('.tile .score').first().waitFor();
  const before = await page.locator('.tile').first().getAttribute('aria-label');
  release();
  await page.unrouteAll({ behavior: 'wait' });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  assert.equal(await page.locator('.tile').first().getAttribute('aria-label'), before);
  assert.equal(parameter(page, 'q'), SECOND);
});

onPage('recent searches are offered, from this browser only', async (page) => {
  await visit(page);
  await page.locator('#words').fill(FIRST);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await page.locator('#recents button').first().waitFor();
  assert.match(await page.evaluate(() => localStorage.getItem('clipseek.recent')), new RegExp(FIRST));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await eventually(() => parameter(page, 'q'), FIRST);
});

onPage('words become terms with a sign and a weight', async (page) => {
  await visit(page, { q: FIRST });
  await page.locator('#words').focus();
  await page.getByRole('button', { name: /^Not:/ }).click();
  await page.locator('.chip.minus').waitFor();
  const mixed = await asked(page, () => page.locator('#words').fill(SECOND));
  assert.deepEqual(mixed.mix, [{ text: SECOND, weight: 1 }, { text: FIRST, weight: -0.5 }]);
  const heavier = await asked(page, () => page.locator('.chip select').selectOption('2'));
  assert.equal(heavier.mix[1].weight, -2);
  const turned = await asked(page, () => page.locator('.chip .sign').click());
  assert.equal(turned.mix[1].weight, 2);
  const alone = await asked(page, () => page.locator('.chip .gone').click());
  assert.equal(alone.text, SECOND);
});

onPage('a web address is a picture, which only the server fetches', async (page) => {
  await visit(page);
  await page.route('**/search', (route) => route.fulfill({ json: { hits: [], best: null, total: 0, notes: [] } }));
  await page.locator('#words').fill('https://example.org/beach.jpg');
  const body = await asked(page, () => page.keyboard.press('Enter'));
  const image = body.mix?.[0].image ?? (await asked(page, () => page.keyboard.press('Enter'))).mix[0].image;
  assert.deepEqual(image, { url: 'https://example.org/beach.jpg' });
  await eventually(() => parameters(page, 'term'), ['1~url~https://example.org/beach.jpg']);
});

onPage('a chosen picture plus words; the address keeps the words', async (page) => {
  await visit(page, { q: FIRST });
  const body = await asked(page, async () => page.locator('#choose').setInputFiles(await thumbnail(page)));
  assert.ok(body === undefined || (body.includes('name="request"') && body.includes('name="image"')));
  await page.locator('.chip img').waitFor();
  assert.match(await page.locator('.chip .label').innerText(), /beach\.jpg/);
  await page.reload();
  await page.getByText('Drop it again', { exact: false }).waitFor();
  assert.equal(await page.locator('#words').inputValue(), FIRST);
});

for (const [name, event] of [['pasted', 'paste'], ['dropped', 'drop']]) {
  onPage(`a ${name} picture is a term`, async (page) => {
    await visit(page);
    const data = await transfer(page, await thumbnail(page));
    await asked(page, () => page.evaluate(([kind, data]) => {
      const made = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector('#grid').dispatchEvent(made);
    }, [event, data]));
    await page.locator('.chip.plus').waitFor();
  });
}

onPage('tiles have their proportions before their pixels', async (page) => {
  await page.route(/thumbnail/, () => {});
  await visit(page, { q: FIRST });
  const boxes = await page.locator('.frame').evaluateAll((frames) => frames.map((frame) => [frame.offsetWidth, frame.offsetHeight, frame.parentElement.offsetTop]));
  assert.ok(boxes.every(([width, height]) => width > 60 && height > 60));
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

onPage('a tile has the colour of its picture before its pixels', async (page) => {
  await withoutAnswer(page);
  await page.route(/thumbnail/, () => {});
  await page.route('**/search', async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.hits[0].colour = '#123456';
    body.hits[1].colour = 'url(https://example.org/a.jpg)';
    await route.fulfill({ response, json: body });
  });
  await visit(page);
  await page.locator('#words').fill(FIRST);
  await page.locator('.tile .score').first().waitFor();
  const colour = (index) => page.locator('.frame').nth(index).evaluate((frame) => frame.style.backgroundColor);
  assert.equal(await colour(0), 'rgb(18, 52, 86)');
  assert.equal(await colour(1), '');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

onPage('the first pictures are there before any script, and stay where they are', async (page) => {
  if (process.env.CLIPSEEK_MOCK) return;
  // A server that is busy sends the page without them.
  const parameters = { in: COLLECTION, q: FIRST };
  await eventually(async () => {
    await page.goto(`${SERVER}/?${new URLSearchParams(parameters)}`);
    return page.locator('.tile').count();
  }, (count) => count > 3);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/page/main.js', async (route) => {
    await held;
    await route.continue();
  });
  const searches = [];
  page.on('request', (request) => request.url().includes('/search') && searches.push(request.url()));
  const boxes = () => page.locator('.frame').evaluateAll((frames) => frames.map((frame) => frame.getBoundingClientRect())
    .map(({ left, top, width, height }) => [left, top, width, height].map(Math.round)).filter(([, top, , height]) => top + height < innerHeight));
  await eventually(async () => {
    searches.length = 0;
    await page.goto(`${SERVER}/?${new URLSearchParams(parameters)}`, { waitUntil: 'commit' });
    await page.locator('#grid').waitFor({ state: 'attached' });
    return page.locator('#grid > .tile').count();
  }, (count) => count > 3);
  const before = await boxes();
  const words = await page.locator('.tile .words').first().innerText();
  assert.ok(before.length > 3);
  release();
  await page.locator('.row .tile').first().waitFor();
  await page.locator('#collection').waitFor();
  const now = await boxes();
  // Of the rows that were whole; the last one may get further pictures.
  const whole = before.filter(([, top]) => top < before.at(-1)[1]);
  assert.deepEqual(now.slice(0, whole.length), whole);
  assert.equal(await page.locator('.tile .words').first().innerText(), words);
  assert.deepEqual(searches, []);
  await page.unrouteAll({ behavior: 'wait' });
});

onPage('without scripts there are pictures and captions', async (page) => {
  if (process.env.CLIPSEEK_MOCK) return;
  await eventually(async () => {
    await page.goto(`${SERVER}/?${new URLSearchParams({ in: COLLECTION, q: FIRST })}`);
    return page.locator('.tile .words').count();
  }, (count) => count > 3);
  assert.ok(await page.locator('.tile img').first().evaluate((image) => image.naturalWidth > 0));
  assert.match(await page.locator('.tile .score').first().innerText(), /^0\.\d\d$/);
}, { javaScriptEnabled: false });

onPage('captions are text', async (page) => {
  await withoutAnswer(page);
  await page.route('**/search', async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.hits[0].captions = ['<img src=x onerror=alert(1)><b>bold</b>'];
    body.hits[1].captions = ['كلب بني يجري على الشاطئ'];
    body.hits[1].metadata = { '<i>name': '<script>1</script>' };
    await route.fulfill({ response, json: body });
  });
  await visit(page, { q: FIRST });
  assert.equal(await page.locator('.words').first().innerText(), '<img src=x onerror=alert(1)><b>bold</b>');
  assert.equal(await page.locator('.words').nth(1).evaluate((words) => getComputedStyle(words).direction), 'rtl');
  assert.equal(await page.locator('.words b').count(), 0);
  await page.locator('.tile').nth(1).click();
  await page.locator('#detail dt', { hasText: '<i>name' }).waitFor();
  await page.unrouteAll({ behavior: 'wait' });
});

onPage('scrolling loads more, and few tiles are in the document', async (page) => {
  if (facts.pictures <= 200) return;
  await visit(page);
  await focusFirst(page);
  await page.keyboard.press('End');
  await eventually(() => focusedId(page), (index) => Number(index) >= 80);
  await eventually(() => page.locator('.tile[data-index="102"]').count(), 1);
  await page.keyboard.press('End');
  await eventually(() => focusedId(page), (index) => Number(index) >= 180);
  assert.ok(await page.locator('.tile').count() < 160);
  await page.keyboard.press('Home');
  await eventually(() => focusedId(page), '0');
  assert.equal(await page.evaluate(() => scrollY < 40), true);
});

onPage('the cut-off counts, and where nothing fits the nearest are shown', async (page) => {
  await visit(page, { q: FIRST });
  const all = await total(page);
  const scores = (await shownScores(page)).map(Number);
  const middle = Math.round(scores[0] * 100 - 1) / 100;
  await page.locator('#cut-off').fill(String(middle));
  await eventually(() => total(page), (number) => number > 0 && number < all);
  assert.equal(Number(parameter(page, 'threshold')), middle);
  await visit(page, { q: FIRST, threshold: '1' });
  await page.getByText('Nothing reaches 1.00').waitFor();
  assert.equal(await page.locator('.dimmed .tile').count(), Math.min(3, facts.pictures));
  await page.getByRole('button', { name: /^Lower the cut-off/ }).click();
  await eventually(() => total(page), (number) => number > 0);
});

for (const [sort, order] of [['newest', -1], ['oldest', 1]]) {
  onPage(`by date, the ${sort} is first, with and without a query`, async (page) => {
    const taken = () => page.locator('.tile time').evaluateAll((times) => times.map((time) => Date.parse(time.textContent)).filter(Boolean));
    const inOrder = (dates) => dates.every((date, index) => !index || (date - dates[index - 1]) * order >= 0);
    await visit(page, { q: FIRST });
    const all = await total(page);
    const body = await asked(page, () => page.locator('#order').selectOption(sort));
    assert.equal(body.sort, sort);
    await eventually(() => parameter(page, 'sort'), sort);
    await eventually(taken, inOrder, 'dates');
    assert.equal(await total(page), all);
    await visit(page, { sort });
    await eventually(taken, inOrder, 'dates');
    assert.equal(await page.locator('.tile .score').count(), 0);
    if (sort === 'oldest') await page.locator('#order').selectOption('newest');
    await eventually(() => parameter(page, 'sort'), sort === 'oldest' ? null : sort);
  });
}

/** Folds the second and the third picture of each answer into the first one. */
const fold = (page) => page.route('**/search', async (route) => {
  const response = await route.fetch();
  const body = await response.json();
  const [first, second, third, ...others] = body.hits.map(({ folded, ...hit }) => hit);
  await route.fulfill({ response, json: { ...body, hits: third ? [{ ...first, folded: [second, third] }, ...others] : body.hits } });
});

onPage('near-duplicates are one tile with a count; a key and a button unfold them', async (page) => {
  await withoutAnswer(page);
  await fold(page);
  await visit(page);
  await page.locator('#words').fill(FIRST);
  await page.keyboard.press('Enter');
  await page.locator('.tile .stack').first().waitFor();
  const labels = () => page.locator('.tile').evaluateAll((tiles) => tiles.slice(0, 4).map((tile) => tile.ariaLabel));
  // All tiles are the answer's, which have numbers.
  const [first, fourth, ...rest] = await eventually(labels, (all) => all.every((label) => /^\d/.test(label)));
  assert.match(first, /, 2 near-duplicates$/);
  assert.equal(await page.locator('.tile .stack').first().getAttribute('data-count'), '3');
  await focusFirst(page);
  await page.keyboard.press('u');
  await page.locator('.tile.within').nth(1).waitFor();
  assert.equal(await focusedId(page), '0');
  assert.equal((await labels())[3], fourth);
  // From one of them, the key folds them again, and the focus goes to the tile that stands for them.
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('u');
  await page.locator('.tile.within').first().waitFor({ state: 'detached' });
  assert.equal(await focusedId(page), '0');
  assert.deepEqual(await labels(), [first, fourth, ...rest]);
  await page.getByRole('button', { name: 'Show 2 near-duplicates' }).click();
  await page.locator('.tile.within').nth(1).waitFor();
  await page.getByRole('button', { name: 'Fold 2 near-duplicates' }).click();
  await page.locator('.tile.within').first().waitFor({ state: 'detached' });
  // In the details, they are the next ones.
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Show near-duplicates (2)' }).click();
  await page.getByRole('button', { name: 'Fold near-duplicates' }).waitFor();
  await page.keyboard.press('ArrowRight');
  await eventually(() => page.locator('#place').innerText(), (place) => /^2 of /.test(place));
  await page.unrouteAll({ behavior: 'wait' });
});

onPage('filters say how many pictures each value has', async (page) => {
  await visit(page);
  await page.locator('#filters-open').click();
  await page.locator('#filters-body fieldset').first().waitFor();
  const value = facets.years[0] ?? null;
  const column = facets.columns.find((one) => one.values.length > 0);
  if (value) {
    await page.locator('.value', { hasText: value.value }).first().click();
    await eventually(() => total(page), value.count);
    assert.equal(parameter(page, 'after'), `${value.value}-01-01`);
    await page.locator('#filters-clear').click();
  }
  await eventually(() => total(page), Math.min(facts.pictures, 10000));
  if (column) {
    const group = page.locator('#filters details').filter({ has: page.locator('summary', { hasText: column.name }) }).first();
    await group.locator('summary').click();
    await group.locator('input').first().check();
    await eventually(() => total(page), column.values[0].count);
  }
  await page.keyboard.press('Escape');
  assert.equal(await focusedId(page), 'filters-open');
});

onPage('numbers of filters follow the other filters, and a chosen value stays', async (page) => {
  const column = facets.columns.find((one) => one.values.length > 1);
  const other = facets.columns.find((one) => one !== column && one.values.length > 1);
  const numbers = async (name) => Object.fromEntries(await page.locator(`#filters details[data-name="${name}"] .value`).evaluateAll((all) =>
    all.map((line) => [line.querySelector('.text').title, line.querySelector('.number')?.textContent])));
  const [chosen, alternative] = column.values;
  await visit(page, { [`is.${column.name}`]: chosen.value });
  await page.locator('#filters-open').click();
  // Its own column keeps all values with their numbers; the others count its pictures alone.
  await eventually(async () => (await numbers(column.name))[alternative.value], String(alternative.count));
  assert.equal((await numbers(column.name))[chosen.value], String(chosen.count));
  const sum = (counts) => Object.values(counts).reduce((all, one) => all + Number(one), 0);
  assert.ok(sum(await numbers(other.name)) <= chosen.count);
  const [value] = Object.keys(await numbers(other.name));
  await page.locator(`#filters details[data-name="${other.name}"] summary`).click();
  await page.locator(`#filters details[data-name="${other.name}"] input`).first().check();
  await eventually(() => total(page), Number((await numbers(other.name))[value]));
  // Where no picture is left, what was chosen can be taken back.
  await page.locator('#filters-body input[type=search]').fill('nothinghasthisword');
  await page.keyboard.press('Enter');
  await eventually(() => total(page), 0);
  await eventually(async () => (await numbers(other.name))[value], '0');
  await page.locator(`#filters details[data-name="${other.name}"] input:checked`).click();
  await eventually(() => parameter(page, `is.${other.name}`), null);
});

onPage('more like this, not like this, search this caption: by key and by button', async (page) => {
  await visit(page, { q: FIRST });
  await focusFirst(page);
  await page.keyboard.press('n');
  await eventually(() => parameters(page, 'term').length, 1);
  assert.match(parameter(page, 'term'), /^-0\.5~like~/);
  assert.equal(parameter(page, 'q'), FIRST);
  await page.goBack();
  await eventually(() => parameters(page, 'term'), []);
  await page.locator('.chip').waitFor({ state: 'detached' });
  await page.locator('.tile').first().hover();
  await page.locator('.tile').first().getByRole('button', { name: 'More like this' }).click();
  await eventually(() => parameter(page, 'term') ?? '', (term) => term.startsWith('1~like~'));
  assert.equal(parameter(page, 'q'), null);
  await page.locator('.chip.plus img').waitFor();
  await page.goto(page.url());
  await page.locator('.tile .score').first().waitFor();
  const caption = await page.locator('.tile').first().locator('.words').innerText();
  await focusFirst(page);
  await page.keyboard.press('c');
  await eventually(() => parameter(page, 'q'), caption);
});

onPage('details: previous, next, and back to the same place', async (page) => {
  await visit(page, { q: FIRST });
  await focusFirst(page);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.locator('#detail[open]').waitFor();
  const first = parameter(page, 'open');
  assert.ok(first);
  await page.locator('#detail .score').waitFor();
  assert.match(await page.locator('#detail .asked').innerText(), new RegExp(FIRST));
  await page.keyboard.press('ArrowRight');
  await eventually(() => parameter(page, 'open'), (open) => open && open !== first);
  assert.match(await page.locator('#place').innerText(), /^3 of /);
  await page.keyboard.press('ArrowLeft');
  await eventually(() => parameter(page, 'open'), first);
  await page.keyboard.press('Escape');
  await page.locator('#detail[open]').waitFor({ state: 'detached' }).catch(() => {});
  await eventually(() => focusedId(page), '1');
  assert.equal(parameter(page, 'open'), null);
  assert.equal(parameter(page, 'q'), FIRST);
});

onPage('details have an address', async (page) => {
  await visit(page, { q: FIRST });
  await page.locator('.tile').nth(2).click();
  await page.locator('#detail[open]').waitFor();
  const name = await page.locator('#detail').getAttribute('aria-label');
  await page.reload();
  await page.locator('#detail[open] .score').waitFor();
  assert.equal(await page.locator('#detail').getAttribute('aria-label'), name);
  await page.keyboard.press('Escape');
  await eventually(() => parameter(page, 'open'), null);
  await page.goForward().catch(() => {});
});

onPage('a slow record never overwrites the answer in the details', async (page) => {
  await withoutAnswer(page);
  await visit(page, { q: FIRST });
  await page.locator('.tile').first().click();
  await page.locator('#detail .score').waitFor();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/\/records\/[^/]+$/, async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest(/\/records\/[^/]+$/);
  await page.route('**/search', async (route) => {
    await asked;
    await route.continue();
  });
  await page.reload({ waitUntil: 'commit' });
  await page.locator('#detail .score').waitFor();
  const record = page.waitForResponse(/\/records\/[^/]+$/);
  release();
  await (await record).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  assert.equal(await page.locator('#detail .score').count(), 1);
  await page.unrouteAll({ behavior: 'wait' });
});

onPage('only http and https are opened, without a referrer', async (page) => {
  await withoutAnswer(page);
  await page.route('**/search', async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const hit of body.hits) delete hit.path;
    body.hits[0].url = 'javascript:alert(1)';
    body.hits[1].url = 'https://example.org/a.jpg';
    await route.fulfill({ response, json: body });
  });
  await visit(page, { q: FIRST });
  await page.evaluate(() => {
    window.followed = [];
    HTMLAnchorElement.prototype.click = function click() {
      window.followed.push([this.href, this.target, this.rel]);
    };
  });
  await focusFirst(page);
  await page.keyboard.press('o');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('o');
  await eventually(() => page.evaluate(() => window.followed), [['https://example.org/a.jpg', '_blank', 'noopener noreferrer']]);
  await page.unrouteAll({ behavior: 'wait' });
});

onPage('selection: mark, extend, copy, mix', async (page) => {
  await visit(page, { q: FIRST });
  await focusFirst(page);
  await page.keyboard.press('x');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Shift+ArrowRight');
  await page.getByText('3 selected').waitFor();
  assert.equal(await page.locator('.tile[aria-selected="true"]').count(), 3);
  await page.getByRole('button', { name: 'Copy paths' }).click();
  await page.getByText('3 paths copied').waitFor({ state: 'attached' });
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied.split('\n').length, 3);
  await page.getByRole('button', { name: 'Search with these' }).click();
  await eventually(() => parameters(page, 'term').length, 3);
  assert.equal(await page.locator('#selection').isVisible(), false);
}, { permissions: ['clipboard-read', 'clipboard-write'] });

onPage('the focus stays in sight when the selection bar goes, or a dialog does', async (page) => {
  await visit(page);
  await focusFirst(page);
  await page.keyboard.press('ArrowRight');
  for (const clear of [() => page.getByRole('button', { name: 'Clear the selection' }).press('Enter'), () => page.getByRole('button', { name: 'Download' }).press('Escape')]) {
    await page.keyboard.press('x');
    await page.getByRole('status').filter({ hasText: '1 selected' }).waitFor();
    await clear();
    await page.locator('#selection').waitFor({ state: 'hidden' });
    assert.equal(await focusedId(page), '1');
  }
  for (const name of ['Keyboard shortcuts', 'Classify a picture…', 'Collections']) {
    await page.locator('#menu-open').press('Enter');
    await page.locator('#menu').getByRole('button', { name }).press('Enter');
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    assert.equal(await focusedId(page), 'menu-open', name);
  }
});

onPage('details: keys go on working after a button was pressed, and what is said is seen', async (page) => {
  await visit(page, { q: FIRST });
  await focusFirst(page);
  await page.keyboard.press('Enter');
  await page.locator('#detail .score').waitFor();
  const opened = [parameter(page, 'open')];
  const go = async (key) => {
    await page.keyboard.press(key);
    await eventually(() => parameter(page, 'open'), (open) => open && open !== opened.at(-1));
    opened.push(parameter(page, 'open'));
  };
  // The button goes with its picture.
  await page.locator('#detail .select').press('Enter');
  await go('ArrowRight');
  await go('ArrowRight');
  // So does the button that leads no further.
  await go('ArrowLeft');
  await page.locator('#previous').press('Enter');
  await eventually(() => parameter(page, 'open'), opened[0]);
  await eventually(() => page.locator('#previous').isDisabled(), true);
  opened.push(opened[0]);
  await go('ArrowRight');
  await page.getByRole('button', { name: 'Copy the path' }).click();
  await page.locator('#detail #said').getByText('Copied').waitFor();
}, { permissions: ['clipboard-read', 'clipboard-write'] });

onPage('back, forward and reload give the same view', async (page) => {
  await visit(page);
  await page.locator('#words').fill(FIRST);
  await page.keyboard.press('Enter');
  await page.locator('.tile .score').first().waitFor();
  const label = await page.locator('.tile').first().getAttribute('aria-label');
  await page.locator('#words').fill(SECOND);
  await page.keyboard.press('Enter');
  await eventually(() => parameter(page, 'q'), SECOND);
  await page.goBack();
  await eventually(() => page.locator('.tile').first().getAttribute('aria-label'), label);
  assert.equal(await page.locator('#words').inputValue(), FIRST);
  await page.goForward();
  await eventually(() => page.locator('#words').inputValue(), SECOND);
  await page.goBack();
  await eventually(() => page.locator('#words').inputValue(), FIRST);
  await page.reload();
  await eventually(() => page.locator('.tile').first().getAttribute('aria-label').catch(() => ''), label);
});

onPage('the grid is one tab stop, and arrows move in two dimensions', async (page) => {
  await visit(page);
  assert.equal(await page.locator('#grid [tabindex="0"]').count(), 1);
  await focusFirst(page);
  const place = () => page.evaluate(() => {
    const { left, top, width } = document.activeElement.getBoundingClientRect();
    return { index: Number(document.activeElement.dataset.index), centre: left + width / 2, top: top + scrollY };
  });
  await page.keyboard.press('ArrowRight');
  const from = await place();
  await page.keyboard.press('ArrowDown');
  const below = await place();
  assert.ok(below.top > from.top && Math.abs(below.centre - from.centre) < 250, JSON.stringify([from, below]));
  await page.keyboard.press('ArrowUp');
  assert.equal((await place()).top, from.top);
  await page.keyboard.press('PageDown');
  assert.ok((await place()).top > from.top);
  await page.keyboard.press('Home');
  assert.equal((await place()).index, 0);
  await page.keyboard.press('/');
  assert.equal(await focusedId(page), 'words');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focusedId(page), '0');
  await page.keyboard.press('?');
  await page.locator('#help[open]').waitFor();
  await page.keyboard.press('Escape');
  await eventually(() => focusedId(page), '0');
});

onPage('by keyboard alone, from start to end', async (page) => {
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const name = () => page.evaluate(() => document.activeElement?.innerText?.trim() || document.activeElement?.ariaLabel || document.activeElement?.id);
  /** Goes on with Tab until something has the focus. */
  const tabTo = async (wanted, key = 'Tab') => {
    for (let step = 0; step < 60; step++) {
      await press(key);
      if (wanted.test(await name())) return;
    }
    assert.fail(`Tab never comes to ${wanted}; the last was ${await name()}`);
  };
  await visit(page);
  // The first stop leads past the bar.
  await press('Tab');
  assert.equal(await focusedId(page), 'skip');
  await press('Enter');
  assert.equal(await focusedId(page), '0');
  // Words, and a term that is not wanted.
  await press('/');
  await page.keyboard.type(FIRST);
  await press('Enter');
  await page.locator('.tile .score').first().waitFor();
  await page.keyboard.type(` ${SECOND}`);
  await press('Shift+Enter');
  await page.locator('.chip').waitFor();
  await tabTo(/^\+$/, 'Shift+Tab');
  await press('Enter');
  await page.locator('.chip.minus').waitFor();
  await press('/', 'Backspace');
  await page.locator('.chip').waitFor({ state: 'detached' });
  await page.keyboard.type(FIRST);
  await eventually(() => parameter(page, 'q'), FIRST);
  await page.locator('.tile .score').first().waitFor();
  // The cut-off and the order.
  await tabTo(/^cut-off$/);
  await press('ArrowRight');
  await eventually(() => Number(parameter(page, 'threshold')) > 0, true);
  await press('Home');
  await eventually(() => parameter(page, 'threshold'), null);
  await tabTo(/^Order$|^best first/);
  await press('ArrowDown');
  await eventually(() => parameter(page, 'sort'), 'newest');
  await press('ArrowUp');
  await eventually(() => parameter(page, 'sort'), null);
  // Filters.
  await tabTo(/^Filters$/);
  await press('Enter');
  await page.locator('#filters-body fieldset').first().waitFor();
  await tabTo(/^Keywords in captions$/);
  await page.keyboard.type(FIRST);
  await press('Enter');
  await eventually(() => parameter(page, 'keywords'), FIRST);
  await page.locator('#filters-open[aria-label="Filters (1)"]').waitFor();
  await press('Escape');
  assert.equal(await focusedId(page), 'filters-open');
  // Pictures: move, select, look, more like this.
  await press('g', 'ArrowRight', 'x');
  await page.getByText('1 selected').waitFor();
  await press('Escape');
  await page.locator('#selection').waitFor({ state: 'hidden' });
  await press('Enter');
  await page.locator('#detail[open] .score').waitFor();
  await press('ArrowRight', 'Escape');
  await page.locator('#detail').waitFor({ state: 'hidden' });
  await eventually(() => focusedId(page), '2');
  await press('m');
  await eventually(() => parameter(page, 'term') ?? '', (term) => term.startsWith('1~like~'));
  await page.goBack();
  await eventually(() => parameter(page, 'q'), FIRST);
  // The menu, and what it leads to.
  for (const [item, panel] of [[/^Classify/, 'classify'], [/^Collections/, 'collections'], [/^Duplicates/, 'duplicates']]) {
    await press('/');
    await tabTo(/^Menu$/);
    await press('Enter');
    await tabTo(item);
    await press('Enter');
    await page.locator(`#${panel}[open]`).waitFor();
    await press('Escape');
    await page.locator(`#${panel}`).waitFor({ state: 'hidden' });
  }
  await press('g', '?');
  await page.locator('#help[open]').waitFor();
  await press('Escape');
  await page.locator('#help').waitFor({ state: 'hidden' });
});

onPage('a shared address shows the same to whoever opens it', async (page) => {
  const parameters = { q: FIRST, term: `-0.5~text~${SECOND}`, threshold: '0.01', sort: 'oldest' };
  await visit(page, parameters);
  await page.locator('.tile .score').first().waitFor();
  const labels = () => page.locator('.tile').evaluateAll((tiles) => tiles.slice(0, 5).map((tile) => tile.ariaLabel));
  const seen = await labels();
  const other = await browser.newContext({ viewport: LAPTOP, reducedMotion: 'reduce', locale: 'en-US' });
  const theirs = await other.newPage();
  theirs.setDefaultTimeout(LIMIT);
  await theirs.goto(page.url());
  await theirs.locator('.row .tile').first().waitFor();
  assert.deepEqual(await theirs.locator('.tile').evaluateAll((tiles) => tiles.slice(0, 5).map((tile) => tile.ariaLabel)), seen);
  assert.equal(await theirs.locator('#words').inputValue(), FIRST);
  assert.equal(await theirs.locator('#order').inputValue(), 'oldest');
  assert.equal(await theirs.locator('#cut-off').inputValue(), '0.01');
  assert.equal(await theirs.locator('.chip.minus').count(), 1);
  await other.close();
});

onPage('an error shows the server\'s words and hint', async (page) => {
  await visit(page);
  await page.route('**/search', (route) => route.fulfill({ status: 422, contentType: 'application/problem+json', json: { title: 'x', status: 422, detail: 'the picture has no pixels', hint: 'try another one' } }));
  await page.locator('#words').fill(FIRST);
  await page.getByText('the picture has no pixels').waitFor();
  await page.getByText('try another one').waitFor();
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.tile .score').first().waitFor();
  assert.equal(await page.locator('.problem').count(), 0);
}, { errors: /422/ });

onPage('a lost server: the last answer stays, and the page recovers', async (page) => {
  await visit(page, { q: FIRST });
  await page.route('**/api/**', (route) => route.abort());
  await page.locator('#words').fill(SECOND);
  await page.locator('#lost').waitFor();
  assert.ok(await page.locator('.tile').count() > 0);
  await page.unrouteAll();
  await page.locator('#lost').waitFor({ state: 'hidden' });
  await eventually(() => page.locator('#words').inputValue(), SECOND);
  await page.locator('.frame img.here').first().waitFor();
}, { errors: /ERR_FAILED/ });

onPage('offline: the last answer stays, and the page recovers', async (page) => {
  await visit(page, { q: FIRST });
  await page.context().setOffline(true);
  await page.locator('#words').fill(SECOND);
  await page.locator('#lost').waitFor();
  assert.ok(await page.locator('.tile').count() > 0);
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Try now' }).click().catch(() => {});
  await page.locator('#lost').waitFor({ state: 'hidden' });
  await eventually(() => page.locator('#live').innerText(), (text) => /pictures?, best/.test(text));
}, { errors: /ERR_INTERNET_DISCONNECTED/ });

onPage('an empty collection says how to fill it', async (page) => {
  const empty = { name: 'void', model: 'mini', pictures: 0, captions: 0, can_add: true };
  await page.route(/api\/v1\/collections$/, (route) => route.fulfill({ json: { collections: [empty] } }));
  await page.route('**/search', (route) => route.fulfill({ json: { hits: [], best: null, total: 0, next: null, notes: [] } }));
  await page.goto(`${SERVER}/?in=void`);
  await page.getByText('void is empty').waitFor();
  await page.getByText('clipseek add ~/Pictures --collection void').waitFor();
  assert.equal(await page.locator('.tile').count(), 0);
  await page.unrouteAll({ behavior: 'wait' });
}, { errors: /404/ });

onPage('an unknown collection is a problem, and another can be chosen', async (page) => {
  await page.goto(`${SERVER}/?in=nowhere`);
  await page.locator('.problem', { hasText: 'nowhere' }).waitFor();
  await page.locator('#collection').selectOption(COLLECTION);
  await page.locator('.tile').first().waitFor();
  assert.equal(await page.locator('.problem').count(), 0);
}, { errors: /404/ });

onPage('a missing picture says so', async (page) => {
  await page.route(/thumbnail/, (route) => route.fulfill({ status: 404, body: '' }));
  await visit(page);
  await page.locator('.frame.missing').first().waitFor();
});

onPage('a server with a key: it is asked for and sent, also for thumbnails', async (page) => {
  await withoutAnswer(page);
  const keys = new Set();
  await page.route('**/api/**', async (route) => {
    const key = route.request().headers()['api-key'];
    if (key !== 'secret') return route.fulfill({ status: 401, contentType: 'application/problem+json', json: { status: 401, detail: 'this server needs an API key' } });
    keys.add(/thumbnail/.test(route.request().url()) ? 'thumbnail' : 'other');
    await route.continue();
  });
  await page.goto(SERVER);
  await page.locator('#key[open]').waitFor();
  await page.getByText('this server needs an API key').waitFor();
  await page.locator('#key-field').fill('secret');
  await page.keyboard.press('Enter');
  await page.locator('.frame img.here').first().waitFor();
  assert.deepEqual([...keys].sort(), ['other', 'thumbnail']);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).some((name) => localStorage[name].includes('secret'))), false);
  await page.unrouteAll({ behavior: 'wait' });
}, { errors: /401/ });

onPage('a picture is classified by labels', async (page) => {
  await visit(page);
  const picture = await thumbnail(page);
  await page.locator('#menu-open').click();
  await page.getByRole('button', { name: 'Classify a picture' }).click();
  assert.equal(parameter(page, 'panel'), 'classify');
  const classify = page.locator('#classify').getByRole('button', { name: 'Classify', exact: true });
  await classify.click();
  await page.getByText('Choose a picture first.').waitFor();
  await page.locator('#classify-file').setInputFiles(picture);
  await page.getByRole('button', { name: `${picture.name}; choose another picture` }).waitFor();
  await classify.click();
  await page.getByText('Write a label first.').waitFor();
  assert.equal(await focusedId(page), 'labels');
  await page.locator('#labels').fill('dog\ncat, horse');
  await classify.click();
  await eventually(() => page.locator('.guess').count(), 3);
  const shares = (await page.locator('.guess .number').allInnerTexts()).map(parseFloat);
  assert.deepEqual(shares, shares.toSorted((one, other) => other - one));
  assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 100) < 1);
  await page.keyboard.press('Escape');
  await eventually(() => parameter(page, 'panel'), null);
});

onPage('pictures are added where the collection allows it, with progress', async (page) => {
  const events = [{ state: 'running', done: 1, added: 1, failed: [] }, { state: 'done', done: 2, added: 1, failed: [{ name: 'b.jpg', reason: 'not a picture' }] }];
  await page.route(/api\/v1\/collections$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const one of body.collections) one.can_add = true;
    await route.fulfill({ response, json: body });
  });
  await page.route(/\/pictures$/, (route) => route.fulfill({ status: 202, json: { job: '7' } }));
  await page.route(/jobs\/7\/events$/, (route) => route.fulfill({ contentType: 'text/event-stream', body: events.map((event) => `data: ${JSON.stringify({ job: '7', total: 2, error: null, ...event })}\n\n`).join('') }));
  await visit(page, { panel: 'add' });
  const picture = await thumbnail(page);
  await page.locator('#add-files').setInputFiles([picture, { ...picture, name: 'b.jpg' }]);
  await page.getByText('2 of 2 read, 1 added').waitFor();
  await page.locator('#add #said').getByText('1 picture added').waitFor();
  await page.getByText('not a picture').waitFor();
  await page.unrouteAll({ behavior: 'wait' });
});

onPage('removing asks first', async (page) => {
  const removed = [];
  await page.route(/\/records\/[^/]+$/, (route) => {
    removed.push(route.request().method());
    return route.fulfill({ status: 204 });
  });
  await page.route(/api\/v1\/collections$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const one of body.collections) one.can_add = true;
    await route.fulfill({ response, json: body });
  });
  await visit(page);
  await focusFirst(page);
  await page.keyboard.press('x');
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Keep' }).click();
  assert.deepEqual(removed, []);
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.locator('#confirm').getByRole('button', { name: 'Remove' }).click();
  await eventually(() => removed, ['DELETE']);
  await page.unrouteAll({ behavior: 'wait' });
});

for (const colorScheme of ['light', 'dark']) {
  onPage(`axe finds nothing serious (${colorScheme})`, async (page) => {
    await visit(page, { q: FIRST, term: `-0.5~text~${SECOND}` });
    const check = async (what) => {
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
      assert.deepEqual(serious.map((one) => [what, one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]), []);
    };
    await page.locator('.frame img.here').first().waitFor();
    await check('results');
    await page.locator('#filters-open').click();
    await page.locator('#filters-body fieldset').first().waitFor();
    await check('filters');
    await page.locator('#filters-close').click();
    await focusFirst(page);
    await page.keyboard.press('x');
    await check('selection');
    await page.keyboard.press('Enter');
    await page.locator('#detail .score').waitFor();
    await check('detail');
    await page.keyboard.press('Escape');
    await page.locator('#detail').waitFor({ state: 'hidden' });
    await page.keyboard.press('?');
    await check('help');
    for (const panel of ['collections', 'duplicates', 'classify']) {
      await visit(page, { panel });
      await page.locator(`#${panel}[open]`).waitFor();
      await check(panel);
    }
  }, { colorScheme });
}

onPage('a phone: nothing is wider than the screen, and fingers can touch everything', async (page) => {
  await visit(page, { q: FIRST, term: `-0.5~text~${SECOND} and more words than there is room for on a phone` });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.querySelector('#ask').getBoundingClientRect().right <= innerWidth), true);
  const small = await page.evaluate(() => [...document.querySelectorAll('button, select, input:not(.away), a')]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().top >= 0 && !one.matches('.mark, .stack, .skip, .chip select'))
    .filter((one) => one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML.slice(0, 80)));
  assert.deepEqual(small, []);
  await page.locator('#filters-open').tap();
  await page.locator('#filters-body fieldset').first().waitFor();
  await page.locator('#filters-close').tap();
  await page.locator('.tile').first().tap();
  await page.locator('#detail[open]').waitFor();
}, { size: PHONE, hasTouch: true, isMobile: true });

onPage('collections and duplicates are listed', async (page) => {
  await visit(page, { panel: 'collections' });
  await page.locator('#collections tbody tr', { hasText: COLLECTION }).waitFor();
  await page.route(/\/duplicates$/, async (route) => {
    const found = await (await page.request.post(`${SERVER}/api/v1/collections/${COLLECTION}/search`, { data: {} })).json();
    await route.fulfill({ json: { groups: [{ pictures: found.hits.slice(0, 3) }], more: false } });
  });
  await visit(page, { panel: 'duplicates' });
  await page.getByRole('heading', { name: '3 pictures' }).waitFor();
  await page.getByRole('button', { name: 'Select all but the first' }).click();
  await page.getByText('2 selected').waitFor();
  await page.unrouteAll({ behavior: 'wait' });
});

// The last one: it changes the collection.
onPage('a picture that is added is found, and folded where it is a version of another', async (page) => {
  if (process.env.CLIPSEEK_MOCK) return;
  await visit(page, { q: FIRST });
  const whole = await total(page);
  const picture = await thumbnail(page);
  const data = await transfer(page, picture);
  await page.evaluate((data) => document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, bubbles: true, cancelable: true })), data);
  await page.locator('#drop [data-purpose="add"]').evaluate((target, data) => target.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })), data);
  await page.getByText('1 of 1 read, 1 added').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#add').waitFor({ state: 'hidden' });
  await eventually(() => total(page), whole + 1);
  await page.locator('.tile .stack').first().waitFor();
  await focusFirst(page);
  await page.keyboard.press('u');
  await page.locator('.tile.within').first().waitFor();
});
