// Kitchen and board: what is done at one screen is seen at the others, and none claims to be current when it is not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

/** Within so many milliseconds without news a screen says so. */
const STALE_MS = 5_000;
onDemo();

const ticket = (number) => `.tk[data-number="${number}"]`;

test('a ticket is ticked, bumped by its key, shown on the board, and recalled', async () => {
  await demo.makeAll();
  const [kitchen, board] = [await demo.page('/kitchen', 'kitchen'), await demo.page('/pickup', 'kiosk')];
  await kitchen.waitForSelector('.kds-none');
  await board.waitForSelector('.pk');
  const { number } = await demo.order({ item: 'ramen', modifiers: ['miso'], quantity: 2 }, { item: 'curry-rice' });
  await kitchen.waitForSelector(ticket(number));
  await board.waitForSelector(`.pk-prep >> text="${number}"`);
  await assertAccessible(kitchen, 'the kitchen');
  await kitchen.click(`${ticket(number)} button.l >> nth=0`);
  await kitchen.waitForSelector(`${ticket(number)} li.d`);
  await until('a ticked line', async () => (await demo.api('GET', '/v1/tickets')).items.some((row) => row.lines.some((line) => line.done)));
  await kitchen.keyboard.press('1');
  await kitchen.waitForSelector(ticket(number), { state: 'detached' });
  await board.waitForSelector(`#now >> text="${number}"`);
  await assertAccessible(board, 'the board');
  await kitchen.keyboard.press('r');
  await kitchen.waitForSelector(`${ticket(number)}.again`);
  await board.waitForSelector(`#now >> text="${number}"`, { state: 'detached' });
  await kitchen.reload();
  await kitchen.waitForSelector(`${ticket(number)}.again`);
  await kitchen.click(`${ticket(number)} .go`);
  await board.waitForSelector(`#now >> text="${number}"`);
});

/**
 * Has the page itself note when it last heard anything, when it said that it is stale, and the longest that
 * its machine kept it from running: what a busy machine takes is no fault of the page.
 */
async function watchStaleness(page) {
  await page.addInitScript(() => {
    const seen = { heard: 0, said: 0, held: 0 };
    globalThis.staleness = seen;
    const Socket = globalThis.WebSocket;
    globalThis.WebSocket = class extends Socket {
      constructor(...args) {
        super(...args);
        this.addEventListener('message', () => { seen.heard = performance.now(); });
      }
    };
    let ran = performance.now();
    setInterval(() => {
      const now = performance.now();
      seen.held = Math.max(seen.held, now - ran);
      ran = now;
    }, 20);
    new MutationObserver(() => { if (!seen.said && document.querySelector('#stale')) seen.said = performance.now(); })
      .observe(document, { childList: true, subtree: true });
  });
  await page.reload();
}

test('a screen that hears nothing says so within five seconds; bumps of then are kept and done', async () => {
  await demo.makeAll();
  const pages = [await demo.page('/kitchen', 'kitchen'), await demo.page('/pickup', 'kiosk'), await demo.page('/ops', 'manager')];
  const [kitchen] = pages;
  await kitchen.waitForSelector('.kds-none');
  for (const page of pages) await watchStaleness(page);
  const { number } = await demo.order({ item: 'croissant' });
  await kitchen.waitForSelector(ticket(number));
  for (const page of pages) await page.waitForFunction(() => globalThis.staleness.heard > 0 && !document.querySelector('#stale'));
  // From now on alone counts what is said, and what held a page up.
  for (const page of pages) await page.evaluate(() => Object.assign(globalThis.staleness, { said: 0, held: 0 }));
  demo.signal('SIGSTOP');
  try {
    await Promise.all(pages.map((page) => page.waitForFunction(() => globalThis.staleness.said)));
    for (const page of pages) {
      const { heard, said, held } = await page.evaluate(() => globalThis.staleness);
      assert.ok(said - heard < STALE_MS + held, `${page.url()} said so after ${said - heard} ms, of which it was held up ${held} at most`);
    }
    await assertAccessible(kitchen, 'a stale kitchen');
    await kitchen.keyboard.press('1');
    await kitchen.waitForSelector(ticket(number), { state: 'detached' });
    await kitchen.waitForSelector('text=1 bump waiting');
  } finally {
    demo.signal('SIGCONT');
  }
  await Promise.all(pages.map((page) => page.waitForSelector('#stale', { state: 'detached' })));
  await until('the bump', async () => (await demo.orders()).find((order) => order.number === number).state === 'ready');
});

