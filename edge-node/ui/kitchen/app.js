// The kitchen display: tickets, the oldest first, done by touch, keys or bump bar.
import { call } from '../shared/api.js';
import { clock } from '../shared/format.js';
import { contrast } from '../shared/contrast.js';
import { fit } from '../shared/fit.js';
import { answer, calls, hearCalls } from '../shared/calls.js';
import { busy, follow } from '../shared/live.js';
import { begin, session, SignIn, signedOut } from '../shared/sign-in.js';
import { chime, locked, unlock } from '../shared/sound.js';
import { kept } from '../shared/store.js';
import { effect, html, Icon, Logo, render, signal, trapFocus, useEffect, useRef } from '../shared/ui.js';
import { language, learn, speak, t } from '../shared/words.js';
import { bump, bumpNextLine, drain, recall, start } from './acts.js';
import { see, visible } from './seen.js';
import { loadStock, Side, TakeOff } from './side.js';
import { bumped, counts, fetchTicket, hearTicket, hub, leaving, menu, mine, muted, now, open, page, pages, queue, selected, slots, SLOTS, station, stations, stock, tick, tickets, toast } from './state.js';
import { label, Ticket } from './ticket.js';
import { words } from './words.js';

learn(words);
const chosen = kept('kitchen.language', 'en');
speak(chosen.value);

/** Counts are asked for at most this often, milliseconds. */
const COUNTS_EVERY_MS = 400;
/** New tickets are told to a screen reader at most this often, milliseconds. */
const TELL_EVERY_MS = 5_000;
/** Each station has a tone of its own, Hz. */
const TONES = [[660, 880], [523, 784], [587, 740], [698, 932], [494, 659], [784, 988]];
/** Of a guest who calls, Hz. */
const BELL = [1047, 1319, 1047, 1319];

/** What lies over the tickets. */
const dialog = signal(/** @type {null | 'off' | 'recall' | {ticket: string}} */ (null));
const told = signal('');
/** @type {ReturnType<typeof follow> | null} */
let link = null;

/** @param {number} delay @param {() => Promise<void>} load */
function throttled(delay, load) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    // A lost answer is made up for by the next frame, or the snapshot after reconnecting.
    setTimeout(() => { due = false; load().catch(() => {}); }, delay);
  };
}
const loadCounts = throttled(COUNTS_EVERY_MS, async () => {
  const path = station.value ? `/v1/tickets/counts?station=${encodeURIComponent(station.value)}` : '/v1/tickets/counts';
  const answer = await call('GET', path);
  if (answer.status === 200) counts.value = answer.body.items;
});
const loadMenu = throttled(0, async () => {
  const answer = await call('GET', '/v1/menu');
  if (answer.status === 200) menu.value = answer.body.items;
});
const reloadStock = throttled(COUNTS_EVERY_MS, loadStock);

let lastTold = 0;
/** @param {{number: number, station: string}} ticket */
function announce(ticket) {
  if (station.value && ticket.station !== station.value) return;
  if (!muted.value) chime(TONES[Math.max(0, stations.value.indexOf(ticket.station)) % TONES.length] ?? [660]);
  if (Date.now() - lastTold < TELL_EVERY_MS) return;
  lastTold = Date.now();
  told.value = t('new', { n: ticket.number });
}

/** @param {import('../shared/live.js').Frame} frame */
function hear(frame) {
  const { type, at, data } = frame;
  if (hearCalls(frame) && !muted.value) chime(BELL);
  if (type === 'snapshot') {
    const rows = data.tickets.filter((/** @type {any} */ row) => row.state === 'waiting' || row.state === 'cooking' || row.needs_confirmation);
    tickets.value = new Map(rows.map((/** @type {any} */ row) => [row.id, row]));
    hearSync(data.sync);
    loadMenu();
    reloadStock();
    loadCounts();
  } else if (type === 'ticket') {
    const isNew = data.state === 'waiting' && data.lines && !tickets.value.has(data.id);
    if (!hearTicket(data, at) && data.state === 'cooking') fetchTicket(data.id).catch(() => {});
    if (isNew) announce(data);
    loadCounts();
  } else if (type === 'stock') {
    if (stock.value) stock.value = new Map(stock.value).set(data.sku, { ...stock.value.get(data.sku), ...data });
    reloadStock();
  } else if (type === 'menu') loadMenu();
  else if (type === 'sync') hearSync(data);
}

/** @param {any} sync */
function hearSync(sync) {
  const away = sync.hub !== 'connected';
  hub.value = { away, lag: sync.lag_events, since: away ? hub.value.since || Date.now() : 0 };
}

