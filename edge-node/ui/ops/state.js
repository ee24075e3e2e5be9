// What the operations page knows. The live connection tells of sync and stock; the rest is asked for.
import { act, all, call } from '../shared/api.js';
import { session } from '../shared/sign-in.js';
import { keptTheme } from '../shared/store.js';
import { computed, signal } from '../shared/ui.js';
import { t } from '../shared/words.js';

/** Points of the chart, one each two seconds: an hour. */
const POINTS = 1_800;
/** Figures of the day are added up anew each time, so they are asked for less often, milliseconds. */
const TODAY_EVERY_MS = 15_000;

/** Whether who is signed in may change anything: an auditor reads all and is offered no button that answers 403. */
export const acts = computed(() => session.value?.role !== 'auditor');
export const sync = signal(/** @type {any} */ (null));
export const queue = signal(/** @type {any} */ (null));
export const ready = signal(/** @type {any} */ (null));
export const dead = signal(/** @type {any[]} */ ([]));
export const stock = signal(/** @type {any[]} */ ([]));
export const menu = signal(/** @type {any} */ (null));
export const orders = signal(/** @type {any[]} */ ([]));
/** The site itself: whether it takes orders. */
export const site = signal(/** @type {any} */ (null));
export const printers = signal(/** @type {any[]} */ ([]));
export const today = signal(/** @type {any} */ (null));
export const devices = signal(/** @type {any[]} */ ([]));
/** Devices that were let in. */
export const paired = signal(/** @type {any[]} */ ([]));
export const lags = signal(/** @type {number[]} */ ([]));
export const now = signal(Date.now());
export const toast = signal('');
/** A question before something is done; `choices` are what can be chosen beside the reason. */
export const ask = signal(/** @type {null | {title: string, say: string, go: string, needed: boolean, danger: boolean, choices?: {label: string, of: [string, string][]},
  then: (reason: string, choice: string) => void}} */ (null));
export const theme = keptTheme('ops.theme');

/** @param {import('../shared/live.js').Frame} frame */
export function hear({ type, data }) {
  if (type === 'snapshot') {
    takeSync(data.sync);
    loadStock();
  } else if (type === 'sync') takeSync(data);
  else if (type === 'site') loadSite();
  else if (type === 'menu') loadMenu();
  else if (type === 'stock') stock.value = stock.value.map((row) => (row.sku === data.sku ? { ...row, ...data } : row));
}

/** @param {any} data */
function takeSync(data) {
  sync.value = data;
  lags.value = [...lags.value, data.lag_events].slice(-POINTS);
}

/** Runs a load; old data stays when there is no answer. @param {() => Promise<void>} load */
const quietly = (load) => () => load().catch(() => {});
/** @param {string} path @param {{value: any}} into @param {(body: any) => any} [pick] */
const into = (path, into, pick = (body) => body) => quietly(async () => {
  const answer = await call('GET', path);
  if (answer.status === 200 || path === '/readyz') into.value = pick(answer.body);
});
export const loadStock = quietly(async () => { stock.value = await all('/v1/stock'); });
export const loadOrders = quietly(async () => { orders.value = await all('/v1/orders?state=open'); });
const loadMenu = into('/v1/menu', menu);
export const loadDevices = quietly(async () => {
  const { status, body } = await call('GET', '/v1/devices');
  if (status !== 200) return;
  devices.value = body.items;
  paired.value = body.paired;
});
const loadQueue = into('/v1/queue', queue);
const loadReady = into('/readyz', ready);
export const loadSite = into('/v1/site', site);
const loadPrinters = into('/v1/printers', printers, (body) => body.items);
const loadToday = into('/v1/today', today);
const loadDead = into('/v1/queue/dead?limit=50', dead, (body) => body.items);

let askedToday = -TODAY_EVERY_MS;

/** Names come in the page's language: what has some is asked for anew. */
export function forgetNames() {
  menu.value = null;
  askedToday = -TODAY_EVERY_MS;
}

/** Asks again for everything that the live connection does not tell. @param {string} view */
export function refresh(view) {
  loadSite();
  loadPrinters();
  if (performance.now() - askedToday >= TODAY_EVERY_MS) {
    askedToday = performance.now();
    loadToday();
  }
  loadQueue();
  loadReady();
  loadDead();
  loadDevices();
  if (!menu.value) loadMenu();
  if (view === 'orders') loadOrders();
}

/**
 * Changes something and says what came of it. Whether it was done.
 * @param {string} method @param {string} path @param {unknown} [body] @param {string} [done] what to say
 */
export async function change(method, path, body, done = '') {
  try {
    const answer = await act(method, path, body);
    const ok = answer.status < 300;
    toast.value = ok ? done : answer.body?.detail ?? t('failed');
    return ok ? answer.body ?? true : null;
  } catch {
    toast.value = t('lost');
    return null;
  }
}

/** What people call a stock unit, and its picture. @param {string} sku */
export function thing(sku) {
  const items = menu.value?.items ?? [];
  const item = items.find((/** @type {any} */ one) => one.id === sku);
  const option = items.flatMap((/** @type {any} */ one) => one.modifiers.flatMap((/** @type {any} */ group) => group.options)).find((/** @type {any} */ one) => one.id === sku);
  const name = item?.name ?? option?.name ?? sku.replaceAll('-', ' ');
  return { name: name.charAt(0).toUpperCase() + name.slice(1), image: item?.image ?? null };
}
