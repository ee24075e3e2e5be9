// The kiosk: an order is placed once, whatever happens on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, listen, onDemo, until } from './harness.mjs';

const KIOSK = { width: 810, height: 1440 };
onDemo();

async function kiosk() {
  const page = await demo.page('/', 'kiosk', KIOSK);
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  return page;
}

async function review(page, ...items) {
  for (const item of items) await page.click(`[data-item=${item}] .k-add`);
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=0');
}

test('touched twice, its answer lost, reloaded and the edge killed, an order is placed once', async () => {
  const page = await kiosk();
  const known = (await demo.orders()).length;
  await review(page, 'croissant', 'pizza');
  // The first try is served, but its answer does not come; the second does not get out.
  const keys = [];
  await page.context().route('**/v1/orders', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length === 1) await route.fetch();
    await route.abort();
  });
  await page.evaluate(() => {
    const button = document.querySelector('#place');
    button.click();
    button.click();
  });
  await until('a second try', () => keys.length >= 2);
  await demo.killEdge();
  await page.reload();
  await until('a try after the reload', () => keys.length >= 4);
  await page.context().unroute('**/v1/orders');
  await page.waitForSelector('#number');
  assert.equal(new Set(keys).size, 1, 'all tries have one key');
  const orders = (await demo.orders()).slice(known);
  assert.equal(orders.length, 1);
  assert.equal(await page.textContent('#number'), String(orders[0].number));
  assert.equal(orders[0].lines.length, 2);
  await assertAccessible(page, 'the last view');
});

test('an order outlives a reload and a change of language; nothing of it is left for the next guest', async () => {
  const page = await kiosk();
  await page.click('[data-item=burger] .k-add');
  const add = page.locator('.k-item .k-foot .grow');
  assert.equal(await add.getAttribute('aria-disabled'), 'true', 'a size has to be chosen first');
  await page.click('.k-item [role=radio] >> nth=1');
  await add.click();
  await page.click('.k-lang [lang=ja]');
  await page.waitForSelector('text=ハンバーガー');
  await page.reload();
  await page.waitForSelector('text=ハンバーガー');
  assert.equal(await page.textContent('.k-cart .bag b'), '1');
  await page.click('.k-cart .k-btn');
  await page.click('.k-alg .k-filters button >> nth=0');
  await page.waitForSelector('.k-alg [role=alert]');
  await page.click('.k-a11y button >> nth=0');
  await page.waitForSelector('text=Touch to order');
  await page.click('.k-attract .k-btn');
  assert.equal(await page.locator('.k-cart .bag b').count(), 0);
  assert.equal(await page.locator('.k-filters .on').count(), 0);
});

test('what sells out before the order is placed is named, and can be swapped with one touch for what is like it', async () => {
  const page = await kiosk();
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 2 });
  await page.waitForSelector('[data-item=cake] .k-badge.low');
  for (const item of ['cake', 'cake', 'salad']) {
    await page.click(`[data-item=${item}] .k-add`);
    // Touches that follow at once are a tremor.
    await page.waitForTimeout(400);
  }
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=0');
  // Somebody else takes both before the kiosk can hear of it.
  await page.context().route('**/v1/menu', (route) => route.abort());
  await demo.order({ item: 'cake', quantity: 2 });
  await page.click('#place');
  await page.waitForSelector('.k-kind');
  await page.context().unroute('**/v1/menu');
  assert.match(await page.textContent('#gone'), /Cheesecake/);
  assert.ok(await page.evaluate(() => document.activeElement === document.querySelector('#gone')), 'the focus is on what happened');
  await assertAccessible(page, 'the race');
  // Others of its group, which can be had, are near in price, suit its diets and bring in no allergen.
  const menu = await demo.api('GET', '/v1/menu');
  const cake = menu.items.find((item) => item.id === 'cake');
  const like = menu.items.filter((item) => item.id !== 'cake' && item.available && item.category === cake.category
    && item.allergens.every((name) => cake.allergens.includes(name)) && cake.diet.every((name) => item.diet.includes(name)))
    .sort((one, two) => Math.abs(one.price - cake.price) - Math.abs(two.price - cake.price)).slice(0, 3);
  assert.ok(like.length > 0, 'the menu of the demo has something like it');
  assert.deepEqual(await page.locator('.k-swap h3').allTextContents(), like.map((item) => item.name));
  await page.click('.k-swap .take >> nth=0');
  await page.waitForSelector('.k-kind', { state: 'detached' });
  assert.equal(await page.locator('.k-undo').count(), 0, 'what is gone is not offered again');
  await page.click('#place');
  await page.waitForSelector('#number');
  const order = (await demo.orders()).at(-1);
  assert.deepEqual(order.lines.map(({ item, quantity }) => [item, quantity]).sort(), [['salad', 1], [like[0].id, 2]].sort());
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 40 });
});

