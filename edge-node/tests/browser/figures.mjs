// Figures of the pages on a real site: bytes, first paint that can be used, frame rate under load, memory over a day.
// `npm run figures`; it takes some ten minutes and prints tables. `npm run figures soak` (or `paint`, `frames`) measures that alone.
import { setTimeout as pause } from 'node:timers/promises';
import { Demo } from './harness.mjs';

/** Stock updates a second, and for how many seconds. */
const [UPDATES, SECONDS] = [200, 10];
/** Items that take one stock unit each, of their own. */
const ITEMS = ['pancakes', 'croissant', 'pizza', 'bento', 'spaghetti', 'gyoza', 'salad', 'miso-soup', 'pudding', 'dango', 'cake', 'soft-serve', 'filter-coffee', 'green-tea', 'orange-juice', 'soda'];
/**
 * A busy shift, and what happens in each hour of it. What happens is played as fast as the site takes it; what a page does by
 * its clock alone (ticks, beats) goes on in real time.
 */
const SHIFT_HOURS = 8;
/** By this hour caches, compiled code and what a page notes of the last tickets are full. */
const SETTLED = 4;
const HOUR = { orders: 75, guests: 8, recalls: 4, counts: 12 };
const ONLY = process.argv[2];
const PAGES = [
  ['kiosk', '/', 'kiosk', { width: 1080, height: 1920 }, '.k-attract .k-btn'],
  ['kitchen', '/kitchen', 'kitchen', { width: 1920, height: 1080 }, '.kds-none, .tk'],
  ['pickup', '/pickup', 'kiosk', { width: 1920, height: 1080 }, '.pk-f'],
  ['ops', '/ops', 'manager', { width: 1440, height: 900 }, '#sync .pipe'],
];
const round = (number, digits = 0) => Number(number.toFixed(digits));
const demo = await Demo.start();
const rows = Object.fromEntries(PAGES.map(([name]) => [name, {}]));

/** A protocol session that counts what comes over the wire. */
async function wire(page) {
  const session = await page.context().newCDPSession(page);
  const counted = { bytes: 0, requests: 0 };
  await session.send('Network.enable');
  session.on('Network.loadingFinished', ({ encodedDataLength }) => { counted.bytes += encodedDataLength; counted.requests += 1; });
  return { session, counted };
}

/** Bytes and time of a first visit with nothing in the cache, signed in already. */
async function firstVisit([name, path, role, size, ready]) {
  const page = await demo.page(path, role, size);
  await page.waitForSelector(ready);
  const { session, counted } = await wire(page);
  await session.send('Network.clearBrowserCache');
  await page.goto('about:blank');
  const times = [];
  for (let n = 0; n < 5; n += 1) {
    await session.send('Network.clearBrowserCache');
    Object.assign(counted, { bytes: 0, requests: 0 });
    await page.goto(demo.site.url + path, { waitUntil: 'commit' });
    times.push(await page.evaluate((wanted) => new Promise((done) => {
      const look = () => (document.querySelector(wanted) ? requestAnimationFrame(() => setTimeout(() => done(performance.now()))) : requestAnimationFrame(look));
      look();
    }), ready));
  }
  await pause(1_000);
  Object.assign(rows[name], { 'kB on the wire': round(counted.bytes / 1_000), requests: counted.requests, 'ready after ms': round(times.toSorted((a, b) => a - b)[2]) });
  // What every visit after it takes: the rest comes from the browser's own cache.
  await page.goto('about:blank');
  Object.assign(counted, { bytes: 0, requests: 0 });
  await page.goto(demo.site.url + path, { waitUntil: 'load' });
  await page.waitForSelector(ready);
  await pause(1_000);
  rows[name]['kB again'] = round(counted.bytes / 1_000, 1);
  await page.context().close();
}

