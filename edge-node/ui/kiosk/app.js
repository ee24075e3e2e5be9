// The kiosk: a guest orders, and the order is placed once.
import { contrast } from '../shared/contrast.js';
import { fit } from '../shared/fit.js';
import { keypad } from '../shared/keypad.js';
import { hearCalls } from '../shared/calls.js';
import { busy, follow } from '../shared/live.js';
import { begin, session, SignIn, signedOut } from '../shared/sign-in.js';
import { say } from '../shared/sound.js';
import { computed, effect, html, Icon, render, signal, useEffect } from '../shared/ui.js';
import { language, learn, speak, t } from '../shared/words.js';
import { Break, Gone, StillThere } from './dialogs.js';
import { ItemSheet } from './item-sheet.js';
import { Attract, MenuView } from './menu-view.js';
import { Settings, Top } from './parts.js';
import { byGuest, isOwn, onPhone } from './phone.js';
import { send } from './place.js';
import { Done, Placing, Review } from './review-view.js';
import { count, gone, hearOrder, isPersonal, lines, loadMenu, menu, pending, settings, sheet, startOver, view } from './state.js';
import { words } from './words.js';

learn(words);
speak(settings.value.language);

/** Menu and stock are asked for at most this often, milliseconds. */
const MENU_EVERY_MS = 400;
/** And at least this often, because what is offered depends on the time of the day, milliseconds. */
const MENU_LEAST_MS = 30_000;
/** Without its edge for so long the kiosk sends guests to the counter, milliseconds. */
const BREAK_AFTER_MS = 20_000;
/** After that an order is kept for so long, milliseconds. */
const KEEP_MS = 120_000;
/** Repeat taps on one control within this time are one tap (tremor), milliseconds. */
const TAP_MS = 300;
/** How long "Still there?" waits; how long an empty order stays on the menu, seconds. */
const STILL_SECONDS = 20;

const now = signal(Date.now());
/** When somebody last touched the kiosk. */
const touched = signal(Date.now());
/** @type {ReturnType<typeof follow> | null} */
let link = null;

let due = false;
let asked = -MENU_EVERY_MS;
function refresh() {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    asked = performance.now();
    // A lost answer is made up for by the next frame, or the snapshot after reconnecting.
    loadMenu().catch(() => {});
  }, Math.max(0, asked + MENU_EVERY_MS - performance.now()));
}

/** @param {import('../shared/live.js').Frame} frame */
function hear(frame) {
  hearCalls(frame);
  hearOrder(frame);
  if (frame.type !== 'order' && frame.type !== 'call') refresh();
}

function Kiosk() {
  const stale = link?.staleSince.value ?? null;
  const away = stale === null ? 0 : now.value - stale;
  const idle = (now.value - touched.value) / 1_000;
  const helped = settings.value.lower || settings.value.big || settings.value.contrast || settings.value.aloud;
  const slower = helped ? 2 : 1;
  const limit = (session.value?.screens.idle_seconds ?? 45) * slower;
  const opened = sheet.value;
  const empty = count.value === 0;
  const waiting = !isOwn.value && view.value !== 'done' && (view.value !== 'attract' || isPersonal.value);
  useEffect(() => {
    if (pending.value) return;
    if (waiting && empty && !opened && idle > STILL_SECONDS * slower) startOver();
    if (away > BREAK_AFTER_MS + KEEP_MS && isPersonal.value) startOver();
  });
  // Who cannot see it has to be told that there is another view.
  useEffect(() => {
    if (view.value !== 'attract') /** @type {HTMLElement | null} */ (document.querySelector('.under h1'))?.focus({ preventScroll: true });
  }, [view.value]);
  if (!menu.value) {
    return away > BREAK_AFTER_MS ? html`<${Break} order=${!empty} />` : html`<main class="k-break"><div class="spin big"></div><h1 class="sr">${t('menu')}</h1></main>`;
  }
  if (away > BREAK_AFTER_MS && !pending.value && view.value !== 'done') return html`<${Break} order=${!empty} />`;
  // A sheet takes time to read, and is somebody's.
  const asks = waiting && (!empty || opened) && !pending.value && idle > limit;
  const over = Boolean(opened || gone.value.length || pending.value || asks);
  return html`
    ${stale !== null && html`<p class="linkbar" role="status"><${Icon} name="unplug" />${t('reconnecting')}</p>`}
    <div class="under" inert=${over}>${view.value === 'attract' && html`<${Attract} />`}
    ${(view.value === 'menu' || view.value === 'review') && html`<${Top} />`}
    ${view.value === 'menu' && html`<${MenuView} />`}
    ${view.value === 'review' && html`<${Review} />`}
    ${view.value === 'done' && html`<${Done} />`}</div>
    ${opened && html`<${ItemSheet} key=${opened.item + (opened.line?.id ?? '')} />`}
    ${gone.value.length > 0 && html`<${Gone} />`}
    ${pending.value && html`<${Placing} />`}
    ${asks && html`<${StillThere} seconds=${STILL_SECONDS} keep=${() => { touched.value = Date.now(); }} />`}
    <${Settings} />`;
}

