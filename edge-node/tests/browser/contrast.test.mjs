// Every page in light, dark and high contrast, as the system asks for it: no serious fault by axe-core's rules.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo } from './harness.mjs';

const DESK = { width: 1440, height: 900 };
const MODES = { light: {}, dark: { colorScheme: 'dark' }, 'high contrast': { contrast: 'more' }, 'high contrast and dark': { colorScheme: 'dark', contrast: 'more' } };
/** Views of the dashboard, and what each shows once its data is there. */
const HUB = { '/': '#sites [data-site]', '/orders': '#orders', '/menu': '#items [data-item]', '/analytics': '#sales .chart', '/people': '#people [data-person]', '/sites': '#sites [data-site]', '/audit': '#audit tbody tr', '/proof': '#ledger [data-site]' };
onDemo();

for (const [mode, options] of Object.entries(MODES)) {
  const isHigh = options.contrast === 'more';

  test(`every screen of a site can be used by everyone, ${mode}`, async () => {
    const check = async (page, what) => {
      assert.equal(await page.evaluate(() => document.documentElement.dataset.contrast === 'more'), isHigh, what);
      await assertAccessible(page, `${what}, ${mode}`);
    };
    const kiosk = await demo.page('/', 'kiosk', { width: 810, height: 1440, ...options });
    await kiosk.waitForSelector('.k-attract');
    await check(kiosk, 'the first view');
    await kiosk.click('.k-attract .k-btn');
    await kiosk.waitForSelector('.k-card');
    await check(kiosk, 'the menu');
    await kiosk.click('[data-item=burger] .whole');
    await kiosk.waitForSelector('.k-item');
    await check(kiosk, 'an item');
    await kiosk.keyboard.press('Escape');
    await kiosk.click('[data-item=croissant] .k-add');
    await kiosk.click('.k-cart .k-btn');
    await kiosk.click('.k-alg .k-filters button >> nth=0');
    await kiosk.click('.k-dine .k-opt >> nth=0');
    await check(kiosk, 'the review');
    await kiosk.click('#place');
    await kiosk.waitForSelector('#number');
    await check(kiosk, 'the number');

    const kitchen = await demo.page('/kitchen', 'kitchen', options);
    await kitchen.waitForSelector('.tk');
    await kitchen.keyboard.press('ArrowRight');
    await check(kitchen, 'the kitchen');
    await kitchen.keyboard.press('F8');
    await kitchen.waitForSelector('.kds-dialog');
    await check(kitchen, 'taking off sale');
    const board = await demo.page('/pickup', 'kiosk', options);
    await board.waitForSelector('.pk-prep span');
    await check(board, 'the board');
    const ops = await demo.page('/ops', 'manager', { ...DESK, ...options });
    await ops.waitForSelector(`html[data-theme=${options.colorScheme ?? 'light'}]`);
    for (const [view, there] of Object.entries({ operations: '#sync .pipe', stock: '#stock tbody tr >> nth=0', orders: '#orders tbody tr >> nth=0', devices: '#devices' })) {
      await ops.click(`a[href="#${view}"]`);
      await ops.waitForSelector(there);
      await check(ops, view);
    }
    const nobody = await demo.open('/kitchen', options);
    await nobody.waitForSelector('.pair-code');
    await check(nobody, 'signing in');
  });

  test(`every view of the dashboard can be used by everyone, ${mode}`, async () => {
    await demo.order({ item: 'ramen', modifiers: ['miso'] });
    const page = await demo.dashboard('/', options);
    for (const [path, there] of Object.entries(HUB)) {
      await page.goto(demo.hub.url + path);
      await page.waitForSelector(there);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.contrast === 'more'), isHigh, path);
      await assertAccessible(page, `${path}, ${mode}`);
    }
    const nobody = await demo.open('/', { ...DESK, locale: 'en-GB', origin: demo.hub.url, ...options });
    await nobody.waitForSelector('.login form');
    await assertAccessible(nobody, `signing in, ${mode}`);
  });
}
