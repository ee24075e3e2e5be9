// Figures of the pages on a real site: bytes, first paint that can be used, frame rate under load, memory over a day.
// `npm run figures`; it takes about four minutes and prints one table.
import { setTimeout as pause } from 'node:timers/promises';
import { Demo, until } from './harness.mjs';

/** Stock updates a second, and for how many seconds. */
const [UPDATES, SECONDS] = [200, 10];
/** Items whose stock is counted, one unit each. */
const TEN = ['croissant', 'bento', 'pizza', 'gyoza', 'salad', 'pudding', 'dango', 'cake', 'soft-serve', 'orange-juice'];
/** A shift, and how many times faster than it is played. */
const [SHIFT_HOURS, FASTER] = [8, 240];
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

/** Frames a second, and the longest time between two, while stock changes. */
async function frameRate() {
  const pages = [];
  for (const [name, path, role, size] of PAGES.filter(([name]) => name !== 'pickup')) {
    const page = await demo.page(path, role, size);
    if (name === 'kiosk') await page.click('.k-attract .k-btn');
    if (name === 'ops') await page.waitForSelector('#stock tbody tr');
    pages.push([name, page]);
  }
  // An order of ten lines moves the stock of ten units at once. The queue holds still, so that it is the stock alone.
  await demo.api('POST', '/v1/queue/pause', {});
  for (const sku of TEN) await demo.api('PUT', `/v1/stock/${sku}`, { on_hand: 9_000 });
  const idle = await measureFrames(pages, async () => pause(5_000));
  const placed = [];
  const loaded = await measureFrames(pages, async () => {
    const [began, count] = [performance.now(), UPDATES * SECONDS / TEN.length];
    const flying = [];
    for (let n = 0; n < count; n += 1) {
      await pause(Math.max(0, began + n * 1_000 * TEN.length / UPDATES - performance.now()));
      flying.push(demo.order(...TEN.map((item) => ({ item }))).then((order) => placed.push(order)));
    }
    await Promise.all(flying);
    console.log(`${round(placed.length * TEN.length / (performance.now() - began) * 1_000)} stock updates a second`);
  });
  for (const { id } of placed) await demo.api('POST', `/v1/orders/${id}/cancel`, { reason: 'measured' });
  await demo.api('POST', '/v1/queue/resume', {});
  for (const [name] of pages) {
    Object.assign(rows[name], { 'fps idle': idle[name].fps, 'fps loaded': loaded[name].fps, 'longest frame ms': loaded[name].longest });
  }
  await demo.closePages();
}

async function measureFrames(pages, work) {
  for (const [, page] of pages) {
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
  }
  return found;
}

/** Bytes that a page holds after everything that can go is gone. */
async function held(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const { nodes } = await session.send('Memory.getDOMCounters');
  await session.detach();
  return { bytes: usedSize, nodes };
}

/** A shift played fast: the orders, tickets and stock changes of hours come in minutes. */
async function soak() {
  const orders = 600;
  const pages = [];
  for (const [name, path, role, size, ready] of PAGES) {
    const page = await demo.page(path, role, size);
    await page.waitForSelector(ready);
    if (name === 'kiosk') await page.click('.k-attract .k-btn');
    pages.push([name, page]);
  }
  const seconds = SHIFT_HOURS * 3_600 / FASTER;
  for (const sku of ['croissant', 'rice']) await demo.api('PUT', `/v1/stock/${sku}`, { on_hand: 9_000 });
  const play = async (count, within) => {
    const began = performance.now();
    for (let n = 0; n < count; n += 1) {
      await pause(Math.max(0, began + n * within * 1_000 / count - performance.now()));
      const order = await demo.order({ item: ['croissant', 'curry-rice', 'spaghetti', 'green-tea'][n % 4] });
      if (n % 10 === 0) await demo.api('PUT', '/v1/stock/croissant', { on_hand: 60 });
      await until('its ticket', async () => (await demo.tickets(order.number)).length > 0);
      for (const { id } of await demo.tickets(order.number)) await demo.api('POST', `/v1/tickets/${id}/bump`);
      await demo.api('POST', `/v1/orders/${order.id}/collect`);
    }
  };
  // Caches and compiled code fill up first.
  await play(60, 10);
  const before = new Map();
  for (const [name, page] of pages) before.set(name, await held(page));
  await play(orders, seconds);
  for (const [name, page] of pages) {
    const [from, to] = [before.get(name), await held(page)];
    Object.assign(rows[name], { 'MB before': round(from.bytes / 1e6, 2), 'MB after': round(to.bytes / 1e6, 2), 'nodes before': from.nodes, 'nodes after': to.nodes });
  }
  console.log(`${orders} orders in ${round(seconds)} s, as many as in ${SHIFT_HOURS} hours at one in ${round(SHIFT_HOURS * 3_600 / orders)} s`);
}

try {
  for (const page of PAGES) await firstVisit(page);
  await frameRate();
  await soak();
  console.table(rows);
} finally {
  await demo.stop();
}
