// What is asked of a page, whatever it says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** Opens a file with no network and no scripts; notes whatever it asks for. */
export async function open(browser, file, options = {}) {
  const context = await browser.newContext({ offline: true, javaScriptEnabled: false, ...options });
  const page = await context.newPage();
  // Patience for a machine that does other things too.
  page.setDefaultTimeout(180_000);
  const noted = { requests: [], dialogs: [], complaints: [] };
  page.on('request', (request) => noted.requests.push(request.url()));
  page.on('dialog', (dialog) => { noted.dialogs.push(dialog.message()); dialog.dismiss(); });
  page.on('console', (message) => noted.complaints.push(message.text()));
  page.on('pageerror', (error) => noted.complaints.push(String(error)));
  const url = pathToFileURL(file).href;
  await page.goto(url);
  return { page, context, noted, url };
}

/** Nothing was loaded, nothing popped up, nothing was complained of. */
export function quiet({ noted, url }) {
  assert.deepEqual(noted.requests, [url], 'the page is all that is loaded');
  assert.deepEqual(noted.dialogs, [], 'no dialog');
  assert.deepEqual(noted.complaints, [], 'no complaint of the browser');
}

/** One h1, and no level is left out. */
export async function headings(page) {
  const found = await page.$$eval('h1,h2,h3,h4,h5,h6', (all) => all.map((h) => [Number(h.tagName[1]), h.textContent.trim()]));
  assert.equal(found.filter(([level]) => level === 1).length, 1, 'one h1');
  let before = 0;
  for (const [level, text] of found) {
    assert.ok(text.length > 0, 'a heading says something');
    assert.ok(level <= before + 1, `h${level} ${text} follows h${before}`);
    before = level;
  }
  return found;
}

/** axe-core finds nothing. It needs scripts, so it looks at a page of its own. */
export async function accessible(browser, file, colorScheme, viewport = { width: 1280, height: 900 }) {
  const { page, context } = await open(browser, file, { javaScriptEnabled: true, bypassCSP: true, colorScheme, viewport });
  await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
  await page.evaluate(axe);
  const result = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice', 'section508'],
  }));
  const told = result.violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n    ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join('\n    ')}`);
  assert.deepEqual(told, [], `axe on ${file}, ${colorScheme}`);
  assert.ok(result.passes.length > 15, 'axe did look');
  await context.close();
}

/** Nobody has to scroll sideways: at 320 pixels, which is 1280 at 400 % (WCAG 2.2, 1.4.10). */
export async function reflows(browser, file) {
  const { page, context } = await open(browser, file, { viewport: { width: 320, height: 800 } });
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= room, `${file}: ${wide} pixels wide in ${room}`);
  await context.close();
}

/** The whole page by keyboard: Tab reaches every link and summary, in order, and shows where it is. */
export async function byKeyboard(page) {
  const reachable = 'a[href],summary,button,input,select,textarea,[tabindex="0"]';
  const wanted = await page.$$eval(reachable, (all) => all.filter((e) => e.checkVisibility()).length);
  assert.ok(wanted > 5, `${wanted} places to go`);
  const first = await page.evaluate(() => document.scrollingElement.scrollTop);
  let last = -1;
  for (let n = 0; n < wanted; n += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate((query) => {
      const e = document.activeElement;
      const all = [...document.querySelectorAll(query)].filter((x) => x.checkVisibility());
      const box = e.getBoundingClientRect();
      const style = getComputedStyle(e);
      return { index: all.indexOf(e), seen: box.bottom > 0 && box.top < innerHeight, ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 };
    }, reachable);
    assert.equal(at.index, last + 1, `Tab ${n + 1} goes to place ${at.index}`);
    assert.ok(at.seen, `place ${at.index} is on the screen`);
    assert.ok(at.ring, `place ${at.index} shows that it has the focus`);
    last = at.index;
  }
  assert.equal(first, 0);
}
