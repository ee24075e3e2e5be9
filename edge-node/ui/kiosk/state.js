// What a kiosk knows: the menu as the site sells it now, and the guest's order, which outlives a reload.
import { act, call, caller } from '../shared/api.js';
import { money } from '../shared/format.js';
import { kept } from '../shared/store.js';
import { batch, computed, signal } from '../shared/ui.js';
import { language, speak, t } from '../shared/words.js';

/** @typedef {{id: string, name: string, price: number, allergens: string[], available: boolean}} Option */
/** @typedef {{id: string, name: string, min: number, max: number, options: Option[]}} Group */
/**
 * @typedef {{id: string, name: string, category: string, price: number, tax_rate: number, allergens: string[], image: string | null,
 *   description: string, diet: string[], energy_kj: number | null, set: {item: string, quantity: number}[], modifiers: Group[], stock: number | null, available: boolean}} Item
 */
/** @typedef {{open: boolean, opens_at: string | null, reason: string | null}} Standing whether the site takes orders */
/**
 * @typedef {{version: number, currency: string, site: Standing, daypart: string | null, dayparts: {id: string, name: string, from: string, to: string}[],
 *   categories: {id: string, name: string}[], items: Item[]}} Menu
 */
/** @typedef {{id: string, item: string, quantity: number, modifiers: string[]}} Line */
/** @typedef {{key: string, body: any, since: number}} Pending an order under way: sent until it is answered */
/** @typedef {{id: string, number: number, state: string, ready_estimate_at: string, pickup_at: string | null, service: string | null, total: number, currency: string, lines: {name: string, quantity: number}[]}} Placed */

export const LANGUAGES = { en: 'English', ja: '日本語' };
/** Below this many the card says how many are left. */
const LOW = 5;

export const menu = signal(/** @type {Menu | null} */ (null));
export const view = kept('kiosk.view', /** @type {'attract' | 'menu' | 'review' | 'done'} */ ('attract'));
export const lines = kept('kiosk.lines', /** @type {Line[]} */ ([]), Array.isArray);
export const avoid = kept('kiosk.avoid', /** @type {string[]} */ ([]), Array.isArray);
/** Diets that everything shown must suit. */
export const diet = kept('kiosk.diet', /** @type {string[]} */ ([]), Array.isArray);
export const service = kept('kiosk.service', /** @type {string | null} */ (null));
export const pending = kept('kiosk.pending', /** @type {Pending | null} */ (null));
export const placed = kept('kiosk.placed', /** @type {Placed | null} */ (null));
const NO_SETTINGS = { language: 'en', lower: false, big: false, contrast: false, aloud: false };
export const settings = kept('kiosk.settings', NO_SETTINGS, (value) => value && value.language in LANGUAGES);
/** The item whose sheet is open, and the line that it changes. */
export const sheet = signal(/** @type {{item: string, line?: Line, swapFor?: string} | null} */ (null));
/** What was found to be gone when the order was placed. */
export const gone = signal(/** @type {{item: string, requested: number, available: number}[]} */ ([]));
/** Why an order was refused, by a key of the words, and when it could be had instead. */
export const refused = signal(/** @type {{key: string, values?: Record<string, string>} | null} */ (null));
/** A line that was just removed, to be put back. */
export const removed = signal(/** @type {{line: Line, at: number} | null} */ (null));

export const items = computed(() => new Map((menu.value?.items ?? []).map((item) => [item.id, item])));
export const count = computed(() => lines.value.reduce((sum, line) => sum + line.quantity, 0));
export const total = computed(() => lines.value.reduce((sum, line) => sum + lineTotal(line), 0));
/** Each once, the most frequent first. @param {string[]} all */
function byFrequency(all) {
  const often = Map.groupBy(all, (name) => name);
  return [...often.keys()].sort((a, b) => (often.get(b)?.length ?? 0) - (often.get(a)?.length ?? 0));
}
/** Whether anything is as a guest wanted it: an order, filters, language, settings. */
export const isPersonal = computed(() => Boolean(lines.value.length || avoid.value.length || diet.value.length || service.value)
  || JSON.stringify(settings.value) !== JSON.stringify(NO_SETTINGS));
/** Every allergen that the menu names. */
export const allergens = computed(() => byFrequency((menu.value?.items ?? [])
  .flatMap((item) => [...item.allergens, ...item.modifiers.flatMap((group) => group.options.flatMap((option) => option.allergens))])));
/** Every diet that the menu names. */
export const diets = computed(() => byFrequency((menu.value?.items ?? []).flatMap((item) => item.diet)));
/** Why the site takes no orders now; null while it does. */
export const closed = computed(() => (menu.value && !menu.value.site.open ? menu.value.site : null));

/** @param {number} minor */
export const price = (minor) => money(minor, menu.value?.currency ?? placed.value?.currency ?? 'EUR', language.value);
/** @param {string} code */
export const allergen = (code) => wordOf('allergen', code);
/** @param {string} code */
export const dietName = (code) => wordOf('diet', code);
/** What a code of the menu's is called; the code itself where there is no word. @param {string} kind @param {string} code */
function wordOf(kind, code) {
  const word = t(`${kind}.${code}`);
  return word === `${kind}.${code}` ? code : word;
}
/** @param {Item} item */
export const isLow = (item) => item.available && item.stock !== null && item.stock <= LOW;

/** @param {Item} item */
function options(item) {
  return new Map(item.modifiers.flatMap((group) => group.options.map((option) => [option.id, option])));
}

