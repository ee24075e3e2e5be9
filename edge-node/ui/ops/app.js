// Operations of the site, served by its own node: it works while the hub is away.
import { clock, day, moment } from '../shared/format.js';
import { answer, calls, hearCalls } from '../shared/calls.js';
import { contrast } from '../shared/contrast.js';
import { follow } from '../shared/live.js';
import { begin, session, SignIn, signedOut, signOut } from '../shared/sign-in.js';
import { keptTongue } from '../shared/store.js';
import { effect, html, Icon, Logo, render, signal, trapFocus, useEffect, useRef } from '../shared/ui.js';
import { language, learn, speak, t } from '../shared/words.js';
import { Devices, Orders } from './lists.js';
import { Operations } from './operations.js';
import { acts, ask, change, devices, forgetNames, hear, loadSite, now, queue, refresh, site, theme, toast } from './state.js';
import { StockCard } from './stock.js';
import { words } from './words.js';

learn(words);
const tongue = keptTongue('ops.language');
speak(tongue.value);

/** What the live connection does not tell is asked for this often, milliseconds. */
const REFRESH_MS = 2_000;
/** How long a note that all went well stays, milliseconds. */
const TOAST_MS = 5_000;

/** @type {Record<string, string>} */
const VIEWS = { operations: 'activity', stock: 'package', orders: 'receipt-text', devices: 'monitor' };
const view = signal('operations');
/** @type {ReturnType<typeof follow> | null} */
let link = null;

function readPlace() {
  const name = location.hash.slice(1);
  view.value = name in VIEWS ? name : 'operations';
  // The fragment names a view; browsers take it for a place on the page.
  window.scrollTo(0, 0);
  if (session.value) refresh(view.value);
}

function switchLanguage() {
  tongue.value = tongue.value === 'ja' ? 'en' : 'ja';
  speak(tongue.value);
  forgetNames();
  refresh(view.value);
}

function Aside() {
  /** @type {[string, string, string][]} */
  const pages = [['/', 'tablet', 'kiosk'], ['/kitchen', 'chef-hat', 'kitchen'], ['/pickup', 'tv', 'pickup']];
  const dark = theme.value === 'dark';
  return html`<aside class="side"><${Logo} /><div class="scope"><${Icon} name="hard-drive" /><span>${session.value?.site.name}<small>${session.value?.site.id}</small></span></div>
    <nav aria-label=${t('node')}>${Object.entries(VIEWS).map(([name, icon]) => html`<a key=${name} href="#${name}" class=${view.value === name ? 'on' : ''} aria-current=${view.value === name ? 'page' : undefined}>
      <${Icon} name=${icon} />${t(name)}${name === 'operations' && queue.value?.dead > 0 && html`<span class="cnt bad">${queue.value.dead}</span>`}</a>`)}</nav>
    <h2 class="h6">${t('screens')}</h2><nav aria-label=${t('screens')}>${pages.map(([path, icon, name]) => html`<a key=${path} href=${path} target="_blank" rel="noopener"><${Icon} name=${icon} />${t(name)}</a>`)}</nav>
    <div class="base"><div class="sys">${pages.map(([, , name]) => {
      const on = devices.value.filter((row) => row.screen === name).length;
      return html`<div key=${name}><${Icon} name=${on ? 'circle-check' : 'minus'} />${t(name)}<span>${on}</span></div>`;
    })}</div>
    <div class="me"><span class="av"><${Icon} name="user" /></span><span>${session.value?.name}<small>${session.value?.role}</small></span><span class="end">
      <button aria-label=${t('language')} title=${t('language')} lang=${language.value === 'ja' ? 'en' : 'ja'} onClick=${switchLanguage}><${Icon} name="languages" /></button>
      <button aria-label=${t(dark ? 'light' : 'dark')} onClick=${() => { theme.value = dark ? 'light' : 'dark'; }}><${Icon} name=${dark ? 'sun' : 'moon'} /></button>
      <button aria-label=${t('sign-out')} onClick=${signOut}><${Icon} name="log-out" /></button></span></div></div></aside>`;
}

function Top() {
  const stale = (link?.staleSince.value ?? null) !== null;
  const zone = session.value?.site.time_zone ?? 'UTC';
  const paused = queue.value?.paused;
  const switchQueue = () => {
    if (paused) {
      change('POST', '/v1/queue/resume').then(() => refresh(view.value));
      return;
    }
    ask.value = { title: t('pause.title'), say: t('pause.say'), go: t('go'), needed: false, danger: false, then: async (reason) => {
      await change('POST', '/v1/queue/pause', reason ? { reason } : undefined);
      refresh(view.value);
    } };
  };
  const shut = site.value?.closed_until;
  const switchSite = () => {
    if (shut) {
      change('POST', '/v1/site/open').then(loadSite);
      return;
    }
    /** @type {[string, string][]} */
    const times = [['15', t('shut.15')], ['60', t('shut.60')], ['120', t('shut.120')], ['', t('shut.day')]];
    ask.value = { title: t('shut.title'), say: t('shut.say'), go: t('shut'), needed: true, danger: true, choices: { label: t('shut.for'), of: times }, then: async (reason, minutes) => {
      const until = minutes ? new Date(Date.now() + Number(minutes) * 60_000).toISOString() : undefined;
      await change('POST', '/v1/site/close', { reason, until });
      loadSite();
    } };
  };
  return html`<header class="top"><h1>${t(view.value)}</h1><span class="sub">${day(new Date(now.value), zone, language.value)}, ${clock(now.value, zone)}</span>
    <div class="end">${!stale && html`<span class="live">${t('live')}</span>`}
      ${acts.value ? html`<button class="btn ${paused ? 'primary' : ''}" id="pause" onClick=${switchQueue}><${Icon} name=${paused ? 'play' : 'pause'} />${t(paused ? 'resume' : 'pause')}</button>
      <button class="btn ${shut ? 'primary' : 'danger'}" id="close" onClick=${switchSite}><${Icon} name="store" />${t(shut ? 'shut.open' : 'shut')}</button>`
        : html`<span class="pill idle" id="read-only"><${Icon} name="eye" />${t('read-only')}</span>`}</div></header>`;
}

