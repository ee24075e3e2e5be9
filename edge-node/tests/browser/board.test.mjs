// The pickup board: heard, read from ten metres, cleared by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demo, listen, onDemo, until } from './harness.mjs';

onDemo();

/** Places an order and makes it, so that its number is called. */
async function call() {
  const order = await demo.order({ item: 'croissant' });
  const [ticket] = await until('its ticket', async () => { const found = await demo.tickets(order.number); return found.length && found; });
  await demo.api('POST', `/v1/tickets/${ticket.id}/bump`);
  return order;
}

/** Hands over what is ready, so that the board is empty. */
async function clear() {
  await demo.makeAll();
  for (const order of await demo.orders()) if (order.state === 'ready') await demo.api('POST', `/v1/orders/${order.id}/collect`);
}

async function board(address = '/pickup', options = {}) {
  const page = await demo.page('/pickup', 'kiosk', options);
  await page.waitForSelector('.pk');
  await page.goto(demo.site.url + address);
  await listen(page);
  await page.waitForSelector('.pk-none');
  return page;
}

test('a number rings as it is called, has the big place for a while, and leaves when it is collected', async () => {
  await clear();
  const page = await board();
  const first = await call();
  await page.waitForSelector(`#now >> text="${first.number}"`);
  await page.waitForFunction(() => globalThis.heard.chimes.length === 3);
  await page.waitForSelector(`[aria-live=polite] >> text=Number ${first.number} is ready`);
  assert.deepEqual(await page.evaluate(() => globalThis.heard.said), [], 'nothing is spoken unless it is asked for');
  const since = await page.evaluate(() => performance.now());
  const second = await call();
  await page.waitForSelector(`#now >> text="${second.number}"`);
  const held = await page.evaluate(() => performance.now()) - since;
  assert.ok(held > 4_000, `the first one had the big place; ${held} ms after the second was ordered it lost it`);
  await page.waitForSelector(`.pk-ready .n >> text="${first.number}"`);
  await demo.api('POST', `/v1/orders/${first.id}/collect`);
  await page.waitForSelector(`.pk-ready .n >> text="${first.number}"`, { state: 'detached' });
  await demo.api('POST', `/v1/orders/${second.id}/collect`);
  await page.waitForSelector('.pk-none');
});

test('numbers are spoken in both languages where the address asks for it', async () => {
  await clear();
  const page = await board('/pickup?speak');
  const { number } = await call();
  await page.waitForSelector(`#now >> text="${number}"`);
  await page.waitForFunction(() => globalThis.heard.said.length === 2);
  assert.deepEqual(await page.evaluate(() => globalThis.heard.said), [[`Number ${number} is ready`, 'en'], [`${number}番のお客様、できあがりました`, 'ja']]);
  await clear();
});

test('it is read from ten metres, moves a little against burn-in, and moves nothing where that is not wanted', async () => {
  await clear();
  const page = await board('/pickup', { reducedMotion: 'reduce' });
  const waiting = await demo.order({ item: 'ramen', modifiers: ['miso'] });
  const { number } = await call();
  await page.waitForSelector(`#now >> text="${number}"`);
  await page.waitForSelector(`.pk-prep >> text="${waiting.number}"`);
  // 1 px of a 43-inch display is half a millimetre, capitals are 0.7 em, and 52 mm are read from ten metres.
  const size = (selector) => page.locator(selector).first().evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));
  assert.ok(await size('.pk-prep') >= 145, 'numbers that are prepared');
  assert.ok(await size('#now') >= 200, 'a number that is called');
  assert.deepEqual(await page.evaluate(() => document.getAnimations().length), 0);
  const place = () => page.evaluate(() => new DOMMatrix(getComputedStyle(document.querySelector('.pk')).transform).toFloat64Array().slice(12, 14).join());
  await page.clock.install();
  await page.reload();
  await page.waitForSelector('#now');
  const places = new Set([await place()]);
  for (let minute = 0; minute < 3; minute += 1) {
    await page.clock.fastForward(60_000);
    await page.clock.runFor(1_000);
    places.add(await place());
  }
  assert.ok(places.size >= 3, `it stood at ${[...places].join(' and ')}`);
  await clear();
});