function Head() {
  const zone = session.value?.site.time_zone ?? 'UTC';
  const minutes = Math.floor((Date.now() - hub.value.since) / 60_000);
  const size = (/** @type {string} */ name) => open.value.filter((ticket) => (!name || ticket.station === name) && !leaving.value.has(ticket.id)).length;
  return html`<header class="kds-top"><${Logo} /><h1 class="where">${session.value?.site.name}</h1>
    <div class="kds-seg" role="group" aria-label=${t('station')}>${['', ...stations.value].map((name) => html`
      <button key=${name} class=${station.value === name ? 'on' : ''} aria-pressed=${station.value === name} onClick=${() => pick(name)}>${name ? label(name) : t('all')} <b>${size(name)}</b></button>`)}</div>
    <span class="grow"></span><${Calls} />
    ${hub.value.away && html`<div class="kds-off" role="status"><${Icon} name="cloud-off" /><span>${t('hub-away')}${minutes > 0 ? ` ${minutes} min` : ''}<small>${t('hub-away.small', { n: hub.value.lag })}</small></span></div>`}
    <button class="kds-btn" lang=${chosen.value === 'en' ? 'ja' : 'en'} onClick=${switchLanguage}><${Icon} name="languages" />${t('language')}</button>
    <button class="kds-btn" onClick=${() => { dialog.value = 'recall'; }}><${Icon} name="undo-2" />${t('recall')}</button>
    <span class="kds-clock">${clock(now.value, zone)}</span></header>`;
}

function switchLanguage() {
  chosen.value = chosen.value === 'en' ? 'ja' : 'en';
  speak(chosen.value);
  loadMenu();
  loadCounts();
}

/** @param {string} name */
function pick(name) {
  station.value = name;
  page.value = 0;
  loadCounts();
}

/** Guests who ask for somebody, the longest waiting first, until somebody has seen to it. */
function Calls() {
  const zone = session.value?.site.time_zone ?? 'UTC';
  const first = calls.value[0];
  const done = async (/** @type {string} */ device) => { if (!await answer(device)) toast.value = t('failed'); };
  return html`<div class="kds-calls" role="alert">${first && html`<p data-call=${first.device}><${Icon} name="bell" /><span><b>${t('call', { device: first.device })}</b>
      <small>${t('call.since', { time: clock(first.since, zone) })}${calls.value.length > 1 ? ` ${t('call.more', { n: calls.value.length - 1 })}` : ''}</small></span>
    <button class="kds-btn" onClick=${() => done(first.device)}><${Icon} name="check" />${t('call.done')}<span class="sr"> ${first.device}</span></button></p>`}</div>`;
}

function Foot() {
  const key = (/** @type {string} */ keys, /** @type {string} */ word) => html`<span><span class="kbd">${keys}</span>${word}</span>`;
  return html`<footer class="kds-foot">${key('1–0', t('key.bump'))}${key('← →', t('key.move'))}${key('Enter', t('key.enter'))}${key('Space', t('key.line'))}${key('R', t('key.recall'))}${key('S', t('key.station'))}
    <button onClick=${nextPage}>${key('P', t('key.page', { n: Math.min(page.value, pages.value - 1) + 1, of: pages.value }))}</button>
    <button onClick=${() => { muted.value = !muted.value; }} aria-pressed=${muted.value}>${key('M', html`<${Icon} name=${muted.value ? 'volume-x' : 'volume-2'} />${t(muted.value ? 'key.sound' : 'key.mute')}`)}</button>
    <div class="end">${locked.value && !muted.value && html`<span class="chip">${t('sound.locked')}</span>`}
      ${queue.value.length > 0 && html`<span class="chip">${t('queued', { n: queue.value.length })}</span>`}
      ${bumped.value.length > 0 && html`<span>${t('just-bumped')}</span>`}${bumped.value.slice(0, 3).map((one) => html`<span class="chip" key=${one.ticket}><${Icon} name="check" />${one.number}</span>`)}</div></footer>`;
}

const nextPage = () => { page.value = (Math.min(page.value, pages.value - 1) + 1) % pages.value; };

/** @param {{title: string, children?: any}} props */
function Dialog({ title, children }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const close = () => { dialog.value = null; };
  useEffect(() => trapFocus(box.current, close), []);
  return html`<div class="kds-scrim" onClick=${close}></div><section class="kds-dialog small" role="dialog" aria-modal="true" aria-label=${title} ref=${box}>
    <header><h2>${title}</h2><button class="kds-btn" onClick=${close}><${Icon} name="x" />${t('close')}</button></header>${children}</section>`;
}

