// node report.mjs PAGES PICTURES
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { accessible, byKeyboard, headings, open, quiet, reflows } from './page.mjs';

const [pages, pictures] = process.argv.slice(2);
const good = join(pages, 'good/report.html');
const hostile = join(pages, 'hostile/report.html');
const large = join(pages, 'large/report.html');
const tampered = join(pages, 'tampered.html');
const model = JSON.parse(readFileSync(join(pages, 'good/report.json'), 'utf8'));

async function saysWhatTheModelSays(browser) {
  const opened = await open(browser, good);
  const { page, context } = opened;
  quiet(opened);
  const found = await headings(page);
  const texts = found.map(([, text]) => text);
  for (const wanted of ['Not done, not known, still open', 'Status of required actions', 'Each target']) {
    assert.ok(texts.some((t) => t.includes(wanted)), `${wanted} is no heading: ${texts.slice(0, 20)}`);
  }
  const text = await page.$eval('main', (e) => e.innerText);
  assert.ok(text.includes(model.summary.headline), 'the headline');
  assert.equal(await page.$$eval('#credentials article', (all) => all.length), model.targets.length + 0);
  for (const target of model.targets) {
    assert.ok(texts.some((t) => t.includes(target.name)), `${target.name} has a heading`);
    for (const old of target.old.filter((o) => o.id)) {
      assert.ok(text.includes(old.id), `${old.id} of ${target.name}`);
    }
  }
  assert.equal(await page.$$eval('script,img,iframe,object,embed,link,form', (all) => all.length), 0);
  const unnamed = await page.$$eval('table', (all) => all.filter((t) => !t.caption || !t.querySelector('th[scope]')).length);
  assert.equal(unnamed, 0, 'every table has a caption and headers');
  await context.close();
}

async function goesByKeyboard(browser) {
  const { page, context } = await open(browser, good);
  await byKeyboard(page);
  const summary = page.locator('details summary').first();
  await summary.focus();
  const before = await page.$eval('details', (d) => d.open);
  await page.keyboard.press('Enter');
  assert.equal(await page.$eval('details', (d) => d.open), !before, 'Enter opens what is folded');
  const link = page.locator('nav a').first();
  const href = await link.getAttribute('href');
  await link.focus();
  await page.keyboard.press('Enter');
  assert.ok(page.url().endsWith(href), `Enter follows ${href}`);
  assert.equal(await page.locator(href).count(), 1);
  const dangling = await page.$$eval('a[href^="#"]', (all) => all.map((a) => a.getAttribute('href')).filter((h) => !document.getElementById(h.slice(1))));
  assert.deepEqual(dangling, [], 'every link inside leads somewhere');
  await context.close();
}

async function prints(browser) {
  const { page, context } = await open(browser, good);
  const file = join(pictures, 'report.pdf');
  // A4 less 24 mm, at 96 dots an inch.
  await page.setViewportSize({ width: 703, height: 1032 });
  await page.emulateMedia({ media: 'print' });
  const printed = await page.evaluate(() => [Math.max(...[...document.querySelectorAll('table,td,th,p,pre')].map((e) => e.getBoundingClientRect().right)), document.documentElement.clientWidth]);
  writeFileSync(file, await page.pdf({ format: 'A4', margin: { top: '12mm', bottom: '12mm', left: '12mm', right: '12mm' } }));
  await context.close();
  const text = execFileSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const flat = text.replace(/\s+/g, ' ');
  assert.ok(flat.includes(model.summary.headline), 'the headline is in print');
  // Lines are broken in print: what counts is that nothing is cut off.
  const cells = execFileSync('pdftotext', ['-raw', file, '-'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const dense = cells.replace(/\s+/g, '');
  for (const target of model.targets) {
    assert.ok(flat.includes(target.name), `${target.name} is in print`);
    const ids = target.old.flatMap((old) => [old.id, old.proof && old.proof.horizon.slice(0, 10)]).filter(Boolean);
    for (const word of [...ids, ...target.steps.map((step) => `${step.verb}:${step.planned}`)]) {
      assert.ok(dense.includes(String(word).replace(/\s+/g, '')), `${word} of ${target.name} is cut off in print`);
    }
  }
  const [wide, room] = printed;
  assert.ok(wide <= room, `${wide} pixels in print, and the paper has ${room}`);
  const sheets = text.split('\f').filter((sheet) => sheet.trim().length > 0);
  const bare = sheets.filter((sheet) => sheet.trim().length < 40);
  assert.deepEqual(bare, [], 'no sheet is all but empty');
  assert.ok(sheets.length < 220, `${sheets.length} sheets`);
  return sheets.length;
}

async function isRedWhenTampered(browser) {
  const opened = await open(browser, tampered);
  const { page, context } = opened;
  quiet(opened);
  await headings(page);
  assert.match(await page.title(), /TAMPERED/);
  const h1 = page.locator('h1');
  assert.match(await h1.innerText(), /TAMPERED/);
  const [red, green, blue] = (await h1.evaluate((e) => getComputedStyle(e).color)).match(/\d+/g).map(Number);
  assert.ok(red > 120 && green < 80 && blue < 80, `red is ${red}, ${green}, ${blue}`);
  const text = await page.$eval('body', (e) => e.innerText);
  assert.ok(!text.includes(model.head.title), 'nothing that the log says is repeated');
  assert.ok(model.targets.every((t) => !text.includes(t.name)));
  await page.screenshot({ path: join(pictures, 'tampered.png') });
  await context.close();
}

async function isNotHarmed(browser) {
  // Scripts are on here: what would do harm could.
  const opened = await open(browser, hostile, { javaScriptEnabled: true, offline: false });
  const { page, context } = opened;
  await page.hover('h1');
  await page.locator('h1').click();
  quiet(opened);
  assert.equal(await page.$$eval('script,img,iframe', (all) => all.length), 0);
  assert.equal(await page.$$eval('*', (all) => all.filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length), 0);
  const text = await page.evaluate(() => document.documentElement.textContent);
  assert.ok(text.includes('<img src=x onerror=alert(1)>'), 'a name stays what it is, as text');
  assert.ok(!/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text), 'nothing that hides or reverses');
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= room, `${wide} pixels wide in ${room}`);
  await page.screenshot({ path: join(pictures, 'hostile.png') });
  await context.close();
}

