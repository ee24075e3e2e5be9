// The dashboard: what central admins look at. One page; each view has an address, which also holds its filters.
import { contrast } from '../shared/contrast.js';
import { uploads } from '../shared/pictures.js';
import { begin, session, signOut } from '../shared/sign-in.js';
import { keptTongue } from '../shared/store.js';
import { effect, html, Icon, Logo, render, useEffect } from '../shared/ui.js';
import { language, learn, speak, t } from '../shared/words.js';
import { Analytics } from './analytics.js';
import { Audit } from './audit.js';
import { Live } from './live.js';
import { Login } from './login.js';
import { Menu } from './menu.js';
import { Orders } from './orders.js';
import { open, siteState } from './parts.js';
import { People } from './people.js';
import { Proof } from './proof.js';
import { Sites } from './sites.js';
import { address, dialog, filter, followAddress, go, loadSites, now, place, scope, sites, theme, toast, useData, VIEWS } from './state.js';
import { en } from './words-en.js';
import { ja } from './words-ja.js';

learn({ en, ja });
uploads.folder = '/v1/pictures/';

/** How often the sites are asked for, milliseconds. */
const SITES_EVERY_MS = 5_000;
const TOAST_MS = 5_000;
/** Keys after `g`. @type {Record<string, string>} */
const GO = { l: 'live', o: 'orders', m: 'menu', a: 'analytics', s: 'sites', e: 'people', u: 'audit', p: 'proof' };
/** Places of a phone's bar; the rest is behind "More". */
const BAR = ['live', 'orders', 'analytics', 'sites'];
/** @type {Record<string, () => any>} */
const PAGES = { live: Live, orders: Orders, menu: Menu, analytics: Analytics, sites: Sites, people: People, audit: Audit, proof: Proof };

const tongue = keptTongue('hub.language');

/** Sites that a person has to look at. */
const troubled = () => sites.value.filter((site) => ['bad', 'warn'].includes(siteState(site).kind)).length;

function Scope() {
  const shown = sites.value.filter((site) => !site.archived_at);
  return html`<label class="scope"><${Icon} name="layers" /><span class="grow"><span class="sr">${t('scope')}</span>
    <select value=${scope()} onChange=${(/** @type {any} */ event) => filter({ site: event.target.value, order: null })}>
      <option value="">${t('all-sites')}</option>${shown.map((site) => html`<option key=${site.id} value=${site.id}>${site.name || site.id}</option>`)}</select>
    <small>${t('cafeterias', { n: shown.length })}</small></span></label>`;
}

function Health() {
  const ready = useData('/readyz', { every: 5_000 });
  const parts = ready.error ? {} : ready.data ?? {};
  return html`<div class="sys">${['postgres', 'nats', 'intake'].map((name) => {
    const up = parts[name]?.up;
    return html`<div key=${name} title=${parts[name]?.detail}><span class=${up ? '' : 'bad'}><${Icon} name=${up ? 'circle-check' : 'octagon-alert'} /></span>${t(`dep.${name}`)}<span class="end">${t(up ? 'dep.up' : 'dep.away')}</span></div>`;
  })}</div>`;
}

/** @param {{name: string}} props */
function Place({ name }) {
  const on = place.value.view === name;
  const n = name === 'sites' ? troubled() : 0;
  return html`<a href=${address(name, { site: scope() })} class=${on ? 'on' : ''} aria-current=${on ? 'page' : undefined}><${Icon} name=${VIEWS[name] ?? ''} /><span>${t(name)}</span>${n > 0 && html`<span class="cnt" title=${t('sites.look', { n })}>${n}</span>`}</a>`;
}

function Me() {
  const dark = theme.value === 'dark';
  const role = session.value?.role ?? '';
  return html`<div class="me"><span class="av"><${Icon} name="user" /></span><span class="who">${session.value?.name}<small>${t(`role.${role}`)}</small></span><span class="end">
    <button aria-label=${t('language')} title=${t('language')} onClick=${() => { tongue.value = language.value === 'ja' ? 'en' : 'ja'; }}><${Icon} name="languages" /></button>
    <button aria-label=${t(dark ? 'light' : 'dark')} title=${t(dark ? 'light' : 'dark')} onClick=${() => { theme.value = dark ? 'light' : 'dark'; }}><${Icon} name=${dark ? 'sun' : 'moon'} /></button>
    <button aria-label=${t('sign-out')} title=${t('sign-out')} onClick=${signOut}><${Icon} name="log-out" /></button></span></div>`;
}