function Over() {
  const what = dialog.value;
  const close = () => { dialog.value = null; };
  if (what === 'off') return html`<${TakeOff} close=${close} />`;
  if (what === 'recall') {
    return html`<${Dialog} title=${t('recall.title')}><ul class="list">${bumped.value.length === 0 && html`<li>${t('recall.none')}</li>`}
      ${bumped.value.map((one) => html`<li key=${one.ticket}><b>${one.number}</b><span>${label(one.station)}</span>
        <button class="kds-btn" onClick=${() => { recall(one.ticket); close(); }}><${Icon} name="undo-2" />${t('recall')}<span class="sr"> ${one.number}</span></button></li>`)}</ul><//>`;
  }
  const ticket = what && tickets.value.get(what.ticket);
  if (!ticket) return null;
  return html`<${Dialog} title=${`${ticket.number} · ${label(ticket.station)}`}><div class="acts">
    ${ticket.state === 'waiting' && html`<button class="kds-btn" onClick=${() => { start(ticket); close(); }}><${Icon} name="flame" />${t('start')}</button>`}
    <button class="kds-btn" onClick=${() => { bump(ticket); close(); }}><${Icon} name="check" />${t(ticket.needs_confirmation ? 'got-it' : 'bump')}</button></div><//>`;
}

function Kitchen() {
  const since = link?.staleSince.value ?? null;
  const zone = session.value?.site.time_zone ?? 'UTC';
  return html`<${Head} />
    ${since !== null && html`<p class="linkbar bad" role="alert" id="stale"><${Icon} name="unplug" />${t('stale', { time: clock(since, zone, true) })}</p>`}
    <main class="kds-grid ${since !== null ? 'old' : ''}">${slots.value.map((ticket, slot) => html`<${Ticket} key=${ticket.id} ticket=${ticket} slot=${slot} more=${() => { dialog.value = { ticket: ticket.id }; }} />`)}
      ${mine.value.length === 0 && link?.known.value && html`<div class="kds-none"><${Icon} name="chef-hat" /><b>${t('none')}</b><p>${t('none.small')}</p></div>`}</main>
    <${Side} open=${() => { dialog.value = 'off'; }} /><${Foot} />
    <p class="sr" aria-live="polite">${told.value}</p>
    ${toast.value && html`<p class="toast" role="alert"><${Icon} name="octagon-alert" />${toast.value}<button onClick=${() => { toast.value = ''; }}>${t('close')}</button></p>`}
    ${dialog.value && html`<${Over} />`}`;
}

/** @param {number} by */
function move(by) {
  const shown = slots.value;
  const at = shown.findIndex((ticket) => ticket.id === selected.value);
  const next = shown[at < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, at + by))];
  if (next) selected.value = next.id;
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (dialog.value || !session.value || event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLInputElement) return;
  const chosenOne = slots.value.find((ticket) => ticket.id === selected.value);
  const onControl = event.target instanceof HTMLButtonElement;
  const digit = /^\d$/.test(event.key) ? (Number(event.key) + 9) % SLOTS : -1;
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => move(-1), ArrowRight: () => move(1), ArrowUp: () => move(-5), ArrowDown: () => move(5),
    r: () => recall(), R: () => { if (event.shiftKey) dialog.value = 'recall'; else recall(); },
    s: () => { const all = ['', ...stations.value]; pick(all[(all.indexOf(station.value) + 1) % all.length] ?? ''); },
    a: () => pick(''), p: nextPage, F8: () => { dialog.value = 'off'; }, m: () => { muted.value = !muted.value; },
  };
  // On a control of the page, Enter and Space are that control's.
  if (!onControl) Object.assign(keys, { Enter: () => bump(chosenOne), ' ': () => bumpNextLine(chosenOne) });
  const act = digit >= 0 ? () => bump(slots.value[digit]) : keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
}

function Page() {
  return session.value ? html`<div class="kds"><${Kitchen} /></div>` : html`<${SignIn} />`;
}

effect(() => {
  if (!session.value) return;
  link?.wake();
  link ??= follow({ topics: 'tickets,stock,menu,sync,calls', onFrame: hear, onSignedOut: signedOut });
  drain();
});
effect(() => { if (session.value && visible.value) see(slots.value); });
effect(() => { document.title = `${t('title')} (${mine.value.length}) · Sunakku`; language.value; });
document.addEventListener('keydown', key);
unlock();
for (const kind of ['pointerdown', 'keydown']) document.addEventListener(kind, unlock, { passive: true });
setInterval(tick, 250);
busy.value = () => queue.value.length > 0;
contrast();
fit(1920, 1080, { flexWidth: true, flexHeight: true });
render(html`<${Page} />`, document.body);
begin({ screen: 'kitchen', roles: ['kitchen', 'manager'] });