function Page() {
  const { lower } = settings.value;
  return session.value ? html`<div class="kiosk ${onPhone.value ? 'phone' : lower ? 'lower' : ''}"><${Kiosk} /></div>` : html`<${SignIn} />`;
}

effect(() => { document.documentElement.dataset.text = settings.value.big ? 'big' : ''; });
contrast(() => settings.value.contrast);

effect(() => {
  if (!session.value) return;
  if (link) {
    link.wake();
  } else {
    link = follow({ topics: byGuest.value ? 'stock,menu,orders' : 'stock,menu,orders,calls', onFrame: hear, onSignedOut: signedOut });
    // Also without the live connection there is a menu.
    refresh();
  }
  // An order that was under way before a reload goes on.
  send();
});

/** @type {{target: EventTarget | null, at: number}} */
let lastTap = { target: null, at: 0 };
document.addEventListener('click', (event) => {
  const target = event.target instanceof Element ? event.target.closest('button') : null;
  if (target && target === lastTap.target && event.timeStamp - lastTap.at < TAP_MS) {
    event.stopImmediatePropagation();
    event.preventDefault();
    return;
  }
  lastTap = { target, at: event.timeStamp };
}, true);
for (const kind of ['pointerdown', 'keydown', 'wheel']) {
  document.addEventListener(kind, () => {
    // The question whether somebody is there has an answer of its own.
    if (!document.querySelector('.k-still')) touched.value = Date.now();
  }, { passive: true });
}
/** Whether the guest wants to hear what has the focus. */
const aloud = computed(() => settings.value.aloud);
document.addEventListener('focusin', (event) => {
  if (!aloud.value || !(event.target instanceof HTMLElement)) return;
  const target = event.target;
  const state = target.getAttribute('aria-checked') === 'true' || target.getAttribute('aria-pressed') === 'true' ? ' ✓' : '';
  const more = document.getElementById(target.getAttribute('aria-describedby') ?? '')?.innerText ?? '';
  say([`${target.getAttribute('aria-label') ?? target.innerText}${state} ${more}`, language.value]);
});
effect(() => {
  if (aloud.value) say([t('aloud'), language.peek()]);
  else if ('speechSynthesis' in window) speechSynthesis.cancel();
});
setInterval(() => { if (session.value) refresh(); }, MENU_LEAST_MS);
setInterval(() => { now.value = Date.now(); }, 500);
busy.value = () => view.value !== 'attract' || lines.value.length > 0;
// At three fifths, the smallest text is still 12 px high: on a display that lies on its side.
const draw = fit(1080, 1920, { flexHeight: true, leastHeight: 1500, leastFactor: 0.6 });
effect(() => { draw(onPhone.value ? { width: 620, leastHeight: 1100 } : {}); });
keypad();
render(html`<${Page} />`, document.body);
begin({ screen: 'kiosk', roles: ['kiosk', 'manager', 'guest'] });