function Side() {
  return html`<aside class="side"><${Logo} /><${Scope} />
    <nav aria-label=${t('hub')}>${Object.keys(VIEWS).map((name) => html`<${Place} key=${name} name=${name} />`)}</nav>
    <div class="base"><${Health} /><${Me} /></div></aside>`;
}

function Bar() {
  const more = () => open((close) => html`<div class="more" onClick=${close}>${Object.keys(VIEWS).filter((name) => !BAR.includes(name)).map((name) => html`<${Place} key=${name} name=${name} />`)}<${Me} /></div>`, { label: t('more') });
  const beyond = !BAR.includes(place.value.view);
  return html`<nav class="ph-nav" aria-label=${t('hub')}>${BAR.map((name) => html`<${Place} key=${name} name=${name} />`)}
    <button class=${beyond ? 'on' : ''} onClick=${more}><${Icon} name="ellipsis" /><span>${t('more')}</span></button></nav>`;
}

function Hub() {
  const View = PAGES[place.value.view] ?? Live;
  useEffect(() => {
    loadSites();
    const timer = setInterval(() => { if (!document.hidden) loadSites(); }, SITES_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<div class="desk hub"><${Side} /><main id="main"><${View} key=${place.value.view} /></main><${Bar} /></div>
    ${dialog.value && dialog.value()}
    ${toast.value && html`<p class="toast" role=${toast.value.bad ? 'alert' : 'status'}><span class=${toast.value.bad ? 'bad' : 'ok'}><${Icon} name=${toast.value.bad ? 'octagon-alert' : 'circle-check'} /></span>${toast.value.text}<button onClick=${() => { toast.value = null; }}>${t('close')}</button></p>`}`;
}

function Page() {
  document.title = session.value ? `${t(place.value.view)} · Sunakku` : 'Sunakku';
  return session.value ? html`<${Hub} />` : html`<${Login} />`;
}

function showKeys() {
  const rows = [...Object.entries(GO).map(([key, name]) => [`g ${key}`, t(name)]), ['/', t('key.search')], ['j k', t('key.move')], ['Enter', t('key.open')], ['t', t('key.theme')], ['Esc', t('close')]];
  open((close) => html`<h2 tabindex="-1">${t('keys')}</h2><dl class="keys">${rows.map(([key, what]) => html`<div key=${key}><dt>${String(key).split(' ').map((one) => html`<kbd key=${one} class="kbd">${one}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>
    <div class="row end"><button class="btn" onClick=${close}>${t('close')}</button></div>`, { label: t('keys') });
}

/** Whether the key before this one was `g`. */
let going = false;
/** @param {KeyboardEvent} event */
function onKey(event) {
  const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (!session.value || typing || event.metaKey || event.ctrlKey || event.altKey || dialog.value) return;
  const { key } = event;
  if (going && GO[key]) go(GO[key] ?? '', { site: scope() });
  else if (key === '/') /** @type {HTMLElement | null} */ (document.querySelector('[data-search]'))?.focus();
  else if (key === 't') theme.value = theme.value === 'dark' ? 'light' : 'dark';
  else if (key === '?') showKeys();
  else if (key === 'j' || key === 'k') step(key === 'j' ? 1 : -1);
  else {
    going = key === 'g';
    return;
  }
  going = false;
  event.preventDefault();
}

/** Moves the focus along the rows of a list. @param {number} by */
function step(by) {
  const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('[data-row]')]);
  const at = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  rows[Math.min(Math.max(at < 0 ? 0 : at + by, 0), rows.length - 1)]?.focus();
}

effect(() => { document.documentElement.dataset.theme = theme.value; });
contrast();
effect(() => speak(tongue.value));
effect(() => { if (session.value === null) dialog.value = null; });
effect(() => {
  if (!toast.value || toast.value.bad) return undefined;
  const timer = setTimeout(() => { toast.value = null; }, TOAST_MS);
  return () => clearTimeout(timer);
});
setInterval(() => { now.value = Date.now(); }, 1_000);
addEventListener('keydown', onKey);
// Paper is white.
addEventListener('beforeprint', () => { document.documentElement.dataset.theme = 'light'; });
addEventListener('afterprint', () => { document.documentElement.dataset.theme = theme.value; });
followAddress();
render(html`<${Page} />`, document.body);
begin({ screen: 'dashboard', roles: ['admin', 'region-manager', 'manager', 'auditor'] });