/** @param {Pick<Line, 'item' | 'modifiers'>} line */
export function chosen(line) {
  const item = items.value.get(line.item);
  if (!item) return [];
  const all = options(item);
  return line.modifiers.flatMap((id) => all.get(id) ?? []);
}

/** Price of one with its options. @param {Pick<Line, 'item' | 'modifiers'>} line */
export function unitPrice(line) {
  const base = items.value.get(line.item)?.price ?? 0;
  return chosen(line).reduce((sum, option) => sum + option.price, base);
}

/** @param {Line} line */
export const lineTotal = (line) => line.quantity * unitPrice(line);
/** Tax within the prices. */
export const tax = computed(() => lines.value.reduce((sum, line) => {
  const rate = items.value.get(line.item)?.tax_rate ?? 0;
  return sum + Math.round(lineTotal(line) * rate / (10_000 + rate));
}, 0));

/** @param {Pick<Line, 'item' | 'modifiers'>} line */
export function lineAllergens(line) {
  const item = items.value.get(line.item);
  return [...new Set([...(item?.allergens ?? []), ...chosen(line).flatMap((option) => option.allergens)])];
}

/** What the guest avoids and the item has in it. @param {{allergens: string[]}} thing */
export const clash = (thing) => thing.allergens.filter((name) => avoid.value.includes(name));

/** Whether the guest's filters let it be shown. @param {Item} item */
export const fits = (item) => !clash(item).length && diet.value.every((name) => item.diet.includes(name));
/** It can be had, but not at this time of the day. @param {Item} item */
export const isLater = (item) => !item.available && item.stock !== 0;

/** Takes how the order that was placed here stands. @param {import('../shared/live.js').Frame} frame */
export function hearOrder({ type, data }) {
  const order = placed.value;
  if (!order) return;
  if (type === 'order') stands(data);
  if (type !== 'snapshot') return;
  const row = data.orders.find((/** @type {any} */ one) => one.id === order.id);
  if (row) stands(row);
  else lookUp(order.id);
}

/** @param {{id: string, state: string}} row */
function stands({ id, state }) {
  const order = placed.value;
  if (order?.id === id && order.state !== state) placed.value = { ...order, state };
}

/** An order that is not among the open ones any more was handed over, or called off, while nobody listened. @param {string} id */
async function lookUp(id) {
  const answer = await act('GET', `/v1/orders/${id}`, undefined).catch(() => null);
  stands({ id, state: answer?.status === 200 ? answer.body.state : 'closed' });
}

let etag = '';
let asked = 0;

/** Fetches the menu in the page's language; what it has not changed since is not sent again. */
export async function loadMenu() {
  asked += 1;
  const turn = asked;
  const tag = caller.language;
  const answer = await call('GET', '/v1/menu', etag ? { etag } : {});
  if (turn !== asked || tag !== caller.language || answer.status !== 200) return;
  etag = answer.headers.get('etag') ?? '';
  const known = new Set(answer.body.items.map((/** @type {Item} */ item) => item.id));
  batch(() => {
    menu.value = answer.body;
    if (lines.value.some((line) => !known.has(line.item))) {
      lines.value = lines.value.filter((line) => known.has(line.item));
    }
  });
}

/** @param {string} tag */
export function setLanguage(tag) {
  settings.value = { ...settings.value, language: tag };
  speak(tag);
  etag = '';
  // Without an answer the names stay as they are until the next one.
  loadMenu().catch(() => {});
}

/**
 * Adds to the order; the same item with the same options stands in one line.
 * @param {string} item
 * @param {string[]} modifiers
 * @param {number} quantity
 */
export function add(item, modifiers = [], quantity = 1) {
  const same = lines.value.find((line) => line.item === item && line.modifiers.join() === modifiers.join());
  if (same) setQuantity(same.id, same.quantity + quantity);
  else lines.value = [...lines.value, { id: crypto.randomUUID(), item, quantity, modifiers }];
}

/**
 * @param {string} id
 * @param {number} quantity none removes the line
 */
export function setQuantity(id, quantity) {
  const at = lines.value.findIndex((line) => line.id === id);
  const line = lines.value[at];
  if (!line) return;
  if (quantity > 0) {
    lines.value = lines.value.with(at, { ...line, quantity: Math.min(quantity, 99) });
  } else {
    removed.value = { line, at };
    lines.value = lines.value.toSpliced(at, 1);
  }
}

export function undoRemoval() {
  if (!removed.value) return;
  lines.value = lines.value.toSpliced(removed.value.at, 0, removed.value.line);
  removed.value = null;
}

/**
 * @param {string} id
 * @param {Partial<Line>} change
 */
export function changeLine(id, change) {
  lines.value = lines.value.map((line) => (line.id === id ? { ...line, ...change } : line));
}

/** @param {string} name */
export function toggleAvoid(name) {
  avoid.value = avoid.value.includes(name) ? avoid.value.filter((other) => other !== name) : [...avoid.value, name];
}

/** @param {string} name */
export function toggleDiet(name) {
  diet.value = diet.value.includes(name) ? diet.value.filter((other) => other !== name) : [...diet.value, name];
}

/** Everything as the next guest wants to find it: nothing of the last one is left. */
export function startOver() {
  batch(() => {
    lines.value = [];
    avoid.value = [];
    diet.value = [];
    service.value = null;
    pending.value = null;
    placed.value = null;
    sheet.value = null;
    gone.value = [];
    refused.value = null;
    removed.value = null;
    view.value = 'attract';
    if (settings.value.language !== NO_SETTINGS.language) setLanguage(NO_SETTINGS.language);
    settings.value = { ...NO_SETTINGS };
  });
}
