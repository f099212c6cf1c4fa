// Takes a picture of the page of `clipseek serve`: node screenshot.mjs FILE.jpg ADDRESS
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [file, address] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  env: { ...process.env, HOME: mkdtempSync(join(tmpdir(), 'page-')) },
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', reducedMotion: 'reduce', locale: 'en-GB' });
  await page.goto(`${address}/?q=a+bird+on+a+branch&term=-0.5~text~water`);
  await page.locator('.row .tile .score').first().waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('.frame img')].filter((image) => image.getBoundingClientRect().top < innerHeight).every((image) => image.classList.contains('here')));
  await page.locator('.tile').nth(1).hover();
  await page.screenshot({ path: file, type: 'jpeg', quality: 80 });
} finally {
  await browser.close();
}
