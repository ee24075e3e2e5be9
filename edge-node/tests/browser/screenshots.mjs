// Pictures of every page in its states, each at the size of its device, into `screenshots/` beside this file.
// A site on real servers is brought into every state by what people do; nothing is drawn by hand.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Demo, until } from './harness.mjs';

const FOLDER = fileURLToPath(new URL('screenshots/', import.meta.url));
const [KIOSK, WALL, DESK] = [{ width: 1080, height: 1920 }, { width: 1920, height: 1080 }, { width: 1440, height: 900 }];
const TABLET = { width: 800, height: 1280, hasTouch: true };
const PHONE = { width: 390, height: 844, hasTouch: true, deviceScaleFactor: 2 };

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const demo = await Demo.start();
const shot = async (page, name) => {
  await page.mouse.move(0, 0);
  await page.waitForFunction(() => document.fonts.status === 'loaded');
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
  await page.screenshot({ path: `${FOLDER}${name}.png` });
  console.log(name);
};
const kiosk = async (size = KIOSK) => {
  const page = await demo.page('/', 'kiosk', size);
  await page.waitForSelector('.k-attract');
  return page;
};
const inMenu = async (size) => {
  const page = await kiosk(size);
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  return page;
};
const settle = (page, ...names) => Promise.all(names.map((name) => page.waitForSelector(name)));

async function kioskStates() {
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 3 });
  await demo.api('POST', '/v1/stock/pizza/suspend', {});
  let page = await kiosk();
  await shot(page, 'kiosk-attract');
  await page.click('.k-attract .k-btn');
  await settle(page, '.k-card', '[data-item=pizza].out');
  for (const item of ['croissant', 'croissant', 'curry-rice']) {
    await page.click(`[data-item=${item}] .k-add`);
    await page.waitForTimeout(400);
  }
  await page.click('.k-rail button >> nth=1');
  await shot(page, 'kiosk-menu');
  await page.click('.k-lang [lang=ja]');
  await page.waitForSelector('text=ハンバーガー');
  await shot(page, 'kiosk-menu-ja');
  await page.click('.k-lang [lang=en]');
  await page.waitForSelector('text=Cheeseburger');
  await page.click('.k-filters button >> nth=0');
  await shot(page, 'kiosk-menu-filtered');
  await page.click('.k-filters button >> nth=0');
  await page.click('[data-item=burger] .whole');
  await page.waitForSelector('.k-item');
  await page.click('.k-item [role=radio] >> nth=1');
  await shot(page, 'kiosk-item');
  await page.keyboard.press('Escape');
  await page.click('[data-item=lunch-set] .whole');
  await page.waitForSelector('.k-parts');
  await shot(page, 'kiosk-set');
  await page.keyboard.press('Escape');
  await page.click('.k-a11y button >> nth=1');
  await shot(page, 'kiosk-lower');
  await page.click('.k-a11y button >> nth=1');
  for (const setting of [2, 3]) await page.click(`.k-a11y button >> nth=${setting}`);
  await shot(page, 'kiosk-big-contrast');
  for (const setting of [2, 3]) await page.click(`.k-a11y button >> nth=${setting}`);
  await page.click('.k-cart .k-btn');
  await page.waitForSelector('.k-review');
  await page.click('.k-alg .k-filters button >> nth=0');
  await page.click('.k-dine .k-opt >> nth=0');
  await shot(page, 'kiosk-review');
  await page.click('#place');
  await page.waitForSelector('#number');
  await shot(page, 'kiosk-done');
  await page.context().close();

  page = await inMenu();
  await page.waitForSelector('[data-item=cake] .k-badge.low');
  for (const item of ['cake', 'croissant']) await page.click(`[data-item=${item}] .k-add`);
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=1');
  await page.context().route('**/v1/menu', (route) => route.abort());
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 0 });
  await page.click('#place');
  await page.context().unroute('**/v1/menu');
  await page.waitForSelector('.k-kind');
  await shot(page, 'kiosk-soldout-race');
  await page.context().close();

  page = await kiosk();
  await page.clock.install();
  await page.reload();
  await page.click('.k-attract .k-btn');
  await page.click('[data-item=croissant] .k-add');
  await page.clock.fastForward(50_000);
  await page.waitForSelector('.k-still');
  await shot(page, 'kiosk-idle');
  await page.context().close();

  page = await inMenu();
  await page.click('[data-item=croissant] .k-add');
  await page.click('#call');
  await demo.api('POST', '/v1/site/close', { reason: 'Burst pipe in the kitchen', until: new Date(Date.now() + 5_400_000).toISOString() });
  await settle(page, '.k-closed', '#call.on');
  await shot(page, 'kiosk-closed-called');
  await demo.api('POST', '/v1/site/open', {});
  await page.context().close();

  for (const [name, size] of [['tablet', TABLET], ['phone', PHONE]]) {
    page = await inMenu(size);
    await page.click('[data-item=croissant] .k-add');
    await shot(page, `kiosk-${name}-menu`);
    await page.click('[data-item=burger] .whole');
    await page.waitForSelector('.k-item');
    await shot(page, `kiosk-${name}-item`);
    await page.keyboard.press('Escape');
    await page.click('.k-cart .k-btn');
    await page.click('.k-dine .k-opt >> nth=0');
    await shot(page, `kiosk-${name}-review`);
    await page.click('#place');
    await page.waitForSelector('#number');
    await shot(page, `kiosk-${name}-done`);
    await page.context().close();
  }
  await demo.api('POST', '/v1/stock/pizza/resume', {});
  for (const { device } of (await demo.api('GET', '/v1/calls')).items) await demo.api('POST', `/v1/calls/${device}/done`);
}

