// The pickup board: numbers, large enough to be read from ten metres. No names, no dishes.
import { call } from '../shared/api.js';
import { clock } from '../shared/format.js';
import { contrast } from '../shared/contrast.js';
import { fit } from '../shared/fit.js';
import { follow } from '../shared/live.js';
import { begin, session, SignIn, signedOut } from '../shared/sign-in.js';
import { chime, say, unlock } from '../shared/sound.js';
import { effect, html, Icon, Logo, render, signal } from '../shared/ui.js';
import { learn, t } from '../shared/words.js';

learn({
  en: { preparing: 'Preparing', ready: 'Ready', called: 'Just called', 'ready-now': 'Ready to collect', more: 'and {n} more', stale: 'Please ask at the counter', said: 'Number {n} is ready', none: 'Ready numbers appear here', title: 'Pickup board' },
  ja: { preparing: '準備中', ready: 'お受け取りください', called: 'できあがりました', 'ready-now': 'お受け取りください', more: 'ほか{n}件', stale: 'カウンターでお尋ねください', said: '{n}番のお客様、できあがりました', none: 'できあがった番号が表示されます' },
});

/** @typedef {{number: number, since: string}} Shown */

/** A number that was just called has the big place at least so long, milliseconds. */
const HOLD_MS = 8_000;
/** It is "just called" for so long, milliseconds. */
const FRESH_MS = 30_000;
/** More numbers than fit are shown page by page, each for so long, milliseconds. */
const PAGE_MS = 8_000;
/** The board is asked for at most this often, and at least this often (ready ones leave it by time), milliseconds. */
const LOAD_MS = 300;
const RELOAD_MS = 10_000;
/** Against burn-in everything moves by a few pixels once a minute. */
const SHIFTS = [[0, 0], [3, 0], [3, 3], [0, 3], [-3, 3], [-3, 0], [-3, -3], [0, -3], [3, -3]];
/** Numbers are also spoken where the address says so: /pickup?speak. */
const SPEAKS = new URLSearchParams(location.search).has('speak');

const preparing = signal(/** @type {Shown[]} */ ([]));
const ready = signal(/** @type {Shown[]} */ ([]));
/** Numbers that wait for the big place, and the one that has it. */
const waiting = signal(/** @type {number[]} */ ([]));
const big = signal(/** @type {{number: number, at: number} | null} */ (null));
const now = signal(Date.now());
/** Ready numbers that were seen before; null until the first answer: "none" would be a guess before it. */
const seen = signal(/** @type {Set<number> | null} */ (null));
/** @type {ReturnType<typeof follow> | null} */
let link = null;

async function load() {
  const { status, body } = await call('GET', '/v1/board');
  if (status !== 200) return;
  const numbers = new Set(body.ready.map((/** @type {Shown} */ shown) => shown.number));
  preparing.value = body.preparing;
  ready.value = body.ready;
  const before = seen.value;
  if (before) waiting.value = [...waiting.value, ...[...numbers].filter((number) => !before.has(number)).reverse()];
  else if (body.ready[0]) big.value = { number: body.ready[0].number, at: Date.parse(body.ready[0].since) };
  waiting.value = waiting.value.filter((number) => numbers.has(number));
  // A number that was called back to the kitchen and is ready again is called again.
  seen.value = numbers;
  turn();
}

/** Gives the big place to the next one when it is free. */
function turn() {
  const there = ready.value.some(({ number }) => number === big.value?.number);
  const held = there && big.value && Date.now() - big.value.at < HOLD_MS;
  const next = waiting.value[0];
  if (next !== undefined && !held) {
    waiting.value = waiting.value.slice(1);
    big.value = { number: next, at: Date.now() };
    chime([784, 988, 1175]);
    if (SPEAKS) say(...['en', 'ja'].map((tag) => /** @type {[string, string]} */ ([t('said', { n: next }, tag), tag])));
  } else if (!there && big.value) {
    big.value = null;
  }
}

let due = false;
function soon() {
  if (due) return;
  due = true;
  // A lost answer is made up for by the next frame, or the next time by the clock.
  setTimeout(() => { due = false; load().catch(() => {}); }, LOAD_MS);
}

