// A guest's own phone, which comes in by the QR code on the wall.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

const PHONE = { width: 390, height: 844, hasTouch: true };
onDemo();

test('the code on the wall lets a phone in, which orders and is told when its order is ready', async () => {
  const ops = await demo.page('/ops', 'manager');
  await ops.click('nav >> text=Devices');
  const address = await ops.textContent('#wall .mono');
  assert.equal(address, `${demo.site.url}/#guest`);
  await assertAccessible(ops, 'devices with the code for the wall');
  const page = await demo.open('/#guest', PHONE);
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  assert.equal(await page.locator('#call').count(), 0);
  await page.click('[data-item=croissant] .k-add');
  await page.click('.k-cart .k-btn');
  await page.click('.k-dine .k-opt >> nth=0');
  await page.click('#place');
  await page.waitForSelector('#number');
  const order = (await demo.orders()).at(-1);
  assert.equal(order.channel, 'phone');
  const [ticket] = await until('its ticket', async () => { const found = await demo.tickets(order.number); return found.length && found; });
  await demo.api('POST', `/v1/tickets/${ticket.id}/bump`);
  await page.waitForSelector('.eta.now >> text=Ready');
  await page.reload();
  await page.waitForSelector('.eta.now >> text=Ready');
  // Handed over while the phone was away.
  const context = page.context();
  await context.setOffline(true);
  await demo.api('POST', `/v1/orders/${order.id}/collect`);
  await context.setOffline(false);
  await page.waitForSelector('.eta[data-state=collected]');
  await assertAccessible(page, 'an order of a phone');
});

test('a phone whose sign-in is gone comes in again by itself', async () => {
  const page = await demo.open('/#guest', PHONE);
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('.k-card');
  await page.context().clearCookies();
  await page.reload();
  await page.waitForSelector('.k-card');
  assert.equal(await page.locator('.sign-in').count(), 0);
});