async function staffStates() {
  await demo.makeAll();
  const kitchen = await demo.page('/kitchen', 'kitchen', WALL);
  await kitchen.waitForSelector('.kds-none');
  await shot(kitchen, 'kitchen-empty');
  const lines = [[{ item: 'ramen', modifiers: ['miso'], quantity: 2 }, { item: 'gyoza' }], [{ item: 'curry-rice' }, { item: 'miso-soup', quantity: 2 }], [{ item: 'burrito' }, { item: 'fries', modifiers: ['regular'] }],
    [{ item: 'croissant' }, { item: 'green-tea' }], [{ item: 'lunch-set' }], [{ item: 'spaghetti', quantity: 3 }], [{ item: 'salad' }], [{ item: 'soda' }]];
  const orders = [];
  for (const one of lines) orders.push(await demo.order(...one));
  await demo.api('POST', '/v1/orders', { channel: 'counter', service: 'away', avoid: ['egg'], lines: [{ item: 'bento', quantity: 1 }] });
  await kitchen.waitForSelector('.kds-foot >> text=Page 1 of 2');
  await kitchen.click('.tk >> nth=1 >> button.l >> nth=0').catch(() => {});
  await kitchen.click('.tk >> nth=2 >> .go');
  await kitchen.keyboard.press('r');
  await kitchen.waitForSelector('.tk.again');
  await demo.api('POST', '/v1/stock/cake/suspend', {});
  await kitchen.keyboard.press('ArrowRight');
  await shot(kitchen, 'kitchen');
  await kitchen.keyboard.press('F8');
  await kitchen.waitForSelector('.kds-dialog');
  await shot(kitchen, 'kitchen-86');
  await kitchen.keyboard.press('Escape');
  const guest = await inMenu();
  await guest.click('#call');
  await kitchen.waitForSelector('.kds-calls p');
  await shot(kitchen, 'kitchen-call');
  await kitchen.click('.kds-calls button');
  await kitchen.waitForSelector('.kds-calls p', { state: 'detached' });
  const board = await demo.page('/pickup', 'kiosk', WALL);
  const ops = await demo.page('/ops', 'manager', DESK);
  for (const { id, number } of orders.slice(0, 4)) {
    for (const ticket of await demo.tickets(number)) if (ticket.order === id) await demo.api('POST', `/v1/tickets/${ticket.id}/bump`);
  }
  await until('a called number', () => board.locator('#now').count());
  await board.waitForTimeout(1_000);
  await shot(board, 'pickup');
  await settle(ops, '#sync .pipe', '.deps .pill', '#sold td');
  await shot(ops, 'ops');
  await ops.click('button[aria-label="Dark theme"]');
  await shot(ops, 'ops-dark');
  await ops.click('button[aria-label="Light theme"]');
  await ops.click('#close');
  await ops.waitForSelector('.dialog');
  await shot(ops, 'ops-pause');
  await ops.keyboard.press('Escape');
  for (const view of ['stock', 'orders', 'devices']) {
    await ops.click(`a[href="#${view}"]`);
    await ops.waitForSelector(`a[href="#${view}"].on`);
    await ops.waitForTimeout(500);
    await shot(ops, `ops-${view}`);
  }
  const phone = await demo.page('/ops', 'manager', PHONE);
  await settle(phone, '#sync .pipe', '#sold td');
  await shot(phone, 'ops-phone');
  const tablet = await demo.page('/kitchen', 'kitchen', { width: 1280, height: 800, hasTouch: true });
  await tablet.waitForSelector('.tk');
  await shot(tablet, 'kitchen-tablet');
  demo.signal('SIGSTOP');
  await Promise.all([kitchen, board, ops].map((page) => page.waitForSelector('#stale')));
  for (const [page, name] of [[kitchen, 'kitchen-stale'], [board, 'pickup-stale'], [ops, 'ops-stale']]) await shot(page, name);
  await guest.waitForSelector('.linkbar');
  await shot(guest, 'kiosk-reconnecting');
  await guest.waitForSelector('.k-break');
  await shot(guest, 'kiosk-break');
  demo.signal('SIGCONT');
  const nobody = await (await demo.browser.newContext({ viewport: KIOSK })).newPage();
  await nobody.goto(demo.site.url);
  await nobody.waitForSelector('.sign-in form');
  await shot(nobody, 'sign-in');
}

/** The hub's dashboard: every view, light and dark, at a desk and on a phone, and its way in. */
async function hubStates() {
  const views = { live: ['/', '#sites [data-site]'], orders: ['/orders', '#timeline .dot'], menu: ['/menu', '#rollout [data-site]'], analytics: ['/analytics', '#heat .heatmap'], people: ['/people', '#people [data-person]'], sites: [`/sites?site=${demo.site.id}`, '#detail'], audit: ['/audit', '#audit tbody tr'], proof: ['/proof', '#ledger [data-site]'] };
  for (const [name, options] of [['', {}], ['-dark', { colorScheme: 'dark' }], ['-phone', PHONE], ['-ja', { locale: 'ja-JP' }]]) {
    const page = await demo.dashboard('/', options);
    for (const [view, [path, there]] of Object.entries(views)) {
      await page.goto(demo.hub.url + path);
      await page.waitForSelector(there);
      await shot(page, `hub-${view}${name}`);
    }
    await page.context().close();
  }
  const nobody = await demo.open('/', { ...DESK, locale: 'en-GB', origin: demo.hub.url });
  await nobody.waitForSelector('.login form');
  await shot(nobody, 'hub-sign-in');
}

try {
  await kioskStates();
  await hubStates();
  await staffStates();
} finally {
  await demo.stop();
}
