// The live page in a real browser: pushed, not asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

onDemo();

for (const colorScheme of ['light', 'dark']) {
  test(`all sites are seen and can be used by everyone, ${colorScheme}`, async () => {
    await demo.order({ item: 'ramen', modifiers: ['miso'] });
    const page = await demo.dashboard('/', { colorScheme });
    for (const there of ['#totals [data-figure=orders]', '#sites [data-site]', '#curve .chart', '#ticker [data-order]', '#fresh']) await page.waitForSelector(there);
    await assertAccessible(page, `live ${colorScheme}`);
    await page.click('#alarms');
    await page.waitForSelector('.dialog');
    await assertAccessible(page, `alarms ${colorScheme}`);
  });
}

test('an order is shown without asking for it, and a hub that falls silent is said', async () => {
  const page = await demo.dashboard('/');
  await page.waitForSelector('#ticker');
  const asked = [];
  page.on('request', (request) => { if (request.url().includes('/v1/orders')) asked.push(request.url()); });
  await page.mouse.move(700, 10);
  const before = Number(await page.textContent('[data-figure=orders] dd'));
  const order = await demo.order({ item: 'gyoza' });
  await page.waitForSelector(`#ticker [data-order="${order.id}"]`);
  await page.waitForFunction((n) => Number(document.querySelector('[data-figure=orders] dd').textContent.replace(/\D/g, '')) > n, before);
  assert.deepEqual(asked, []);
  const { hub } = demo.hub.pids;
  process.kill(hub, 'SIGSTOP');
  try {
    await page.waitForSelector('#stale[role=alert]');
    assert.equal(await page.locator('#fresh').count(), 0);
    assert.ok(await page.locator('#sites [data-site]').count() > 0, 'what was known stays');
  } finally {
    process.kill(hub, 'SIGCONT');
  }
  await page.waitForSelector('#stale', { state: 'detached' });
  assert.deepEqual(page.complaints, []);
});

test('a site that is not heard turns grey and comes with the time of its last word', async () => {
  const page = await demo.dashboard('/');
  const { id } = (await demo.hubApi('GET', '/v1/sites')).items.find((site) => site.id === demo.site.id);
  await page.waitForSelector(`#sites [data-site=${id}][data-state=healthy], #sites [data-site=${id}][data-state=slow]`);
  demo.signal('SIGSTOP');
  try {
    await page.waitForSelector(`#sites [data-site=${id}][data-state=silent] .stale`);
    await page.waitForSelector('[data-figure=touch].warn');
    assert.match(await page.textContent('#alarms'), /\d/);
  } finally {
    demo.signal('SIGCONT');
  }
  await until('the site to be heard', () => page.locator(`#sites [data-site=${id}]:not([data-state=silent])`).count());
});

test('a site that takes no orders is shown as closed, in both languages, and again as healthy', async () => {
  const pages = [await demo.dashboard('/'), await demo.dashboard('/', { locale: 'ja-JP' })];
  const row = `#sites [data-site=${demo.site.id}]`;
  await pages[0].waitForSelector(`${row}:not([data-state=closed])`);
  await demo.api('POST', '/v1/site/close', { reason: 'burst pipe', until: new Date(Date.now() + 3_600_000).toISOString() });
  try {
    await pages[0].waitForSelector(`${row}[data-state=closed] >> text=Closed`);
    await pages[1].waitForSelector(`${row}[data-state=closed] >> text=休止中`);
    await assertAccessible(pages[0], 'a closed site');
  } finally {
    await demo.api('POST', '/v1/site/open', {});
  }
  await pages[0].waitForSelector(`${row}:not([data-state=closed])`);
});

test('a site that has not taken its menu yet is shown as updating, until it has', async () => {
  const page = await demo.dashboard('/');
  const row = `#sites [data-site=${demo.site.id}]`;
  const { id: menu, version: before } = (await demo.hubApi('GET', '/v1/menus')).items[0];
  await page.waitForSelector(`${row} .tag >> text="v${before}"`);
  // What the hub sends down does not arrive while the edge holds still.
  demo.signal('SIGSTOP');
  try {
    await demo.hubApi('PATCH', `/v1/menus/${menu}/items/soda`, { price: 211 });
    await demo.hubApi('POST', `/v1/menus/${menu}/publish`, { note: 'Soda' });
    await page.waitForSelector(`${row} .tag >> text=v${before + 1}`);
    await assertAccessible(page, 'a site that is updating');
  } finally {
    demo.signal('SIGCONT');
  }
  await page.waitForSelector(`${row} .tag >> text="v${before + 1}"`);
});
