// The analytics in a real browser, on figures that a real site has sent.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

onDemo();

/** Orders that are made, one that is called off, and one item that runs out. */
async function trade() {
  for (const quantity of [1, 2]) await demo.order({ item: 'ramen', modifiers: ['miso'], quantity });
  await demo.order({ item: 'gyoza' }, { item: 'ramen', modifiers: ['miso'] });
  const gone = await demo.order({ item: 'gyoza' });
  await demo.api('POST', `/v1/orders/${gone.id}/cancel`, { reason: 'Guest has left' });
  await demo.api('PUT', '/v1/stock/gyoza', { on_hand: 0 });
  await demo.api('PUT', '/v1/stock/gyoza', { on_hand: 40 });
  await demo.api('POST', '/v1/stock/bagel/adjust', { delta: -1, reason: 'Fell down' });
  await demo.makeAll();
  await until('the hub to have all of it', async () => {
    const { head, cursor } = await demo.api('GET', '/v1/sync');
    return head === cursor;
  });
}

const figure = async (page, name) => (await page.textContent(`[data-figure=${name}] dd`)).trim();
const digits = (text) => Number(text.replace(/[^\d]/g, ''));

for (const colorScheme of ['light', 'dark']) {
  test(`every figure is there and can be used by everyone, ${colorScheme}`, async () => {
    await trade();
    const page = await demo.dashboard('/analytics', { colorScheme });
    for (const card of ['#sales .chart', '#heat .heatmap', '#items [data-item=ramen]', '#sold-out tbody tr', '#preparation [data-station]', '#promise', '#cancelled tbody tr', '#stock tbody tr', '#compared [data-site]', '#forecast .foot']) await page.waitForSelector(card);
    await page.click('#sales summary');
    await assertAccessible(page, `/analytics ${colorScheme}`);
  });
}

test('what is shown is what the hub counts, and the file of a card is what the card shows', async () => {
  await trade();
  const page = await demo.dashboard('/analytics?range=today');
  await page.waitForSelector('#sales .chart');
  const { totals } = await demo.hubApi('GET', '/v1/analytics/sales?of=none&by=all');
  await until('the totals of now', async () => {
    await page.reload();
    await page.waitForSelector('[data-figure=orders]');
    return digits(await figure(page, 'orders')) === totals.orders;
  });
  assert.equal(digits(await figure(page, 'revenue')), totals.revenue);
  await page.waitForSelector('#items [data-item=ramen]');
  const { rows } = await demo.hubApi('GET', '/v1/analytics/items');
  const ramen = rows.find((row) => row.item === 'ramen');
  assert.equal(digits(await page.textContent('#items [data-item=ramen] td.n')), ramen.units);
  assert.match(await page.textContent('#cancelled'), /Guest has left/);
  assert.match(await page.textContent('#stock'), /Fell down/);
  const coming = page.waitForEvent('download');
  await page.click('#items .csv');
  const file = await coming;
  assert.match(file.suggestedFilename(), /^items-.*\.csv$/);
  const lines = readFileSync(await file.path(), 'utf8').split('\r\n');
  assert.equal(lines[0].split(',').slice(0, 4).join(), 'item,name,orders,units');
  assert.ok(lines.some((line) => line.startsWith('ramen,') && line.split(',')[3] === String(ramen.units)), lines.join('\n'));
  assert.deepEqual(page.complaints, []);
});

test('ranges are kept in the address; the chart follows, and so does its table', async () => {
  const page = await demo.dashboard('/analytics');
  await page.waitForSelector('#sales .chart');
  await page.click('#sales summary');
  await page.waitForFunction(() => document.querySelectorAll('#sales tbody tr').length === 28);
  await page.click('#range >> text=7 days');
  await page.waitForFunction(() => document.querySelectorAll('#sales tbody tr').length === 7);
  assert.match(page.url(), /range=7/);
  await page.click('#sales .seg >> text=Hour');
  await page.waitForFunction(() => document.querySelectorAll('#sales tbody tr').length === 7 * 24);
  await page.click('#range >> text=Custom');
  await page.fill('#range-form [name=from]', '2026-01-05');
  await page.fill('#range-form [name=to]', '2026-01-07');
  await page.click('#range-form .btn.primary');
  await page.waitForFunction(() => document.querySelectorAll('#sales tbody tr').length === 3);
  const nothing = () => page.waitForSelector('[data-figure=orders] dd:text-is("0")');
  await nothing();
  await page.reload();
  await nothing();
  assert.deepEqual(page.complaints, []);
});

test('hours that are still to come are not drawn as zero', async () => {
  const page = await demo.dashboard('/analytics?range=today');
  await page.waitForSelector('#sales .chart');
  await page.click('#sales summary');
  await page.waitForSelector('#sales tbody tr');
  const { time_zone: zone } = (await demo.hubApi('GET', '/v1/sites')).items.find((site) => site.id === demo.site.id);
  const hour = Number(new Date().toLocaleTimeString('en-GB', { timeZone: zone, hour: '2-digit' }));
  const cells = await page.locator('#sales tbody tr td:nth-child(4)').allTextContents();
  assert.equal(cells.length, 24);
  cells.forEach((cell, n) => { if (n < hour) assert.match(cell, /^\d/); else if (n > hour + 1) assert.equal(cell, 'no data'); });
});

test('a phone shows all of it without scrolling sideways, and paper has no controls', async () => {
  await trade();
  const page = await demo.dashboard('/analytics', { width: 390, height: 844, hasTouch: true });
  await page.waitForSelector('#heat .heatmap');
  const { scrollWidth, clientWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth }));
  assert.ok(scrollWidth <= clientWidth, `${scrollWidth} of ${clientWidth}`);
  await assertAccessible(page, 'phone');
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.csv:visible, .seg:visible, .ph-nav:visible').count(), 0);
  assert.ok(await page.locator('#sales .chart').first().isVisible());
});
