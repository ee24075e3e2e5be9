// People and signed statements in a real browser.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

onDemo();

const HUB = fileURLToPath(new URL('../../../target/debug/sunakku-hub', import.meta.url));
const SECRET = 'plain rice and miso soup';

/** The status of a sign-in with a password. */
async function signIn(user, password) {
  const answer = await fetch(`${demo.hub.url}/v1/session`, { method: 'POST', body: JSON.stringify({ user, password }), headers: { 'content-type': 'application/json' } });
  return { status: answer.status, token: (await answer.json()).access_token };
}

test('a person is made known, given a way in, moved, signed out and shut out', async () => {
  const page = await demo.dashboard('/people');
  const name = `maja-${Date.now() % 100_000}`;
  await page.waitForSelector('#people [data-person]');
  await page.click('#add');
  await page.fill('#person-form [name=name]', name);
  await page.fill('#person-form [name=display_name]', 'Maja Lind');
  await page.selectOption('#person-form [name=role]', 'manager');
  await page.waitForSelector('#person-form [name=site]');
  await assertAccessible(page, 'a new person');
  await page.click('#person-form .btn.primary');
  await page.waitForSelector(`#people [data-person=${name}] >> text=No way in yet`);

  await page.click('#set-password');
  await page.fill('#secret-form [name=password]', 'short');
  await page.click('#secret-form .btn.primary');
  await page.waitForSelector('.toast[role=alert]');
  await page.fill('#secret-form [name=password]', SECRET);
  await page.click('#secret-form .btn.primary');
  await page.waitForSelector(`#people [data-person=${name}] >> text=Active`);
  const { status, token } = await signIn(name, SECRET);
  assert.equal(status, 200);
  await page.click('#set-pin');
  await page.fill('#secret-form [name=pin]', '4711');
  await page.click('#secret-form .btn.primary');
  await page.waitForSelector(`#people [data-person=${name}] >> text=PIN`);
  assert.ok(!(await page.content()).includes(SECRET), 'no secret stays in the page');

  await page.click('#end-sessions');
  await page.click('.dialog .btn.danger');
  const asks = async () => (await fetch(`${demo.hub.url}/v1/session`, { headers: { authorization: `Bearer ${token}` } })).status;
  await until('the session to be over', async () => (await asks()) === 401);
  await page.click('#disable');
  await page.click('.dialog .btn.danger');
  await page.waitForSelector(`#people [data-person=${name}] >> text=Shut out`);
  assert.equal((await signIn(name, SECRET)).status, 401);
  await assertAccessible(page, 'people');
  await page.click('#enable');
  await page.waitForSelector(`#people [data-person=${name}] >> text=Active`);
  await page.click('#person >> text=Full log');
  await page.waitForSelector('#audit >> text=Person let in again');
  assert.deepEqual(page.complaints.filter((one) => !/status of 4/.test(one)), []);
});

test('a site’s manager sees its people, and changes its kitchen and counter alone', async () => {
  const name = `ines-${Date.now() % 100_000}`;
  const site = (await demo.hubApi('GET', '/v1/sites')).items.find((site) => site.id === demo.site.id).id;
  await demo.hubApi('POST', '/v1/users', { name, display_name: 'Ines', role: 'manager', site });
  await demo.hubApi('PUT', `/v1/users/${name}/password`, { password: SECRET });
  await demo.hubApi('POST', '/v1/users', { name: `kit-${name}`, display_name: 'Kit', role: 'kitchen', site });
  const page = await demo.open('/people', { width: 1440, height: 900, locale: 'en-GB', origin: demo.hub.url });
  await page.fill('[name=user]', name);
  await page.fill('[name=password]', SECRET);
  await page.click('.login .btn.primary');
  await page.waitForSelector(`#people [data-person=kit-${name}]`);
  assert.equal(await page.locator('#people [data-person=admin]').count(), 0);
  await page.click(`#people [data-person=${name}] [data-row]`);
  await page.waitForSelector('#person >> text=You may see, but not change');
  await page.click(`#people [data-person=kit-${name}] [data-row]`);
  await page.waitForSelector('#person #disable');
  await page.click('#add');
  assert.deepEqual(await page.locator('#person-form [name=role] option').allTextContents(), ['Kitchen', 'Counter']);
});

test('a statement is taken from the page, and the program finds it good', async () => {
  await demo.order({ item: 'ramen', modifiers: ['miso'] });
  const today = new Date().toLocaleDateString('sv-SE', { timeZone: (await demo.hubApi('GET', '/v1/sites')).items.find((site) => site.id === demo.site.id).time_zone });
  const page = await demo.dashboard(`/proof?day=${today}`);
  const take = async (selector) => {
    const coming = page.waitForEvent('download');
    await page.click(selector);
    return coming;
  };
  await page.waitForSelector('#statements tbody .pill');
  await assertAccessible(page, 'statements');
  const folder = mkdtempSync(join(tmpdir(), 'sunakku-statement-'));
  try {
    const [file, keys] = [await take('#statements tbody .btn'), await take('#statements header .btn')];
    assert.match(file.suggestedFilename(), new RegExp(`-${today}\\.jws$`));
    await file.saveAs(join(folder, 'day.jws'));
    await keys.saveAs(join(folder, 'keys.json'));
    const { stdout } = await promisify(execFile)(HUB, ['statement', 'verify', join(folder, 'day.jws'), '--key', join(folder, 'keys.json')]);
    assert.match(stdout, /good: signed by/);
    assert.match(stdout, /NOT COMPLETE/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('orders are found by their amount', async () => {
  const order = await demo.order({ item: 'gyoza', quantity: 7 });
  const page = await demo.dashboard('/orders');
  await page.waitForSelector('#orders li');
  await page.fill('#orders [name=amount]', (order.total / 100).toFixed(2));
  await page.keyboard.press('Enter');
  await page.waitForFunction((number) => [...document.querySelectorAll('#orders .no')].map((one) => one.textContent).join() === String(number), order.number);
});
