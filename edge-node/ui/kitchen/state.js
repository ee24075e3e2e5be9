// What a kitchen screen knows: open tickets, what cooks did that was not answered yet, stock.
import { call } from '../shared/api.js';
import { serverNow } from '../shared/live.js';
import { session } from '../shared/sign-in.js';
import { kept } from '../shared/store.js';
import { computed, signal } from '../shared/ui.js';

/** @typedef {string | Record<string, string>} Name */
/** @typedef {{item: string, name: Name, quantity: number, modifiers?: {id: string, name: Name}[], note?: string | null}} TicketLine */
/**
 * @typedef {{id: string, order: string, number: number, station: string, state: string, lines: TicketLine[], done_lines: number[], avoid?: string[],
 *   service?: string | null, others?: string[], placed_at: string, pickup_at?: string | null, cooking_at?: string | null, acknowledged_at?: string | null, done_at?: string | null,
 *   needs_confirmation?: boolean, reason?: string | null}} Ticket
 */
/** @typedef {{path: string, key: string, ticket: string, number: number, station: string, act: 'bump' | 'line' | 'confirm' | 'start' | 'recall', line?: number}} Act */
/** @typedef {{id: string, name: string, station: string, consumes: Record<string, number>, modifiers: {options: {id: string, name: string}[]}[]}} MenuItem */
/** @typedef {{sku: string, on_hand: number | null, suspended: boolean, low: boolean, suspended_until?: string | null}} Stock */

/** Tickets on one page, each at a key. */
export const SLOTS = 10;
/** How long the place of a bumped ticket stays empty, milliseconds. */
const HOLD_MS = 1_000;
/** Tickets of which something is noted at most. */
const NOTES = 300;
/** Of these at most cooks can recall one on this screen. */
const RECALLABLE = 20;

export const tickets = signal(/** @type {Map<string, Ticket>} */ (new Map()));
/** Null until it is known: an empty list would be a claim. */
export const stock = signal(/** @type {Map<string, Stock> | null} */ (null));
export const menu = signal(/** @type {MenuItem[]} */ ([]));
export const counts = signal(/** @type {{item: string, name: string, station: string, quantity: number}[] | null} */ (null));
export const hub = signal(/** @type {{away: boolean, since: number, lag: number}} */ ({ away: false, since: 0, lag: 0 }));
/** The server's time, kept fresh by the page. */
export const now = signal(Date.now());
export const toast = signal('');

export const station = kept('kitchen.station', '');
export const page = kept('kitchen.page', 0, Number.isInteger);
export const selected = kept('kitchen.selected', '');
export const muted = kept('kitchen.muted', false);
/** What cooks did and nobody has answered yet, in order; sent again, also after a reload, each under its key. */
export const queue = kept('kitchen.queue', /** @type {Act[]} */ ([]), Array.isArray);
export const bumped = kept('kitchen.bumped', /** @type {{ticket: string, number: number, station: string}[]} */ ([]), Array.isArray);
/** Tickets that just left, whose place stays empty for a moment: when it may be filled. */
export const leaving = signal(/** @type {Map<string, number>} */ (new Map()));

/** @param {Ticket} ticket */
const isOpen = (ticket) => ticket.state === 'waiting' || ticket.state === 'cooking' || Boolean(ticket.needs_confirmation);
/** @param {string} id @param {Act['act']} act */
const queued = (id, act) => queue.value.some((one) => one.ticket === id && one.act === act);

/** @param {Ticket} ticket @param {number} n counts from 1 */
export function isDone(ticket, n) {
  return ticket.done_lines.includes(n) || queue.value.some((one) => one.ticket === ticket.id && one.act === 'line' && one.line === n);
}

/** Whether it is still to be made, going by what was done here as well. @param {Ticket} ticket */
export function isHere(ticket) {
  if (queued(ticket.id, 'recall')) return true;
  if (ticket.needs_confirmation) return !queued(ticket.id, 'confirm');
  return isOpen(ticket) && !queued(ticket.id, 'bump') && !ticket.lines.every((_, at) => isDone(ticket, at + 1));
}

/** Open tickets, the oldest first; a place that was just left stays empty for a moment. */
export const open = computed(() => [...tickets.value.values()]
  .filter((ticket) => isHere(ticket) || leaving.value.has(ticket.id))
  .toSorted((a, b) => a.placed_at.localeCompare(b.placed_at) || a.number - b.number || a.id.localeCompare(b.id)));
export const mine = computed(() => open.value.filter((ticket) => !station.value || ticket.station === station.value));
export const pages = computed(() => Math.max(1, Math.ceil(mine.value.length / SLOTS)));
export const slots = computed(() => {
  const first = Math.min(page.value, pages.value - 1) * SLOTS;
  return mine.value.slice(first, first + SLOTS);
});
export const stations = computed(() => [...new Set([...menu.value.map((item) => item.station), ...open.value.map((ticket) => ticket.station)])].sort());