test('of more than there are as many as are left can be taken, or the order goes on without', async () => {
  const page = await kiosk();
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 3 });
  await page.waitForSelector('[data-item=cake] .k-badge.low');
  await page.click('[data-item=cake] .whole');
  await page.waitForSelector('.k-item');
  for (const times of [2, 3]) {
    await page.click('.k-item .k-step button >> nth=1');
    await page.waitForSelector(`.k-item .k-step b >> text=${times}`);
    await page.waitForTimeout(400);
  }
  await page.click('.k-item .k-foot .grow');
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=0');
  await page.context().route('**/v1/menu', (route) => route.abort());
  await demo.order({ item: 'cake' });
  await page.click('#place');
  await page.waitForSelector('#gone >> text=only 2');
  await page.click('.k-kind >> text=Take 2');
  await page.waitForSelector('.k-kind', { state: 'detached' });
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 0 });
  await page.click('#place');
  await page.waitForSelector('.k-kind');
  // Nothing else was in the order.
  await page.click('.k-kind .k-foot >> text=Back to the menu');
  await page.waitForSelector('.k-card');
  assert.equal(await page.locator('.k-cart .bag b').count(), 0);
  await demo.api('PUT', '/v1/stock/cake', { on_hand: 40 });
});

test('what the kitchen takes off sale cannot be ordered at any kiosk, and comes back', async () => {
  const page = await kiosk();
  await demo.api('POST', '/v1/stock/pizza/suspend', {});
  await page.waitForSelector('[data-item=pizza].out');
  assert.equal(await page.locator('[data-item=pizza] .k-add').count(), 0);
  await demo.api('POST', '/v1/stock/pizza/resume', {});
  await page.waitForSelector('[data-item=pizza]:not(.out)');
});

test('a kiosk whose sign-in is gone keeps the order, and goes on with a new code', async () => {
  const page = await kiosk();
  await page.click('[data-item=croissant] .k-add');
  await page.context().clearCookies();
  await demo.killEdge();
  await page.waitForSelector('.sign-in');
  const { code } = await demo.api('POST', '/v1/session/codes', { role: 'kiosk', name: 'kiosk-again' });
  await page.click('text=Use a code');
  await page.fill('input[name=code]', code);
  await page.click('.sign-in .btn.brand');
  await page.waitForSelector('.k-card');
  assert.equal(await page.textContent('.k-cart .bag b'), '1');
  // The live connection is back as well.
  await demo.api('POST', '/v1/stock/pizza/suspend', {});
  await page.waitForSelector('[data-item=pizza].out');
  await demo.api('POST', '/v1/stock/pizza/resume', {});
  await page.waitForSelector('.linkbar', { state: 'detached' });
});