/** @param {string} key */
const both = (key) => html`${t(key, {}, 'en')}<small lang="ja">${t(key, {}, 'ja')}</small>`;
/** @param {number[]} numbers */
const digits = (numbers) => Math.max(2, ...numbers.map((number) => String(number).length));

/** The page that is shown now of what does not fit. @template T @param {T[]} rows @param {number} size @returns {[T[], number]} */
function paged(rows, size) {
  if (rows.length <= size) return [rows, 0];
  const fitting = size - 1;
  const pages = Math.ceil(rows.length / fitting);
  const page = Math.floor(now.value / PAGE_MS) % pages;
  const shown = rows.slice(page * fitting, (page + 1) * fitting);
  return [shown, rows.length - shown.length];
}

function Board() {
  const stale = (link?.staleSince.value ?? null) !== null;
  const zone = session.value?.site.time_zone ?? 'UTC';
  const left = preparing.value.map(({ number }) => number);
  const right = ready.value.map(({ number }) => number).filter((number) => number !== big.value?.number && !waiting.value.includes(number));
  const [wide, wideReady] = [digits(left), digits([...right, big.value?.number ?? 0])];
  const [cooking, moreCooking] = paged(left, wide > 2 ? 8 : 12);
  const columns = wideReady > 2 ? 2 : 3;
  const [others, moreReady] = paged(right, columns * (big.value ? 1 : 2));
  const fresh = big.value && now.value - big.value.at < FRESH_MS;
  return html`<section class="pk-l" aria-labelledby="preparing"><h2 id="preparing"><${Icon} name="chef-hat" />${both('preparing')}</h2>
      <div class="pk-prep" data-digits=${wide}>${cooking.map((number) => html`<span key=${number}>${number}</span>`)}
        ${moreCooking > 0 && html`<small>${t('more', { n: moreCooking })}</small>`}</div></section>
    <section class="pk-r" aria-labelledby="ready"><h2 id="ready"><${Icon} name="circle-check" />${both('ready')}</h2>
      ${big.value && html`<div class="pk-now" data-digits=${String(big.value.number).length} key=${big.value.number}><span class="no" id="now">${big.value.number}</span>
        <div class="tx"><b>${t(fresh ? 'called' : 'ready-now', {}, 'en')}</b><span lang="ja">${t(fresh ? 'called' : 'ready-now', {}, 'ja')}</span></div></div>`}
      ${!big.value && !others.length && seen.value && html`<p class="pk-none">${t('none', {}, 'en')}<br /><span lang="ja">${t('none', {}, 'ja')}</span></p>`}
      <div class="pk-ready" data-columns=${columns}>${others.map((number) => html`<div key=${number} class="n">${number}</div>`)}
        ${moreReady > 0 && html`<div class="more">${t('more', { n: moreReady })}</div>`}</div></section>
    <footer class="pk-f"><${Logo} /><span>${session.value?.site.name}</span><div class="end"><b>${clock(now.value, zone)}</b></div></footer>
    <p class="sr" aria-live="polite">${big.value && fresh ? t('said', { n: big.value.number }) : ''}</p>
    ${stale && html`<div class="pk-stale" role="alert" id="stale"><${Icon} name="unplug" /><b>${t('stale', {}, 'en')}</b><span lang="ja">${t('stale', {}, 'ja')}</span></div>`}`;
}

function Page() {
  if (!session.value) return html`<${SignIn} />`;
  const [x, y] = SHIFTS[Math.floor(now.value / 60_000) % SHIFTS.length] ?? [0, 0];
  return html`<main class="pk" style=${{ transform: `translate(${x}px, ${y}px)` }}><h1 class="sr">${t('title')}</h1><${Board} /></main>`;
}

effect(() => {
  if (!session.value) return;
  link?.wake();
  link ??= follow({ topics: 'orders', onFrame: soon, onSignedOut: signedOut });
});
unlock();
for (const kind of ['pointerdown', 'keydown']) document.addEventListener(kind, unlock, { passive: true });
setInterval(() => { now.value = Date.now(); turn(); }, 500);
setInterval(() => { if (session.value) soon(); }, RELOAD_MS);
contrast();
fit(1920, 1080);
render(html`<${Page} />`, document.body);
begin({ screen: 'pickup', roles: ['board', 'kiosk', 'kitchen', 'manager'] });
