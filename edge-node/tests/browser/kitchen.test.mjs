// The kitchen by keys alone, as a bump bar sends them, and what it hears and shows beside the tickets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, listen, onDemo, until } from './harness.mjs';

onDemo();

const ticket = (number) => `.tk[data-number="${number}"]`;
const chosen = (number) => `${ticket(number)}.sel`;

/** An empty kitchen at one station, and so many orders for it. */
async function kitchenWith(count) {
  await demo.makeAll();
  const page = await demo.page('/kitchen', 'kitchen');
  await page.waitForSelector('.kds-none');
  const numbers = [];
  for (let n = 0; n < count; n += 1) numbers.push((await demo.order({ item: 'croissant' }, { item: 'bagel', modifiers: ['hummus'] })).number);
  for (const number of numbers.slice(0, 10)) await page.waitForSelector(ticket(number));
  return { page, numbers };
}

test('a bump bar moves, ticks, bumps, turns pages, recalls one of many and changes stations', async () => {
  const { page, numbers } = await kitchenWith(12);
  await page.waitForSelector('.kds-foot >> text=Page 1 of 2');
  const press = (key) => page.keyboard.press(key);
  await press('ArrowRight');
  await page.waitForSelector(chosen(numbers[0]));
  await press('ArrowRight');
  await page.waitForSelector(chosen(numbers[1]));
  await press('ArrowDown');
  await page.waitForSelector(chosen(numbers[6]));
  await press('ArrowUp');
  await press('ArrowLeft');
  await page.waitForSelector(chosen(numbers[0]));
  await press('Space');
  await page.waitForSelector(`${ticket(numbers[0])} li.d`);
  assert.equal(await page.locator(`${ticket(numbers[0])} li.d`).count(), 1, 'one line of two');
  await press('Enter');
  await page.waitForSelector(ticket(numbers[0]), { state: 'detached' });
  // The tenth place has the key 0, and what is on the other page none.
  await page.waitForSelector(ticket(numbers[10]));
  await press('0');
  await page.waitForSelector(ticket(numbers[10]), { state: 'detached' });
  await page.waitForSelector(ticket(numbers[11]));
  await page.waitForSelector('.kds-foot >> text=Page 1 of 1');
  for (const number of [numbers[0], numbers[10]]) await until(`the bump of ${number}`, async () => (await demo.tickets(number)).length === 0);

  await press('Shift+R');
  const list = page.getByRole('dialog', { name: 'Recall a ticket' });
  await list.waitFor();
  await assertAccessible(page, 'the list of what can be recalled');
  const again = list.getByRole('button', { name: `Recall ${numbers[0]}`, exact: true });
  for (let step = 0; step < 20 && !(await again.evaluate((button) => button === document.activeElement)); step += 1) await press('Tab');
  await press('Enter');
  await list.waitFor({ state: 'detached' });
  await page.waitForSelector(`${ticket(numbers[0])}.again`);
  await until('the recall', async () => (await demo.tickets(numbers[0])).length === 1);

  const station = page.locator('.kds-seg .on');
  assert.match(await station.textContent(), /^All/);
  const all = await page.locator('.kds-seg button').allTextContents();
  for (let n = 1; n < all.length; n += 1) await press('s');
  assert.equal(await station.textContent(), all.at(-1));
  await press('a');
  await until('all stations', async () => /^All/.test(await station.textContent()));
  await press('m');
  await page.waitForSelector('.kds-foot [aria-pressed=true] >> text=Sound on');
  await page.reload();
  await page.waitForSelector('.kds-foot [aria-pressed=true] >> text=Sound on');
  await page.keyboard.press('m');
  await demo.makeAll();
});

test('a new ticket rings and is told, once; not at other stations, not when muted', async () => {
  await demo.makeAll();
  const page = await demo.page('/kitchen', 'kitchen');
  await listen(page);
  await page.waitForSelector('.kds-none');
  const rung = () => page.evaluate(() => globalThis.heard.chimes.length);
  const first = await demo.order({ item: 'croissant' });
  await page.waitForSelector(ticket(first.number));
  await until('a chime of two tones', async () => await rung() === 2);
  await page.waitForSelector(`[aria-live=polite] >> text=New order ${first.number}`);
  // A bump, a recall and a page that is loaded again are nothing new.
  await page.keyboard.press('1');
  await page.waitForSelector(ticket(first.number), { state: 'detached' });
  await page.keyboard.press('r');
  await page.waitForSelector(`${ticket(first.number)}.again`);
  await until('the recall', async () => (await demo.tickets(first.number)).length === 1);
  assert.equal(await rung(), 2);
  await page.click('.kds-seg button >> text=Bar');
  const second = await demo.order({ item: 'croissant' });
  await page.waitForSelector('.kds-seg button:has-text("Counter") b >> text=2');
  const third = await demo.order({ item: 'soda' });
  await page.waitForSelector(ticket(third.number));
  await until('a chime for the one of this station', async () => await rung() === 4);
  await page.keyboard.press('m');
  const fourth = await demo.order({ item: 'soda' });
  await page.waitForSelector(ticket(fourth.number));
  assert.equal(await rung(), 4, `${second.number} and ${fourth.number} are not heard`);
  await page.keyboard.press('m');
  await page.keyboard.press('a');
  await demo.makeAll();
});

test('what is still to cook is counted over all tickets, and at a station for itself', async () => {
  const { page } = await kitchenWith(3);
  await demo.order({ item: 'soda', quantity: 4 });
  const row = (quantity, name) => `.ad li:has(b:text-is("${quantity}")) >> text=${name}`;
  await page.waitForSelector(row(3, 'Croissant'));
  await page.waitForSelector(`.ad li.hot:has(b:text-is("4"))`);
  await page.keyboard.press('1');
  await page.waitForSelector(row(2, 'Croissant'));
  await page.click('.kds-seg button >> text=Bar');
  await page.waitForSelector('.ad li >> text=Croissant', { state: 'detached' });
  await page.waitForSelector('.ad li.hot');
  await page.keyboard.press('a');
  await demo.makeAll();
});

test('while the hub is away the kitchen says so and goes on', async () => {
  await demo.makeAll();
  const page = await demo.page('/kitchen', 'kitchen');
  const ops = await demo.page('/ops', 'manager', { width: 1440, height: 900 });
  await page.waitForSelector('.kds-none');
  await page.waitForSelector('.kds-off', { state: 'detached' });
  process.kill(demo.hub.pids.hub, 'SIGSTOP');
  try {
    await page.waitForSelector('.kds-off >> text=Hub offline');
    await ops.waitForSelector('text=The hub is out of reach.');
    const { number } = await demo.order({ item: 'croissant' });
    await page.waitForSelector(ticket(number));
    await page.waitForSelector('.kds-off >> text=/[1-9]\\d* waiting to send/');
    await assertAccessible(page, 'a kitchen without its hub');
    await assertAccessible(ops, 'operations without the hub');
    await page.keyboard.press('1');
    await until('the bump', async () => (await demo.tickets(number)).length === 0);
  } finally {
    process.kill(demo.hub.pids.hub, 'SIGCONT');
  }
  await page.waitForSelector('.kds-off', { state: 'detached' });
  await ops.waitForSelector('text=The hub is out of reach.', { state: 'detached' });
});
