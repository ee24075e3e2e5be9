// Kitchen, board and operations: what is done at one screen is seen at the others, and none claims to be current when it is not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, Demo, until, wait } from './harness.mjs';

/** The banner has to be there within five seconds; the rest is for a busy machine. */
const STALE_MS = 5_000 + 5_000;
/** @type {Demo} */
let demo;
before(async () => { demo = await Demo.start(); });
after(() => demo?.stop());

const ticket = (number) => `.tk[data-number="${number}"]`;

test('a ticket is ticked, bumped by its key, shown on the board, and recalled', async () => {
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

test('a screen that hears nothing says so within five seconds; bumps of then are kept and done', async () => {
  const pages = [await demo.page('/kitchen', 'kitchen'), await demo.page('/pickup', 'kiosk'), await demo.page('/ops', 'manager')];
  const [kitchen] = pages;
  const { number } = await demo.order({ item: 'croissant' });
  await kitchen.waitForSelector(ticket(number));
  for (const page of pages) {
    await until('a live page', () => page.evaluate(() => !document.querySelector('#stale')));
  }
  await wait(2_500);
  demo.signal('SIGSTOP');
  const stopped = Date.now();
  try {
    await Promise.all(pages.map((page) => page.waitForSelector('#stale')));
    assert.ok(Date.now() - stopped < STALE_MS, `it took ${Date.now() - stopped} ms`);
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
  const kitchen = await demo.page('/kitchen', 'kitchen');
  const orders = [];
  for (let n = 0; n < 12; n += 1) orders.push(await demo.order({ item: 'croissant' }));
  const last = orders.at(-1).number;
  await kitchen.click('.kds-seg button >> text=Counter');
  await kitchen.waitForSelector(ticket(orders[0].number));
  await kitchen.keyboard.press('p');
  await kitchen.waitForSelector(ticket(last));
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
  for (const { number } of orders.slice(0, 11)) {
    const { items } = await demo.api('GET', '/v1/tickets?limit=200');
    const open = items.find((row) => row.number === number);
    if (open) await demo.api('POST', `/v1/tickets/${open.id}/bump`);
  }
});

test('a ticket that was begun when its order was called off stays until a cook confirms it', async () => {
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

test('a job that failed for good is tried again, or discarded with a reason', async () => {
  const ops = await demo.page('/ops', 'manager', { width: 1440, height: 900 });
  await ops.waitForSelector('#dead');
  // Two orders whose records are damaged before the kitchen gets them.
  await demo.api('POST', '/v1/queue/pause', {});
  const orders = [await demo.order({ item: 'soda' }), await demo.order({ item: 'soda' })];
  const key = ({ id }) => `{${demo.site.id}}:order:${id}`;
  const sound = await demo.redis('HGET', key(orders[0]), 'details');
  for (const order of orders) await demo.redis('HSET', key(order), 'details', 'no JSON');
  await demo.api('POST', '/v1/queue/resume', {});
  await ops.waitForSelector('#dead tbody tr >> nth=1');
  await assertAccessible(ops, 'dead letters');
  await demo.redis('HSET', key(orders[0]), 'details', sound);
  const letters = await demo.api('GET', '/v1/queue/dead');
  const letterOf = (order) => letters.items.find((letter) => letter.order === order.id).id;
  await ops.click(`#dead tr[data-letter="${letterOf(orders[0])}"] >> text=Retry`);
  await until('the first order in the kitchen', async () => (await demo.api('GET', `/v1/orders/${orders[0].id}`)).tickets.length > 0);
  await ops.click(`#dead tr[data-letter="${letterOf(orders[1])}"] >> text=Discard`);
  await ops.fill('.dialog input', 'the record is damaged');
  await ops.click('.dialog .danger');
  await ops.waitForSelector('text=No dead letters. Everything got through.');
  await demo.redis('HSET', key(orders[1]), 'details', sound);
});

test('a manager pauses and resumes, counts stock, calls an order off, and signs a screen in by a code that works once', async () => {
  const ops = await demo.page('/ops', 'manager', { width: 1440, height: 900 });
  await ops.waitForSelector('#sync .pipe');
  await ops.waitForSelector('.deps .pill');
  await assertAccessible(ops, 'operations');
  await ops.click('#pause');
  await ops.fill('.dialog input', 'fire drill');
  await assertAccessible(ops, 'a question');
  await ops.click('.dialog button >> nth=1');
  await ops.waitForSelector('text=The kitchen queue is paused');
  await ops.click('#pause');
  await ops.waitForSelector('text=The kitchen queue is paused', { state: 'detached' });

  await ops.click('a[href="#stock"]');
  const before = await ops.textContent('[data-sku=dango] .mini-step b');
  await ops.click('[data-sku=dango] .mini-step button >> nth=1');
  await until('one more', async () => Number(await ops.textContent('[data-sku=dango] .mini-step b')) === Number(before) + 1);
  await ops.click('text=Count >> nth=0');
  await ops.fill('[data-sku=dango] input', '7');
  await assertAccessible(ops, 'stock');
  await ops.click('[data-sku=dango] form button');
  await until('the count', async () => (await demo.api('GET', '/v1/stock?limit=200')).items.find((row) => row.sku === 'dango').on_hand === 7);

  const { number, id } = await demo.order({ item: 'soda' });
  await ops.click('a[href="#orders"]');
  await ops.waitForSelector(`#orders tr[data-number="${number}"]`);
  await assertAccessible(ops, 'orders');
  await ops.click(`#orders tr[data-number="${number}"] .danger`);
  await ops.fill('.dialog input', 'guest left');
  await ops.click('.dialog .danger');
  await until('a cancelled order', async () => (await demo.api('GET', `/v1/orders/${id}`)).state === 'cancelled');

  await ops.click('a[href="#devices"]');
  await ops.fill('input[name=name]', 'kiosk-9');
  await ops.click('text=Make code');
  const code = await ops.textContent('#code');
  await assertAccessible(ops, 'devices');
  const context = await demo.browser.newContext();
  const screen = await context.newPage();
  await screen.goto(demo.site.url);
  await screen.fill('input[name=code]', code.toLowerCase());
  await screen.click('text=Sign in >> nth=-1');
  await screen.waitForSelector('.k-attract');
  assert.equal(new URL(screen.url()).hash, '');
  const [cookie] = await context.cookies();
  assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict' && cookie.name.startsWith('__Host-'), JSON.stringify(cookie));
  await ops.waitForSelector('#devices >> text=kiosk-9');
  const second = await (await demo.browser.newContext()).newPage();
  await second.goto(`${demo.site.url}/#code=${code}`);
  await second.waitForSelector('.sign-in .err >> text=used before');
  await assertAccessible(Object.assign(second, { complaints: [] }), 'signing in');
});
