// Guests of every kind at the kiosk: two who want the last one, one who sees nothing, one who calls, one with a phone.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

const KIOSK = { width: 810, height: 1440 };
onDemo();

async function kiosk(size = KIOSK) {
  const page = await demo.page('/', 'kiosk', size);
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  return page;
}

async function review(page, item) {
  await page.click(`[data-item=${item}] .k-add`);
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=0');
}

test('of two kiosks that race for the last one, one gets it and the other is told so', async () => {
  const pages = [await kiosk(), await kiosk()];
  const known = (await demo.orders()).length;
  await demo.api('PUT', '/v1/stock/pudding', { on_hand: 1 });
  for (const page of pages) {
    await page.waitForSelector('[data-item=pudding] .k-badge.low');
    await review(page, 'pudding');
  }
  await Promise.all(pages.map((page) => page.evaluate(() => document.querySelector('#place').click())));
  await Promise.all(pages.map((page) => page.waitForSelector('#number, .k-kind')));
  const outcomes = await Promise.all(pages.map((page) => page.locator('#number').count()));
  assert.deepEqual(outcomes.toSorted(), [0, 1]);
  assert.equal((await demo.orders()).length, known + 1);
  assert.equal((await demo.api('GET', '/v1/stock/pudding')).on_hand, 0);
  await demo.api('PUT', '/v1/stock/pudding', { on_hand: 40 });
});

