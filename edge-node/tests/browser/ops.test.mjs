// Operations: what needs a person is seen and done, and what a manager changes is seen at the other screens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

const DESK = { width: 1440, height: 900 };
onDemo();

test('a job that failed for good is tried again, or discarded with a reason', async () => {
  const ops = await demo.page('/ops', 'manager', DESK);
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
  const ops = await demo.page('/ops', 'manager', DESK);
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

  // Each change stands in the unit's ledger, with who made it.
  await ops.click('[data-sku=dango] .link');
  await ops.waitForSelector('.ledger tbody tr >> nth=1');
  const newest = await ops.textContent('.ledger tbody tr >> nth=0');
  assert.match(newest, /Adjusted or counted/);
  await assertAccessible(ops, 'the ledger of a unit');
  await ops.keyboard.press('Escape');
  await ops.waitForSelector('.ledger', { state: 'detached' });

  const { number, id } = await demo.order({ item: 'soda' });
  await ops.click('a[href="#orders"]');
  await ops.waitForSelector(`#orders tr[data-number="${number}"]`);
  await assertAccessible(ops, 'orders');
  await ops.click(`#orders tr[data-number="${number}"] .danger`);
  await ops.fill('.dialog input', 'guest left');
  await ops.click('.dialog .danger');
  await until('a cancelled order', async () => (await demo.api('GET', `/v1/orders/${id}`)).state === 'cancelled');

  await ops.click('a[href="#devices"]');
  await ops.fill('#add-screen input[name=name]', 'kiosk-9');
  await ops.click('text=Make code');
  const code = await ops.textContent('#code');
  await assertAccessible(ops, 'devices');
  const context = await demo.browser.newContext();
  const screen = await context.newPage();
  await screen.goto(demo.site.url);
  await screen.click('text=Use a code');
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

test('a screen shows a code, is paired by it, listed, and cut off when it is revoked', async () => {
  const ops = await demo.page('/ops', 'manager', DESK);
  await ops.click('a[href="#devices"]');
  const screen = await demo.open('/kitchen');
  const shown = screen.locator('.pair-code');
  await until('a code', async () => /^\d{4} \d{4}$/.test(await shown.textContent()));
  await assertAccessible(screen, 'a code to be paired by');
  const code = await shown.textContent();
  for (let asked = 0; asked < 2; asked += 1) await screen.waitForResponse('**/v1/pairings/claim');
  assert.equal(await shown.textContent(), code, 'it stays until it is typed in');
  await ops.fill('#pair input[name=code]', await shown.textContent());
  await ops.selectOption('#pair select', 'kitchen');
  await ops.fill('#pair input[name=name]', 'kitchen-9');
  await ops.click('#pair button');
  await ops.waitForSelector('.toast >> text=kitchen-9 is paired.');
  await screen.waitForSelector('.sign-in', { state: 'detached' });
  await ops.waitForSelector('#paired [data-device=kitchen-9] >> text=Connected');
  await assertAccessible(ops, 'paired devices');
  await ops.click('#paired [data-device=kitchen-9] >> text=Revoke');
  await ops.click('.dialog .danger');
  await ops.waitForSelector('#paired [data-device=kitchen-9]', { state: 'detached' });
  await screen.waitForSelector('.pair-code');
  await screen.click('text=Use name and PIN');
  await screen.click('.pin-pad >> text=7');
  assert.equal(await screen.inputValue('input[name=pin]'), '7');
  await assertAccessible(screen, 'a PIN pad');
});

test('ordering is paused with a reason that kiosks show, and goes on', async () => {
  const ops = await demo.page('/ops', 'manager', DESK);
  const kiosk = await demo.page('/', 'kiosk', { width: 810, height: 1440 });
  await kiosk.click('.k-attract .k-btn');
  await kiosk.click('[data-item=croissant] .k-add');
  await ops.click('#close');
  await ops.fill('.dialog input', 'burst pipe');
  await ops.selectOption('.dialog select', '60');
  await assertAccessible(ops, 'pausing orders');
  await ops.click('.dialog .danger');
  await ops.waitForSelector('#closed >> text=burst pipe');
  await kiosk.waitForSelector('.k-closed >> text=burst pipe');
  await kiosk.waitForSelector('.k-cart .k-btn[disabled]');
  await assertAccessible(kiosk, 'a closed site');
  await assertAccessible(ops, 'a closed site');
  await ops.click('#close');
  await kiosk.waitForSelector('.k-closed', { state: 'detached' });
  await kiosk.waitForSelector('.k-cart .k-btn:not([disabled])');
  await ops.waitForSelector('#closed', { state: 'detached' });
});

test('the figures of the day count what was sold; every view holds in the dark', async () => {
  const before = await demo.api('GET', '/v1/today');
  await demo.order({ item: 'croissant', quantity: 3 });
  const ops = await demo.page('/ops', 'manager', DESK);
  await ops.waitForSelector('#sold td >> text=Croissant');
  await ops.waitForSelector(`.stat:has-text("Orders today") dd >> text="${before.orders + 1}"`);
  await ops.click('button[aria-label="Dark theme"]');
  await ops.waitForSelector('html[data-theme=dark]');
  for (const view of ['operations', 'stock', 'orders', 'devices']) {
    await ops.click(`a[href="#${view}"]`);
    await ops.waitForSelector(`a[href="#${view}"].on`);
    await assertAccessible(ops, `${view} in the dark`);
  }
});

test('a guest calls, kitchen and operations hear of it by the kiosk\'s name, and the guest sees that it ended', async () => {
  const kitchen = await demo.page('/kitchen', 'kitchen');
  const ops = await demo.page('/ops', 'manager', DESK);
  const kiosk = await demo.page('/', 'kiosk', { width: 810, height: 1440 });
  await kiosk.click('#call');
  await kiosk.waitForSelector('#call.on >> text=Staff called');
  const call = `[data-call="${kiosk.device}"]`;
  await kitchen.waitForSelector(call);
  await ops.waitForSelector(call);
  await assertAccessible(kitchen, 'a call in the kitchen');
  await assertAccessible(ops, 'a call at operations');
  await assertAccessible(kiosk, 'a kiosk that calls');
  await kitchen.click(`${call} button`);
  await ops.waitForSelector(call, { state: 'detached' });
  await kiosk.waitForSelector('#call:not(.on) >> text=Call staff');
});

test('an auditor signs in by name and password, reads every view, and is offered nothing that changes anything', async () => {
  await demo.order({ item: 'soda' });
  const ops = await demo.open('/ops', DESK);
  const { user, password } = demo.site.auditor;
  await ops.fill('input[name=user]', user);
  await ops.fill('input[name=password]', password);
  await ops.click('.sign-in button >> text="Sign in"');
  await ops.waitForSelector('#read-only');
  // What asks for anything but to read, whatever it answers.
  const changes = [];
  ops.on('request', (request) => {
    if (request.method() !== 'GET') changes.push(`${request.method()} ${request.url()}`);
  });
  const refusals = [];
  ops.on('response', (response) => { if (response.status() === 403) refusals.push(response.url()); });
  const shown = { operations: '#sync .pipe', stock: '#stock tbody tr >> nth=0', orders: '#orders tbody tr >> nth=0', devices: '#devices' };
  for (const [view, part] of Object.entries(shown)) {
    await ops.click(`a[href="#${view}"]`);
    await ops.waitForSelector(part);
    await assertAccessible(ops, `${view} of an auditor`);
    // What is left chooses what is shown: which stock units, and the movements of one.
    const buttons = await ops.locator('main button:not(.seg button, .link)').allTextContents();
    assert.deepEqual(buttons, [], `buttons of ${view}`);
    assert.equal(await ops.locator('main form').count(), 0, `forms of ${view}`);
  }
  await ops.click('a[href="#stock"]');
  await ops.click('#stock tbody .link >> nth=0');
  await ops.waitForSelector('.ledger');
  await ops.keyboard.press('Escape');
  assert.deepEqual([changes, refusals], [[], []]);
});

test('operations are read in Japanese too, with the menu\'s names, also after a reload', async () => {
  await demo.order({ item: 'croissant' });
  const ops = await demo.page('/ops', 'manager', DESK);
  await ops.waitForSelector('#sold td >> text=Croissant');
  await ops.click('button[lang=ja]');
  await ops.waitForSelector('html[lang=ja]');
  await ops.waitForSelector('#sold td >> text=クロワッサン');
  for (const [view, title] of Object.entries({ operations: '運営', stock: '在庫', orders: '注文', devices: '端末' })) {
    await ops.click(`a[href="#${view}"]`);
    await ops.waitForSelector(`h1 >> text="${title}"`);
    await assertAccessible(ops, `${view} in Japanese`);
  }
  await ops.reload();
  await ops.waitForSelector(`h1 >> text="端末"`);
  await ops.click('button[lang=en]');
  await ops.waitForSelector('h1 >> text="Devices"');
});