test('the whole way is done by keypad alone', async () => {
  const page = await demo.page('/', 'kiosk', KIOSK);
  await page.waitForSelector('.k-attract');
  /** The arrow that leads from the focus to a control, as a person would see it; empty when it has the focus. */
  const way = (selector) => page.evaluate((wanted) => {
    const [from, to] = [document.activeElement, document.querySelector(wanted)];
    if (from === to) return '';
    if (from === document.body) return 'ArrowDown';
    const [a, b] = [from.getBoundingClientRect(), to.getBoundingClientRect()];
    const [x, y] = [b.left + b.width / 2 - a.left - a.width / 2, b.top + b.height / 2 - a.top - a.height / 2];
    if (Math.abs(y) > 40) return y > 0 ? 'ArrowDown' : 'ArrowUp';
    return x > 0 ? 'ArrowRight' : 'ArrowLeft';
  }, selector);
  const go = async (selector) => {
    for (let step = 0; step < 60; step += 1) {
      const arrow = await way(selector);
      if (!arrow) return;
      await page.keyboard.press(arrow);
    }
    assert.fail(`${selector} is not reached`);
  };
  await go('.k-attract .k-btn');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.k-card');
  await go('[data-item=croissant] .k-add');
  await page.keyboard.press('Enter');
  await go('.k-cart .k-btn');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.k-review');
  await go('.k-dine .k-opt');
  await page.keyboard.press('Enter');
  await go('#place');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#number');
});

test('every view of the kiosk is accessible, with bigger text and high contrast as well', async () => {
  const page = await demo.page('/', 'kiosk', KIOSK);
  await page.waitForSelector('.k-attract');
  await assertAccessible(page, 'the first view');
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  await assertAccessible(page, 'the menu');
  for (const setting of [1, 2, 3]) await page.click(`.k-a11y button >> nth=${setting}`);
  await assertAccessible(page, 'the menu with all settings');
  await page.click('[data-item=burger] .whole');
  await page.waitForSelector('.k-item');
  await assertAccessible(page, 'an item');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.k-item', { state: 'detached' });
  await page.click('[data-item=croissant] .k-add');
  await page.click('.k-cart .k-btn');
  await page.waitForSelector('.k-review');
  await assertAccessible(page, 'the review');
});

test('a guest who has gone is asked for and then forgotten, with everything that was personal', async () => {
  const page = await demo.page('/', 'kiosk', KIOSK);
  await page.waitForSelector('.k-attract');
  await page.clock.install();
  await page.reload();
  await page.click('.k-attract .k-btn');
  await page.click('[data-item=croissant] .k-add');
  await page.clock.fastForward(50_000);
  await page.waitForSelector('.k-still');
  await assertAccessible(page, 'the question');
  await page.click('.k-still .k-btn >> nth=0');
  await page.waitForSelector('.k-still', { state: 'detached' });
  await page.click('.k-cart .k-btn');
  await page.click('.k-alg .k-filters button >> nth=0');
  await page.click('.k-dine .k-opt >> nth=1');
  for (const setting of [1, 2, 3, 4]) await page.click(`.k-a11y button >> nth=${setting}`);
  await page.waitForSelector('html[data-contrast=more][data-text=big]');
  // In the review, with lower controls, the language is still to be switched.
  await page.click('.k-lang [lang=ja] >> visible=true');
  await page.waitForSelector('html[lang=ja]');
  // Whoever needs one of these has twice the time.
  await page.clock.fastForward(50_000);
  assert.equal(await page.locator('.k-still').count(), 0);
  await page.clock.fastForward(50_000);
  await page.waitForSelector('.k-still');
  await page.clock.runFor(22_000);
  await page.waitForSelector('.k-attract');
  await page.waitForSelector('html[lang=en]:not([data-contrast=more], [data-text=big])');
  const kept = await page.evaluate(() => Object.fromEntries(Object.entries(localStorage).filter(([key]) => key.startsWith('sunakku.kiosk.')).map(([key, value]) => [key.slice('sunakku.kiosk.'.length), JSON.parse(value)])));
  assert.deepEqual(kept, {
    view: 'attract', lines: [], avoid: [], diet: [], service: null, pending: null, placed: null,
    settings: { language: 'en', lower: false, big: false, contrast: false, aloud: false },
  });
});

