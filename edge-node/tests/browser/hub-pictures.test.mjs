// A picture of an item: uploaded at the hub, published, shown to guests.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { assertAccessible, demo, onDemo, until } from './harness.mjs';

onDemo();
const PHOTO = new URL('../../../docs/pictures/phone.png', import.meta.url).pathname;

/** Whether an image is shown, and how. @param {import('playwright-core').Locator} image */
const shown = (image) => image.evaluate((/** @type {HTMLImageElement} */ one) => ({ width: one.naturalWidth, fit: getComputedStyle(one).objectFit, box: [one.clientWidth, one.clientHeight] }));

/** The kiosk's menu. */
async function guest() {
  const page = await demo.page('/', 'kiosk', { width: 1080, height: 1920 });
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('[data-item=gyoza]');
  return page;
}

test('a picture is uploaded, chosen, published, and the kiosk shows it', async () => {
  const page = await demo.dashboard('/menu');
  await page.click('[data-item=gyoza] .whole');
  await page.click('.sub-row >> text=Change item');
  await page.waitForSelector('.pictures input[type=file]', { state: 'attached' });
  await assertAccessible(page, 'item form');

  // What is no picture is refused in words, and the form stays as it was.
  await page.setInputFiles('.pictures input[type=file]', { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('<svg onload="alert(1)"/>') });
  await page.waitForSelector('.pictures .told.bad >> text=no PNG, JPEG or WebP');
  await page.setInputFiles('.pictures input[type=file]', { name: 'big.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(9 * 1024 * 1024) });
  await page.waitForSelector('.pictures .told.bad >> text=larger than 8 MB');

  // By the keyboard the same field is reached.
  await page.focus('.pictures input[type=file]');
  await page.setInputFiles('.pictures input[type=file]', PHOTO);
  await page.waitForSelector('.pictures .told >> text=Uploaded and chosen');
  await page.waitForSelector('.pictures .all.own .on');
  const preview = page.locator('.pictures .now img.photo');
  await until('the preview', async () => (await shown(preview)).width > 0);
  assert.equal((await shown(preview)).fit, 'cover');
  await assertAccessible(page, 'item form with a picture');
  await page.click('#item-form .btn.primary');
  await page.waitForSelector('[data-item=gyoza] img.photo');
  const name = (await demo.hubApi('GET', '/v1/pictures')).items[0].name;
  await demo.hubApi('POST', `/v1/menus/${(await demo.hubApi('GET', '/v1/menus')).items[0].id}/publish`, { note: 'With a photo' });
  await until('the new menu at the site', async () => (await demo.api('GET', '/v1/menu')).items.find((item) => item.id === 'gyoza').image === name);

  const kiosk = await guest();
  const photo = kiosk.locator('.k-card .plate img.photo').first();
  await photo.waitFor();
  await until('the picture at the kiosk', async () => (await shown(photo)).width > 0);
  const { box, fit } = await shown(photo);
  assert.equal(fit, 'cover');
  const plate = await kiosk.locator('.k-card .plate:has(img.photo)').first().evaluate((one) => [one.clientWidth, one.clientHeight]);
  assert.deepEqual(box, plate, 'it fills its plate');
  assert.deepEqual(page.complaints.filter((one) => !/41[35]/.test(String(one))), []);
});

test('a file that is dropped is uploaded, and one that is uploaded can be chosen again', async () => {
  const page = await demo.dashboard('/menu');
  await page.click('[data-item=ramen] .whole');
  await page.click('.sub-row >> text=Change item');
  await page.waitForSelector('.pictures .all.own button');
  const data = (await readFile(PHOTO)).toString('base64');
  await page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], 'again.png', { type: 'image/png' }));
    document.querySelector('.pictures')?.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  }, data);
  await page.waitForSelector('.pictures .told >> text=Uploaded and chosen');
  assert.equal(await page.locator('.pictures .all.own button').count(), 1, 'the same picture is one');
  await page.click('.pictures .all button[aria-label="No picture"]');
  await page.click('.pictures .all.own button');
  assert.equal(await page.locator('.pictures .now img.photo').count(), 1);
});

test('a picture that is not there leaves the letter', async () => {
  const page = await guest();
  await page.waitForSelector('.k-card .plate img.photo');
  await page.context().route('**/pictures/**', (route) => route.fulfill({ status: 404 }));
  await page.reload();
  await page.click('.k-attract .k-btn');
  await page.waitForSelector('[data-item=gyoza] .plate .letter');
  assert.equal(await page.locator('.k-card .plate img.photo').count(), 0);
});