/** A report in several files: into each sort of file by a link, to what it speaks of, and back. */
async function goesFromFileToFile(browser) {
  const { page, context, noted } = await open(browser, large);
  const sorts = ['credentials', 'events', 'exposure', 'open', 'status', 'troubles'];
  let followed = 0;
  for (const sort of sorts) {
    const link = page.locator(`#${sort} a[href*="-${sort}-0001.html"]`).first();
    if ((await link.count()) === 0) {
      // Too short to be cut; of these two there are always files.
      assert.ok(!['credentials', 'events'].includes(sort), sort);
      continue;
    }
    await link.click();
    assert.match(page.url(), new RegExp(`/report-${sort}-0001\\.html$`));
    await headings(page);
    const next = page.locator('nav a', { hasText: 'Next' });
    if ((await next.count()) > 0) {
      await next.click();
      assert.match(page.url(), new RegExp(`/report-${sort}-0002\\.html$`));
    }
    await page.locator('nav a', { hasText: 'The whole report' }).click();
    assert.ok(page.url().endsWith(`/report.html#${sort}`), page.url());
    assert.equal(await page.locator(`#${sort}`).count(), 1);
    followed += 1;
  }
  assert.ok(followed >= 4, `${followed} sorts of files`);
  // From a target's row to the target in its file, and from one of its steps to the line of the log.
  const row = page.locator('#exposure a[href*="-credentials-"]').first();
  const [, id] = (await row.getAttribute('href')).split('#');
  await row.click();
  const target = page.locator(`#${id}`);
  assert.equal(await target.count(), 1, `${id} is where the link leads`);
  const step = target.locator('a[href*="-events-"]').first();
  const [, line] = (await step.getAttribute('href')).split('#');
  await step.click();
  assert.equal(await page.locator(`#${line}`).count(), 1, `${line} is where the link leads`);
  await page.goBack();
  await page.goBack();
  assert.match(page.url(), /\/report\.html#/);
  assert.ok(noted.requests.every((url) => url.startsWith('file://')), 'nothing from elsewhere');
  assert.deepEqual(noted.complaints, []);
  await context.close();
}

async function pictured(browser) {
  for (const [name, options] of [
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 1600 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 1600 } }],
    ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 1600 } }],
  ]) {
    const { page, context } = await open(browser, good, options);
    await page.screenshot({ path: join(pictures, `${name}.png`) });
    await page.locator('#credentials').scrollIntoViewIfNeeded();
    await page.evaluate(() => document.querySelector('#credentials').scrollIntoView());
    await page.screenshot({ path: join(pictures, `${name}-targets.png`) });
    await context.close();
  }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
try {
  await saysWhatTheModelSays(browser);
  await goesByKeyboard(browser);
  await isRedWhenTampered(browser);
  await isNotHarmed(browser);
  await goesFromFileToFile(browser);
  for (const file of [good, tampered, large, join(pages, 'large/report-credentials-0001.html')]) {
    await reflows(browser, file);
    for (const scheme of ['light', 'dark']) {
      await accessible(browser, file, scheme);
    }
  }
  const sheets = await prints(browser);
  await pictured(browser);
  console.log(`the report in a browser: ${model.targets.length} targets, ${sheets} sheets in print, nothing to complain of`);
} finally {
  await browser.close();
}