/** Places orders of all of them, so that the stock of each moves at once, at the rate of `UPDATES`; answers how many updates a second that came to. */
async function sell() {
  const [began, count, placed] = [performance.now(), UPDATES * SECONDS / ITEMS.length, []];
  const flying = [];
  for (let n = 0; n < count; n += 1) {
    await pause(Math.max(0, began + n * 1_000 * ITEMS.length / UPDATES - performance.now()));
    flying.push(demo.order(...ITEMS.map((item) => ({ item }))).then((order) => placed.push(order)));
  }
  await Promise.all(flying);
  const rate = placed.length * ITEMS.length / (performance.now() - began) * 1_000;
  for (const { id } of placed) await demo.api('POST', `/v1/orders/${id}/cancel`, { reason: 'measured' });
  return round(rate);
}

/** Frames a second, and the longest time between two, while stock changes. */
async function frameRate() {
  // The queue holds still, so that it is the stock alone.
  await demo.api('POST', '/v1/queue/pause', {});
  for (const sku of ITEMS) await demo.api('PUT', `/v1/stock/${sku}`, { on_hand: 9_000 });
  console.log(`${await sell()} stock updates a second of ${UPDATES} wanted, without a page`);
  const pages = [];
  for (const [name, path, role, size] of PAGES.filter(([name]) => name !== 'pickup')) {
    const page = await demo.page(path, role, size);
    if (name === 'kiosk') await page.click('.k-attract .k-btn');
    if (name === 'ops') await page.waitForSelector('#stock tbody tr');
    pages.push([name, page]);
  }
  const idle = await measureFrames(pages, async () => pause(5_000));
  let rate = 0;
  const loaded = await measureFrames(pages, async () => { rate = await sell(); });
  console.log(`${rate} with three pages`);
  await demo.api('POST', '/v1/queue/resume', {});
  for (const [name] of pages) {
    Object.assign(rows[name], { 'fps idle': idle[name].fps, 'fps loaded': loaded[name].fps, 'longest frame ms': loaded[name].longest, 'page busy %': loaded[name].busy });
  }
  await demo.closePages();
}