test('bumps outlive a kill of the edge and a reload, and the page stays where it was', async () => {
  await demo.makeAll();
  const kitchen = await demo.page('/kitchen', 'kitchen');
  const orders = [];
  for (let n = 0; n < 12; n += 1) orders.push(await demo.order({ item: 'croissant' }));
  const last = orders.at(-1).number;
  await kitchen.click('.kds-seg button >> text=Counter');
  // All are there: the key turns no page as long as there is but one.
  await kitchen.waitForSelector('.kds-foot >> text=Page 1 of 2');
  await kitchen.waitForSelector('.kds-seg .on b >> text=12');
  const isSeen = async (number) => (await demo.tickets(number)).every((row) => row.acknowledged_at);
  for (const { number } of orders.slice(0, 10)) await until(`the acknowledging of ${number}`, () => isSeen(number));
  assert.equal(await isSeen(last), false, 'nobody has seen the next page');
  await kitchen.keyboard.press('p');
  await kitchen.waitForSelector('.kds-foot >> text=Page 2 of 2');
  await kitchen.waitForSelector(ticket(last));
  await until('its acknowledging', () => isSeen(last));
  // What is bumped now cannot be sent before the reload.
  await kitchen.context().route('**/bump', (route) => route.abort());
  await kitchen.click(`${ticket(last)} .go`);
  await demo.killEdge();
  await kitchen.context().unroute('**/bump');
  await kitchen.reload();
  await until('the bump', async () => (await demo.orders()).find((order) => order.number === last).state === 'ready');
  await kitchen.waitForSelector(ticket(orders[10].number));
  assert.match(await kitchen.textContent('.kds-seg .on'), /Counter/);
  assert.equal(await kitchen.locator(ticket(orders[0].number)).count(), 0, 'it is on the other page');
  await demo.makeAll();
});

test('a ticket that is not shown, or on a page that nobody can see, is not acknowledged; one that is, once', async () => {
  await demo.makeAll();
  const kitchen = await demo.page('/kitchen', 'kitchen');
  await kitchen.waitForSelector('.kds-none');
  const told = [];
  kitchen.on('request', (request) => { if (request.url().endsWith('/acknowledge')) told.push(request.headers()['idempotency-key']); });
  const show = (hidden) => kitchen.evaluate((to) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => to });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await show(true);
  const { number } = await demo.order({ item: 'croissant' });
  await kitchen.waitForSelector(ticket(number));
  // Another order's ticket comes after it: by then it would have been told.
  const later = await demo.order({ item: 'croissant' });
  await kitchen.waitForSelector(ticket(later.number));
  assert.deepEqual(told, []);
  // The first try fails, and is made again.
  let failed = 0;
  await kitchen.context().route('**/acknowledge', (route) => { failed += 1; return failed === 1 ? route.abort() : route.continue(); });
  await show(false);
  const [first] = await demo.tickets(number);
  await until('the acknowledging', async () => (await demo.tickets(number))[0].acknowledged_at && (await demo.tickets(later.number))[0].acknowledged_at);
  await kitchen.reload();
  await kitchen.waitForSelector(ticket(number));
  assert.equal(new Set(told).size, 2);
  assert.ok(told.includes(`seen:${first.id}`));
  assert.equal(told.length, 3, 'each once, and one again');
  await demo.makeAll();
});

test('a bump and a recall at one screen are seen at the other', async () => {
  await demo.makeAll();
  const [one, two] = [await demo.page('/kitchen', 'kitchen'), await demo.page('/kitchen', 'kitchen')];
  const { number } = await demo.order({ item: 'croissant' });
  for (const page of [one, two]) await page.waitForSelector(ticket(number));
  await one.click(`${ticket(number)} .go`);
  await two.waitForSelector(ticket(number), { state: 'detached' });
  await one.keyboard.press('r');
  await two.waitForSelector(`${ticket(number)}.again`);
  await two.keyboard.press('1');
  await one.waitForSelector(ticket(number), { state: 'detached' });
  await until('a ready order', async () => (await demo.orders()).find((order) => order.number === number).state === 'ready');
});

test('a ticket that was begun when its order was called off stays until a cook confirms it', async () => {
  await demo.makeAll();
  const kitchen = await demo.page('/kitchen', 'kitchen');
  const { id, number } = await demo.order({ item: 'pizza' });
  await kitchen.click(`${ticket(number)} .x`);
  await kitchen.click('.kds-dialog >> text=Start cooking');
  await until('a begun order', async () => (await demo.api('GET', `/v1/orders/${id}`)).state === 'preparing');
  await demo.api('POST', `/v1/orders/${id}/cancel`, { reason: 'guest left' });
  await kitchen.waitForSelector(`${ticket(number)}.cancelled`);
  await kitchen.waitForSelector('text=guest left');
  await assertAccessible(kitchen, 'a ticket that was called off');
  await kitchen.click(`${ticket(number)} .go`);
  await kitchen.waitForSelector(ticket(number), { state: 'detached' });
  await until('the confirmation', async () => !(await demo.api('GET', '/v1/tickets')).items.some((row) => row.number === number));
});

test('an item is taken off sale in the kitchen and brought back', async () => {
  const kitchen = await demo.page('/kitchen', 'kitchen');
  await kitchen.waitForSelector('.kds-side');
  await kitchen.keyboard.press('F8');
  await kitchen.fill('.kds-dialog input', 'cheesecake');
  await assertAccessible(kitchen, 'taking off sale');
  await kitchen.click('[data-off=cake]');
  await kitchen.waitForSelector('.p86 [data-sku=cake]');
  const off = async () => (await demo.api('GET', '/v1/stock?limit=200')).items.find((row) => row.sku === 'cake').suspended;
  await until('no sale', off);
  await kitchen.click('.p86 [data-sku=cake] button');
  await until('sale', async () => !(await off()));
});