/** @param {Ticket} ticket */
export const isRecalled = (ticket) => ticket.state === 'cooking' && Boolean(ticket.done_at && ticket.cooking_at)
  && Date.parse(ticket.done_at ?? '') <= Date.parse(ticket.cooking_at ?? '');

/** Seconds since it should have been begun; until it is wanted, below 0, for an order for later. @param {Ticket} ticket */
export function ageOf(ticket) {
  const from = ticket.pickup_at ? Date.parse(ticket.pickup_at) : Date.parse(isRecalled(ticket) ? ticket.cooking_at ?? ticket.placed_at : ticket.placed_at);
  const seconds = (now.value - from) / 1_000;
  return ticket.pickup_at ? seconds : Math.max(0, seconds);
}

/** @param {Ticket} ticket */
export function look(ticket) {
  const { soon_late_seconds: soon = 240, late_seconds: late = 420 } = session.value?.screens ?? {};
  if (ticket.needs_confirmation) return 'cancelled';
  if (isRecalled(ticket)) return 'again';
  const seconds = ticket.pickup_at ? ageOf(ticket) + late : ageOf(ticket);
  return seconds >= late ? 'late' : seconds >= soon ? 'soon' : 'fresh';
}

/** What people call a stock unit. @param {string} sku */
export function skuName(sku) {
  const named = menu.value.flatMap((item) => [item, ...item.modifiers.flatMap((group) => group.options)]).find((thing) => thing.id === sku);
  return named?.name ?? sku.replaceAll('-', ' ');
}

/** A screen runs for weeks: of what it notes of tickets the oldest is dropped. @param {Map<string, any> | Set<string>} notes */
export function bound(notes) {
  for (const oldest of notes.keys()) {
    if (notes.size <= NOTES) break;
    notes.delete(oldest);
  }
}

/** Frames of each ticket so far: an answer that was overtaken by one is older than what is shown. @type {Map<string, number>} */
const heard = new Map();
/** @param {string} id */
export const framesOf = (id) => heard.get(id) ?? 0;

/**
 * Takes a frame about one ticket; whether it is known here. Frames carry states, so the times of the
 * last steps, by which a recall is told, are those of the frames.
 * @param {any} data
 * @param {string} at
 */
export function hearTicket(data, at) {
  const before = tickets.value.get(data.id)?.state;
  const frames = framesOf(data.id) + 1;
  // The one that was told of last comes last.
  heard.delete(data.id);
  heard.set(data.id, frames);
  bound(heard);
  const times = data.state === before ? {} : data.state === 'done' ? { done_at: at } : data.state === 'cooking' ? { cooking_at: at } : {};
  return take({ ...data, ...times });
}

/** Takes an answer about one ticket, unless a frame has overtaken it since `frames`. @param {any} data @param {number} frames */
export function takeAnswer(data, frames) {
  if (framesOf(data.id) === frames) take(data);
}

/** Takes what a frame or an answer says about one ticket. @param {any} data */
function take(data) {
  const before = tickets.value.get(data.id);
  const lines = data.lines ?? before?.lines;
  if (!lines) return false;
  const told = data.lines?.some((/** @type {any} */ line) => 'n' in line)
    ? data.lines.filter((/** @type {any} */ line) => line.done).map((/** @type {any} */ line) => line.n) : data.done_lines;
  /** @type {Ticket} */
  const ticket = { ...before, ...data, lines, done_lines: told ?? before?.done_lines ?? [] };
  const next = new Map(tickets.value);
  if (before && isHere(before) && !isOpen(ticket)) leave(ticket);
  if (isOpen(ticket) || leaving.value.has(ticket.id)) next.set(ticket.id, ticket);
  else next.delete(ticket.id);
  tickets.value = next;
  return true;
}

/** Keeps the place of a ticket empty for a moment, so that a cook's next touch hits what it was meant for. @param {Ticket} ticket */
export function leave(ticket) {
  leaving.value = new Map(leaving.value).set(ticket.id, Date.now() + HOLD_MS);
  if (ticket.state === 'cancelled' || ticket.needs_confirmation) return;
  const rest = bumped.value.filter((one) => one.ticket !== ticket.id);
  bumped.value = [{ ticket: ticket.id, number: ticket.number, station: ticket.station }, ...rest].slice(0, RECALLABLE);
}

/** Moves the clock on, and lets places be filled again. */
export function tick() {
  now.value = serverNow();
  const over = [...leaving.value].filter(([, until]) => until <= Date.now());
  if (!over.length) return;
  const [left, next] = [new Map(leaving.value), new Map(tickets.value)];
  for (const [id] of over) {
    left.delete(id);
    const ticket = next.get(id);
    if (ticket && !isOpen(ticket)) next.delete(id);
  }
  leaving.value = left;
  tickets.value = next;
}

/** A ticket that this screen has not got, such as one that was recalled elsewhere. @param {string} id */
export async function fetchTicket(id) {
  const frames = framesOf(id);
  const answer = await call('GET', `/v1/tickets/${id}`);
  if (answer.status === 200) takeAnswer(answer.body, frames);
}