/** Goes on by Tab until the focus is on what a screen reader calls by this role and name. */
async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name }).first();
  await wanted.waitFor();
  for (let step = 0; step < 120; step += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not reach ${role} ${name}`);
}

test('a whole order is placed by Tab, Enter and the names that a screen reader tells', async () => {
  const page = await demo.page('/', 'kiosk', KIOSK);
  const press = async (role, name, key = 'Enter') => {
    await tabTo(page, role, name);
    await page.keyboard.press(key);
  };
  await press('button', 'Touch to order');
  await press('button', 'Choose options for Burger');
  const dialog = page.getByRole('dialog', { name: 'Burger' });
  await dialog.waitFor();
  // The focus is held within the sheet, and what is still to choose is said.
  await page.getByRole('button', { name: /^Choose:/ }).waitFor();
  const choice = await dialog.getByRole('radio').first().textContent();
  await press('radio', choice.trim().slice(0, 4), 'Space');
  await press('button', /^Add to order/);
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: '1 Burger in your order, add one more' }).waitFor();
  await press('button', 'Review order');
  await press('radio', 'Eat here', 'Space');
  await press('button', /^Place order/);
  const told = page.getByRole('status').filter({ hasText: 'Your number' });
  await told.waitFor();
  const orders = await demo.orders();
  assert.match(await told.textContent(), new RegExp(`Your number${orders.at(-1).number}`));
  assert.deepEqual(page.complaints, []);
});

test('diets and allergens filter the menu; a set, its energy and what it is made of are shown', async () => {
  const page = await kiosk();
  await page.waitForSelector('.k-promo >> text=Curry, miso soup and green tea');
  await page.click('.k-filters button >> text=Vegan');
  await page.waitForSelector('[data-item=burger]', { state: 'detached' });
  await page.waitForSelector('[data-item=burrito] .meta >> text=520 kcal');
  await page.waitForSelector('.k-sec >> text=/hidden by Vegan/');
  await page.click('.k-filters button >> text=No wheat');
  await page.waitForSelector('[data-item=burrito]', { state: 'detached' });
  await assertAccessible(page, 'a filtered menu');
  await page.click('.k-filters button >> text=Vegan');
  await page.click('.k-filters button >> text=No wheat');
  await page.click('[data-item=lunch-set] .whole');
  await page.waitForSelector('.k-parts >> text=Miso soup');
  await page.waitForSelector('.k-allergen >> text=Fish');
  await assertAccessible(page, 'a set');
  await page.click('.k-item .k-foot .grow');
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=1');
  await page.click('#place');
  await page.waitForSelector('#number');
  const order = (await demo.orders()).at(-1);
  await until('a ticket at each of its stations', async () => new Set((await demo.tickets(order.number)).map((row) => row.station)).size === 2);
});

test('a kitchen that has no room left today says so, and nothing is ordered', async () => {
  const words = readFileSync(`/proc/${demo.site.pids.edge}/cmdline`, 'utf8').split('\0');
  const file = words[words.indexOf('--config') + 1];
  const config = readFileSync(file, 'utf8');
  const known = (await demo.orders()).length;
  try {
    writeFileSync(file, `${config}\n[[stations]]\nname = "oven"\ncapacity_seconds = 1\n`);
    await demo.killEdge();
    const page = await kiosk();
    await review(page, 'pizza');
    await page.click('#place');
    await page.waitForSelector('.k-refused >> text=The kitchen has no room left today.');
    await assertAccessible(page, 'no room left');
    assert.equal((await demo.orders()).length, known);
  } finally {
    writeFileSync(file, config);
    await demo.killEdge();
  }
});

test('a site that closes right before an order is placed says when it opens, and goes on', async () => {
  const page = await kiosk();
  await review(page, 'croissant');
  // The kiosk does not hear of it in time.
  await page.context().route('**/v1/menu', (route) => route.abort());
  await demo.api('POST', '/v1/site/close', { reason: 'burst pipe', until: new Date(Date.now() + 3_600_000).toISOString() });
  await page.click('#place');
  await page.waitForSelector('.k-refused >> text=/We take orders again at .*\\d\\d:\\d\\d. Nothing was ordered./');
  await assertAccessible(page, 'a refused order');
  await page.context().unroute('**/v1/menu');
  await demo.api('POST', '/v1/site/open', {});
  await page.waitForSelector('.k-closed', { state: 'detached' });
  await page.click('#place');
  await page.waitForSelector('#number');
});

test('on a tablet and on a phone everything is there, large enough and within the page', async () => {
  for (const size of [{ width: 800, height: 1280 }, { width: 1280, height: 800 }, { width: 390, height: 844 }, { width: 360, height: 740 }, { width: 844, height: 390 }]) {
    const what = `${size.width} by ${size.height}`;
    const page = await kiosk({ ...size, hasTouch: true });
    await assertAccessible(page, `the menu at ${what}`);
    const faults = await page.evaluate(() => [...document.querySelectorAll('button, h2, h3, .price')].flatMap((element) => {
      const { left, right, width, height } = element.getBoundingClientRect();
      if (!width || element.closest('.k-rail, .k-filters')) return [];
      const zoom = Number(getComputedStyle(document.documentElement).zoom) || 1;
      const text = Number.parseFloat(getComputedStyle(element).fontSize) * zoom;
      const name = `${element.className} ${element.textContent}`;
      return [
        ...(left < -1 || right > innerWidth + 1 ? [`${name}: outside (${left} to ${right})`] : []),
        ...(text < 11.5 ? [`${name}: text of ${text} px`] : []),
        ...(element.matches('button') && Math.min(width, height) < 24 ? [`${name}: ${width} by ${height}`] : []),
      ];
    }));
    assert.deepEqual(faults, [], what);
    await review(page, 'croissant');
    await assertAccessible(page, `the review at ${what}`);
    await page.click('#place');
    await page.waitForSelector('#number');
    const [ticket, finish] = await Promise.all(['.k-ticket', '.k-finish'].map((part) => page.locator(part).boundingBox()));
    assert.ok(ticket.y + ticket.height <= finish.y, `at ${what} the ticket ends at ${ticket.y + ticket.height}, and what ends the view begins at ${finish.y}`);
    await assertAccessible(page, `the number at ${what}`);
  }
});

test('on a phone the page of an order tells how it stands, and stays', async () => {
  const page = await kiosk({ width: 390, height: 844, hasTouch: true });
  await review(page, 'croissant');
  await page.click('#place');
  await page.waitForSelector('.eta[data-state=placed], .eta[data-state=preparing]');
  const { number } = (await demo.orders()).at(-1);
  const [ticket] = await until('its ticket', async () => { const found = await demo.tickets(number); return found.length && found; });
  await demo.api('POST', `/v1/tickets/${ticket.id}/bump`);
  await page.waitForSelector('.eta.now >> text=Ready');
  await assertAccessible(page, 'an order that is ready');
  await page.reload();
  await page.waitForSelector('.eta.now >> text=Ready');
  assert.equal(await page.locator('text=This screen clears').count(), 0);
});