async function measureFrames(pages, work) {
  const before = {};
  for (const [name, page] of pages) {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    before[name] = { session, ...await tasks(session) };
    await page.evaluate(() => {
      const seen = { frames: 0, longest: 0, began: performance.now(), last: performance.now(), on: true };
      globalThis.frames = seen;
      const frame = (now) => {
        seen.frames += 1;
        seen.longest = Math.max(seen.longest, now - seen.last);
        seen.last = now;
        if (seen.on) requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
  }
  await work();
  const found = {};
  for (const [name, page] of pages) {
    found[name] = await page.evaluate(() => {
      const { frames, longest, began } = globalThis.frames;
      globalThis.frames.on = false;
      return { fps: Math.round(frames / (performance.now() - began) * 1_000), longest: Math.round(longest) };
    });
    const { session, busy, at } = before[name];
    const after = await tasks(session);
    found[name].busy = round((after.busy - busy) / (after.at - at) * 100);
    await session.detach();
  }
  return found;
}

/** How long a page's main thread has worked, and when that was so, seconds. */
async function tasks(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (wanted) => metrics.find(({ name }) => name === wanted).value;
  return { busy: of('TaskDuration'), at: of('Timestamp') };
}

/** Bytes that a page holds after everything that can go is gone. */
async function held(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
  await session.detach();
  return { bytes: usedSize, nodes, listeners: jsEventListeners };
}

/** Waits for a part of a page. A handle of Playwright's would hold the part for as long as the page lives. */
const there = (page, selector) => page.locator(selector).first().waitFor();

/** A guest at the kiosk: language, a sheet, an order and its last view, or one who leaves it. */
async function guest(kiosk, n) {
  await kiosk.click('.k-attract .k-btn');
  if (n % 2) {
    await kiosk.click('.k-lang [lang=ja]');
    await there(kiosk, 'html[lang=ja]');
  }
  await kiosk.click('[data-item=burger] .whole');
  await there(kiosk, '.k-item');
  await kiosk.keyboard.press('Escape');
  await kiosk.click('[data-item=croissant] .k-add');
  await kiosk.click('.k-cart .k-btn');
  await kiosk.click('.k-dine .k-opt >> nth=0');
  if (n % 4 === 3) {
    await kiosk.click('.k-a11y button >> nth=0');
  } else {
    await kiosk.click('#place');
    await there(kiosk, '#number');
    await kiosk.click('.k-finish .k-btn');
  }
  await there(kiosk, '.k-attract');
}

/** Makes and hands over what is open. */
async function serve() {
  await demo.makeAll();
  for (const { id, state } of (await demo.api('GET', '/v1/orders?state=open&limit=200')).items) {
    if (state === 'ready') await demo.api('POST', `/v1/orders/${id}/collect`);
  }
}

/** An hour of the shift at all four screens. */
async function hour({ kiosk, kitchen, ops }) {
  await demo.api('PUT', '/v1/stock/croissant', { on_hand: 9_000 });
  await demo.api('PUT', '/v1/stock/rice', { on_hand: 9_000 });
  const every = (count) => Math.max(1, Math.floor(HOUR.orders / count));
  for (let n = 0; n < HOUR.orders; n += 1) {
    const order = await demo.order({ item: ['croissant', 'curry-rice', 'spaghetti', 'green-tea'][n % 4] });
    if (n % every(HOUR.counts) === 0) await demo.api('PUT', '/v1/stock/salad', { on_hand: 20 + n % 40 });
    if (n % every(HOUR.guests) === 0) await guest(kiosk, n / every(HOUR.guests));
    if (n % every(HOUR.recalls) === 0) {
      await there(kitchen, `.tk[data-number="${order.number}"]`);
      await kitchen.click(`.tk[data-number="${order.number}"] .go`);
      await kitchen.keyboard.press('r');
      await kitchen.keyboard.press('F8');
      await there(kitchen, '.kds-dialog');
      await kitchen.keyboard.press('Escape');
      for (const view of ['stock', 'orders', 'operations']) await ops.click(`a[href="#${view}"]`);
    }
    if (n % 5 === 4) await serve();
  }
  await serve();
}

/** A shift: what every page holds after each of its hours. What grows by the hour is a leak. */
async function soak() {
  const pages = {};
  for (const [name, path, role, size, ready] of PAGES) {
    pages[name] = await demo.page(path, role, size);
    await there(pages[name], ready);
  }
  const began = performance.now();
  const seen = [];
  for (let n = 0; n <= SHIFT_HOURS; n += 1) {
    await hour(pages);
    await pause(2_000);
    const row = { hour: n };
    for (const [name, page] of Object.entries(pages)) {
      const { bytes, nodes, listeners } = await held(page);
      Object.assign(row, { [`${name} MB`]: round(bytes / 1e6, 2), [`${name} nodes`]: nodes, [`${name} listeners`]: listeners });
    }
    seen.push(row);
    console.log(JSON.stringify(row));
  }
  console.table(seen);
  for (const name of Object.keys(pages)) {
    const settled = seen.slice(SETTLED).map((row) => row[`${name} MB`] * 1_000);
    Object.assign(rows[name], { 'MB after hour 0': seen[0][`${name} MB`], [`after hour ${SHIFT_HOURS}`]: seen.at(-1)[`${name} MB`], [`kB an hour from ${SETTLED} on`]: slope(settled) });
  }
  const minutes = (performance.now() - began) / 60_000;
  console.log(`${SHIFT_HOURS + 1} hours of ${HOUR.orders} orders, ${HOUR.guests} of them by guests at the kiosk, in ${round(minutes, 1)} minutes: ${round((SHIFT_HOURS + 1) * 60 / minutes)} times as fast`);
}

/** By how much values grow from one to the next, by least squares. */
function slope(values) {
  const [middle, mean] = [(values.length - 1) / 2, values.reduce((sum, value) => sum + value, 0) / values.length];
  const over = values.reduce((sum, value, n) => sum + (n - middle) * (value - mean), 0);
  return round(over / values.reduce((sum, _, n) => sum + (n - middle) ** 2, 0), 1);
}

try {
  if (!ONLY || ONLY === 'paint') for (const page of PAGES) await firstVisit(page);
  if (!ONLY || ONLY === 'frames') await frameRate();
  if (!ONLY || ONLY === 'soak') await soak();
  console.table(rows);
} finally {
  await demo.stop();
}
