// The hub's dashboard in a real browser, on a real hub with a real site below it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

onDemo();

test('nobody sees anything before the right password, and signing out ends it', async () => {
  const { user, password } = demo.hub.admin;
  const page = await demo.open('/orders', { width: 1440, height: 900, locale: 'en-GB', origin: demo.hub.url });
  await page.fill('[name=user]', user);
  await page.fill('[name=password]', 'not the password');
  await page.click('.login .btn.primary');
  await page.waitForSelector('.login [role=alert] >> text=Name or password is wrong.');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('name')), 'password');
  await assertAccessible(page, 'sign-in');
  await page.fill('[name=password]', password);
  await page.click('.login .btn.primary');
  await page.waitForSelector('#orders');
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookie: document.cookie }));
  assert.ok(!/eyJ/.test(kept), 'no script can read the sign-in');
  await page.click('button[aria-label="Sign out"]');
  await page.waitForSelector('.login form');
  assert.equal((await page.request.get(`${demo.hub.url}/v1/sites`, { headers: { 'x-sunakku-screen': 'dashboard' } })).status(), 401);
});

test('an order is found by its number, its steps show both sides, and it is called off from here', async () => {
  const order = await demo.order({ item: 'gyoza' });
  const page = await demo.dashboard(`/orders?q=${order.number}`);
  await page.click(`.olist .whole:has(.no:text-is("${order.number}"))`);
  await page.waitForSelector('#timeline >> text=Order placed');
  await page.waitForSelector('#timeline >> text=Stored by the hub');
  await page.click('#cancel');
  await page.fill('.dialog [name=reason]', 'Ordered twice');
  await page.click('.dialog .btn.danger');
  await page.waitForSelector('#command.ok');
  await page.waitForSelector('#order header .pill >> text=Cancelled');
  await until('the order to be cancelled at the site', async () => (await demo.orders()).some((one) => one.id === order.id && one.state === 'cancelled'));
  assert.deepEqual(page.complaints, []);
});

test('a price is changed, seen as a difference, published, and arrives at the site', async () => {
  const page = await demo.dashboard('/menu');
  await page.click('[data-item=gyoza] .whole');
  await page.click('.sub-row >> text=Change item');
  await page.fill('#item-form [name=price]', '5.55');
  await page.click('#item-form .btn.primary');
  await page.waitForSelector('[data-item=gyoza] .was');
  await page.click('#publish');
  await page.waitForSelector('.diff >> text=€5.55');
  await page.fill('#publish-form [name=note]', 'Dearer dumplings');
  await page.click('#publish-form .btn.brand');
  await page.waitForSelector('#versions >> text=Dearer dumplings');
  const { version } = (await demo.hubApi('GET', '/v1/menus')).items[0];
  await page.waitForSelector(`#rollout [data-state=current] >> text=v${version}`);
  await until('the new price at the site', async () => (await demo.api('GET', '/v1/menu')).items.find((item) => item.id === 'gyoza').price === 555);
  await page.goto(`${demo.hub.url}/audit`);
  await page.waitForSelector('#audit >> text=Menu published');
  assert.deepEqual(page.complaints, []);
});

test('a site is added, gets a token that is shown once, and is archived by its typed code', async () => {
  const page = await demo.dashboard('/sites');
  const id = `old-mill-${Date.now() % 100_000}`;
  await page.click('#add');
  await page.fill('.dialog [name=id]', id);
  await page.fill('.dialog [name=name]', 'Old Mill');
  await page.click('.dialog .btn.primary');
  await page.click('#token');
  const token = await page.textContent('#token-text');
  assert.match(token, /^[\w-]{40,}$/);
  await page.reload();
  await page.waitForSelector('#token');
  assert.ok(!(await page.content()).includes(token), 'it is shown once');
  await page.click('#detail >> text=Archive');
  await page.fill('.dialog [name=typed]', 'another');
  await page.click('.dialog .btn.danger');
  assert.equal(await page.locator('.dialog').count(), 1, 'the code must be right');
  await page.fill('.dialog [name=typed]', id);
  await page.click('.dialog .btn.danger');
  await page.waitForSelector(`[data-site=${id}] >> text=Archived`);
  assert.deepEqual(page.complaints, []);
});

test('a screen is paired from here by its code, listed, and cut off', async () => {
  const page = await demo.dashboard(`/sites?site=${demo.site.id}`);
  const screen = await demo.open('/kitchen', { width: 1920, height: 1080 });
  const shown = screen.locator('.pair-code');
  await shown.waitFor();
  await page.fill('#pair [name=code]', '0000 0000');
  await page.fill('#pair [name=name]', 'kitchen-7');
  await page.selectOption('#pair [name=role]', 'kitchen');
  await page.click('#pair button');
  await page.waitForSelector('#devices [data-wish=refused] >> text=No screen shows this code');
  await page.fill('#pair [name=code]', await shown.textContent());
  await page.fill('#pair [name=name]', 'kitchen-7');
  await page.selectOption('#pair [name=role]', 'kitchen');
  await page.click('#pair button');
  await page.waitForSelector('#devices [data-device=kitchen-7]');
  await screen.waitForSelector('.pair-code', { state: 'detached' });
  await assertAccessible(page, 'devices of a site');
  await page.click('#devices [data-device=kitchen-7] button');
  await page.click('.dialog .btn.danger');
  await page.waitForSelector('#devices [data-device=kitchen-7]', { state: 'detached' });
  await shown.waitFor();
  await screen.context().close();
  assert.deepEqual(page.complaints, []);
});

test('a hub that is gone is said within seconds, and what was known stays', async () => {
  const page = await demo.dashboard('/proof');
  await page.waitForSelector('#ledger [data-site]');
  await page.context().route('**/v1/**', (route) => route.abort());
  await page.waitForSelector('.note.warn[role=alert]');
  assert.ok(await page.locator('#ledger [data-site]').count() > 0);
  await page.context().unroute('**/v1/**');
  await page.waitForSelector('.note.warn[role=alert]', { state: 'detached' });
});

test('in Japanese, and by keys alone', async () => {
  const page = await demo.dashboard('/', { locale: 'ja-JP' });
  await page.waitForSelector('h1 >> text=ライブ');
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await page.waitForSelector('h1 >> text=注文');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement?.hasAttribute('data-search')), true);
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'ja');
});
