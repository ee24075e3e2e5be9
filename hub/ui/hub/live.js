// All sites as they are now, worst first.
import { clock, count, day, money } from '../shared/format.js';
import { html, Icon, useRef, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { ago, Site, siteState, SiteState, Skeleton, Trouble } from './parts.js';
import { address, now, scope, siteName, sites, useData, zoneOf } from './state.js';

/** How often is asked, milliseconds, and since when what is shown counts as old. */
const EVERY_MS = 2_000;
/** Rows keep their places for as long, so that none moves away under a finger. */
const RESORT_MS = 10_000;

/** @param {any[]} rows */
function useWorstFirst(rows) {
  const kept = useRef({ at: 0, ids: /** @type {string[]} */ ([]) });
  const pointed = document.querySelector('#sites tbody:hover') !== null;
  const fresh = rows.some((row) => !kept.current.ids.includes(row.id));
  if (fresh || (!pointed && now.value - kept.current.at > RESORT_MS)) {
    const worst = [...rows].sort((a, b) => siteState(a).rank - siteState(b).rank || b.open_orders - a.open_orders || a.id.localeCompare(b.id));
    kept.current = { at: now.value, ids: worst.map((row) => row.id) };
  }
  const at = (/** @type {any} */ row) => kept.current.ids.indexOf(row.id);
  return [...rows].sort((a, b) => at(a) - at(b));
}

/** @param {{rows: any[]}} props */
function Totals({ rows }) {
  const silent = rows.filter((site) => siteState(site).word === 'silent');
  const touch = rows.filter((site) => site.state === 'online').length;
  const sum = (/** @type {string} */ name) => rows.reduce((all, site) => all + site[name], 0);
  return html`<dl class="stats">
    <div class="stat"><dt>${t('live.open')}</dt><dd>${count(sum('open_orders'))}</dd><dd class="sub">${t('live.open.sub')}</dd></div>
    <div class="stat"><dt>${t('live.events')}</dt><dd>${count(sum('cursor'))}</dd><dd class="sub">${t('live.events.sub')}</dd></div>
    <div class="stat ${sum('lag_events') > 100 ? 'warn' : ''}"><dt>${t('live.lag')}</dt><dd>${count(sum('lag_events'))}</dd><dd class="sub">${t('live.lag.sub')}</dd></div>
    <div class="stat ${touch < rows.length ? 'warn' : ''}"><dt>${touch < rows.length && html`<${Icon} name="triangle-alert" />`}${t('live.touch')}</dt><dd>${touch} <small>${t('of', { n: rows.length })}</small></dd><dd class="sub">${silent.length ? `${silent[0].name || silent[0].id}, ${ago(silent[0].last_seen)}` : t('live.touch.sub')}</dd></div></dl>`;
}

/** @param {{rows: any[]}} props */
function SiteTable({ rows }) {
  const [only, setOnly] = useState(false);
  const sorted = useWorstFirst(rows);
  const bad = sorted.filter((site) => ['bad', 'warn'].includes(siteState(site).kind));
  const shown = only ? bad : sorted;
  return html`<section class="card" id="sites"><header><h2>${t('sites')}</h2><span class="sub">${t('live.sites.sub')}</span><div class="end"><div class="seg sm">
      <button class=${only ? '' : 'on'} aria-pressed=${!only} onClick=${() => setOnly(false)}>${t('all.n', { n: sorted.length })}</button><button class=${only ? 'on' : ''} aria-pressed=${only} onClick=${() => setOnly(true)}>${t('look.n', { n: bad.length })}</button></div></div></header>
    <table class="two-line"><thead><tr><th>${t('site')}</th><th>${t('state')}</th><th class="n">${t('live.open')}</th><th class="n">${t('lag')}</th><th class="n">${t('seen')}</th></tr></thead>
      <tbody>${shown.map((site) => {
        const { kind } = siteState(site);
        const old = site.state === 'online' ? '' : 'stale';
        return html`<tr key=${site.id} data-site=${site.id} class=${kind === 'bad' || kind === 'warn' ? 'att' : ''}><td><a href=${address('sites', { site: site.id })}><${Site} id=${site.id} small=${site.region ?? ''} /></a></td><td><${SiteState} site=${site} /></td>
          <td class="n ${old}"><b>${count(site.open_orders)}</b></td><td class="n ${old}">${t('events.n', { n: count(site.lag_events) })}</td><td class="n ${old}">${ago(site.last_seen)}</td></tr>`;
      })}</tbody></table></section>`;
}

/** The latest orders; it stands still while somebody points at it. */
function Ticker() {
  const site = scope();
  const orders = useData(`/v1/orders?limit=12${site ? `&site=${encodeURIComponent(site)}` : ''}`, { every: EVERY_MS });
  const [held, setHeld] = useState(/** @type {any[] | null} */ (null));
  const rows = held ?? orders.data?.items ?? [];
  const hold = () => setHeld(rows);
  return html`<section class="card" id="ticker" onMouseEnter=${hold} onMouseLeave=${() => setHeld(null)} onFocusIn=${hold} onFocusOut=${() => setHeld(null)}>
    <header><h2>${t('live.latest')}</h2><div class="end">${held ? html`<span class="sub">${t('live.held')}</span>` : !orders.since && html`<span class="live">${t('live')}</span>`}</div></header>
    ${orders.data ? html`<ul class="tick">${rows.map((/** @type {any} */ order) => html`<li key=${order.id} class=${now.value - Date.parse(order.committed_at) < 3_000 ? 'new' : ''}><span class="t">${clock(order.placed_at, zoneOf(order.site), true)}</span>
      <a href=${address('orders', { order: order.id, site })}><b>${siteName(order.site)} ${order.number}</b><small>${order.lines.map((/** @type {any} */ line) => (line.quantity > 1 ? `${line.quantity}× ${line.name}` : line.name)).join(', ')}</small></a>
      <span class="amt">${money(order.total, order.currency, language.value)}</span></li>`)}</ul>` : html`<${Skeleton} rows=${8} />`}
    <p class="foot"><span>${t('live.pause')}</span><a class="end" href=${address('orders', { site })}>${t('live.all-orders')}</a></p></section>`;
}

export function Live() {
  const all = useData('/v1/sites?limit=200', { every: EVERY_MS });
  const site = scope();
  const known = (all.data?.items ?? sites.value).filter((/** @type {any} */ row) => !row.archived_at && (!site || row.id === site));
  const zone = zoneOf(site);
  return html`<header class="top"><h1>${t('live')}</h1><span class="sub">${day(new Date(now.value), zone, language.value)}, ${clock(now.value, zone)}</span><div class="end">${!all.since && all.data && html`<span class="live">${t('live.updated')}</span>`}</div></header>
    <div class="grid"><${Trouble} ...${all} />
      <div class="view grid ${all.since ? 'old' : ''}"><${Totals} rows=${known} /><div class="grid with-side"><div class="grid">${all.data ? html`<${SiteTable} rows=${known} />` : html`<section class="card"><${Skeleton} /></section>`}</div><${Ticker} /></div></div></div>`;
}