test('also one who only looked, or only changed how the kiosk looks, is forgotten; a sheet is asked about first', async () => {
  const page = await demo.page('/', 'kiosk', KIOSK);
  await page.waitForSelector('.k-attract');
  await page.clock.install();
  await page.reload();
  await page.click('.k-lang [lang=ja]');
  await page.waitForSelector('html[lang=ja]');
  await page.clock.fastForward(25_000);
  await page.waitForSelector('html[lang=en]');
  await page.click('.k-attract .k-btn');
  await page.clock.fastForward(25_000);
  await page.waitForSelector('.k-attract');
  await page.click('.k-attract .k-btn');
  await page.click('[data-item=burger] .whole');
  await page.waitForSelector('.k-item');
  await page.clock.fastForward(25_000);
  assert.equal(await page.locator('.k-item').count(), 1, 'somebody may be reading');
  await page.clock.fastForward(25_000);
  await page.waitForSelector('.k-still');
  await page.clock.runFor(22_000);
  await page.waitForSelector('.k-attract');
  assert.equal(await page.locator('.k-item').count(), 0);
});

test('the last view clears by itself, later when it is touched or a key is pressed', async () => {
  const page = await kiosk();
  await review(page, 'croissant');
  await page.click('#place');
  await page.waitForSelector('#number');
  await page.clock.install();
  await page.reload();
  await page.waitForSelector('#number');
  await page.waitForSelector('.k-qr svg');
  await page.clock.runFor(10_000);
  await page.keyboard.press('Shift');
  await page.clock.runFor(10_000);
  assert.equal(await page.locator('#number').count(), 1);
  await page.clock.runFor(6_000);
  await page.waitForSelector('.k-attract');
});

test('with lower controls everything to touch is within reach; bigger text is bigger; what has the focus is read aloud', async () => {
  const page = await demo.page('/', 'kiosk', { width: 1080, height: 1920 });
  await page.waitForSelector('.k-attract');
  await listen(page);
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  const size = () => page.locator('.k-card h3').first().evaluate((name) => Number.parseFloat(getComputedStyle(name).fontSize));
  const before = await size();
  for (const name of ['Lower controls', 'Bigger text', 'High contrast', 'Read aloud']) {
    const control = page.getByRole('button', { name });
    await control.click();
    assert.equal(await control.getAttribute('aria-pressed'), 'true', name);
  }
  assert.ok(await size() > before);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(0, 0, 0)');
  const highest = () => page.evaluate(() => Math.min(...[...document.querySelectorAll('button')].filter((button) => !button.closest('[inert]')).map((button) => button.getBoundingClientRect())
    .filter(({ width, top }) => width && top >= 0).map(({ top }) => top)));
  assert.ok(await highest() >= 690, `the highest control of the menu is ${await highest()} px from the top`);
  const heard = async (text, language = 'en') => page.waitForFunction(([wanted, tag]) => globalThis.heard.said.some(([said, lang]) => said.includes(wanted) && lang === tag), [text, language]);
  await heard('Read aloud');
  await page.locator('[data-item=croissant] .k-add').focus();
  await heard('Add Croissant');
  await page.keyboard.press('Enter');
  await page.locator('[data-item=burger] .whole').focus();
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'Burger' });
  await sheet.waitFor();
  await heard('Burger');
  assert.ok(await highest() >= 690, `the highest control of an item is ${await highest()} px from the top`);
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
  await page.click('.k-cart .k-btn');
  await heard('Your order');
  assert.ok(await highest() >= 690, `the highest control of the order is ${await highest()} px from the top`);
  await page.click('.k-dine .k-opt >> nth=0');
  await page.click('#place');
  await page.waitForSelector('#number');
  const number = await page.textContent('#number');
  await page.waitForFunction((wanted) => globalThis.heard.said.some(([said]) => said.includes(wanted)), number);
  await assertAccessible(page, 'the last view with all settings');
});