/** Asks before what cannot be undone, with the reason that then stands in the log. */
function Ask() {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const close = () => { ask.value = null; };
  useEffect(() => trapFocus(box.current, close), []);
  const question = ask.value;
  if (!question) return null;
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    close();
    question.then(String(form.get('reason') ?? '').trim(), String(form.get('choice') ?? ''));
  };
  return html`<div class="scrim" onClick=${close}></div><section class="dialog" role="dialog" aria-modal="true" aria-label=${question.title} ref=${box}>
    <form onSubmit=${submit}><h2 tabindex="-1">${question.title}</h2><p class="mid">${question.say}</p>
      <label>${t(question.needed ? 'reason' : 'reason.optional')}<input class="field" name="reason" maxlength="200" required=${question.needed} autocomplete="off" /></label>
      ${question.choices && html`<label>${question.choices.label}<select class="field" name="choice">${question.choices.of.map(([value, word]) => html`<option key=${value} value=${value}>${word}</option>`)}</select></label>`}
      <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn ${question.danger ? 'danger' : 'primary'}">${question.go}</button></div></form></section>`;
}

/** What a manager must know whatever the view: guests who call, and that no orders are taken. */
function Notes() {
  const zone = session.value?.site.time_zone ?? 'UTC';
  const shown = site.value;
  const reopens = shown?.opens_at ? moment(shown.opens_at, zone, language.value) : null;
  const done = async (/** @type {string} */ device) => { if (!await answer(device)) toast.value = t('failed'); };
  return html`<div class="calls" role="alert">${calls.value.map(({ device, since }) => html`<p key=${device} class="note info" data-call=${device}><${Icon} name="bell" /><span><b>${t('call', { device })}</b> ${t('call.since', { time: clock(since, zone) })}</span>
      ${acts.value && html`<button class="btn sm" onClick=${() => done(device)}><${Icon} name="check" />${t('call.done')}<span class="sr"> ${device}</span></button>`}</p>`)}</div>
    ${shown?.state === 'closed' && html`<p class="note warn" role="status" id="closed"><${Icon} name="moon" /><span><b>${t(reopens ? 'closed.until' : 'closed', { time: reopens ?? '' })}</b> ${shown.reason ?? ''}</span></p>`}`;
}

function Ops() {
  const since = link?.staleSince.value ?? null;
  return html`<${Aside} /><main><${Top} />
    ${since !== null && html`<p class="note bad" role="alert" id="stale"><${Icon} name="unplug" /><span>${t('stale', { time: clock(since, session.value?.site.time_zone ?? 'UTC', true) })}</span></p>`}
    <${Notes} />
    <div class="view ${since !== null ? 'old' : ''}">
      ${view.value === 'operations' && html`<${Operations} />`}
      ${view.value === 'stock' && html`<${StockCard} />`}
      ${view.value === 'orders' && html`<${Orders} />`}
      ${view.value === 'devices' && html`<${Devices} />`}</div></main>
    ${ask.value && html`<${Ask} />`}
    ${toast.value && html`<p class="toast" role="status">${toast.value}<button onClick=${() => { toast.value = ''; }}>${t('close')}</button></p>`}`;
}

function Page() {
  return session.value ? html`<div class="desk"><${Ops} /></div>` : html`<${SignIn} />`;
}

effect(() => { document.documentElement.dataset.theme = theme.value; });
contrast();
effect(() => {
  if (!toast.value) return undefined;
  const timer = setTimeout(() => { toast.value = ''; }, TOAST_MS);
  return () => clearTimeout(timer);
});
effect(() => {
  if (!session.value) return;
  link?.wake();
  link ??= follow({ topics: 'sync,stock,menu,calls', onFrame: (frame) => { hearCalls(frame); hear(frame); }, onSignedOut: signedOut });
  refresh(view.peek());
});
setInterval(() => { if (session.value && !document.hidden) refresh(view.value); }, REFRESH_MS);
setInterval(() => { now.value = Date.now(); }, 500);
window.addEventListener('hashchange', readPlace);
render(html`<${Page} />`, document.body);
begin({ screen: 'ops', roles: ['manager', 'auditor'] }).then(readPlace);
