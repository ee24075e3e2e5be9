// All sites as they are now, worst first; told by the hub within a second, and honest about what is old.
import { age, briefCount, clock, count, day, money } from '../shared/format.js';
import { follow, serverNow } from '../shared/live.js';
import { signedOut } from '../shared/sign-in.js';
import { effect, html, Icon, signal, useEffect, useRef, useState } from '../shared/ui.js';
import { language, named, t } from '../shared/words.js';
import { clockOf, Trend } from './analytics-parts.js';
import { Legend, Lines, Numbers, Spark } from './chart.js';
import { ago, open, Pill, Site, Skeleton } from './parts.js';
import { buckets, knownUntil, plus, say, today } from './span.js';
import { address, now, scope, siteName, useData, zoneOf } from './state.js';

/** Rows keep their places for as long, so that none moves away under a finger. */
const RESORT_MS = 10_000;
/** Orders that the ticker shows. */
const TICKER = 12;
/** The curve of the day moves slowly. */
const CURVE_MS = 30_000;
/** The mark of an order that has just come. */
const NEW_MS = 3_000;
/** How a state looks. @type {Record<string, [string, string]>} */
const STATES = {
  conflict: ['bad', 'copy'], differs: ['bad', 'octagon-alert'], silent: ['warn', 'cloud-off'], behind: ['warn', 'hourglass'], slow: ['warn', 'triangle-alert'],
  revoked: ['bad', 'ban'], never: ['info', 'key-round'], updating: ['info', 'refresh-cw'], healthy: ['ok', 'circle-check'], closed: ['idle', 'moon'], 'menu-refused': ['bad', 'utensils'], parked: ['warn', 'triangle-alert'],
};
const RANKS = Object.keys(STATES);
const look = (/** @type {any} */ site) => !['healthy', 'updating', 'closed', 'never', 'revoked'].includes(site.state);

/** What the hub has told: totals, alarms, sites by id, latest orders. */
const told = signal(/** @type {{totals: any, alarms: any[], sites: Map<string, any>, orders: any[]} | null} */ (null));

/** @param {{type: string, data: any}} frame */
function hear({ type, data }) {
  const old = told.value;
  if (type === 'snapshot') {
    const { totals, alarms, sites } = data.overview;
    told.value = { totals, alarms, sites: new Map(sites.map((/** @type {any} */ site) => [site.site, site])), orders: data.orders };
  } else if (old && type === 'sites') {
    const sites = new Map(old.sites);
    for (const site of data.sites) sites.set(site.site, site);
    told.value = { ...old, sites, totals: data.totals, alarms: data.alarms };
  } else if (old && type === 'gone') {
    const sites = new Map(old.sites);
    sites.delete(data.site);
    told.value = { ...old, sites };
  } else if (old && type === 'orders') {
    const fresh = new Set(data.map((/** @type {any} */ order) => order.id));
    const orders = [...data, ...old.orders.filter((order) => !fresh.has(order.id))].sort((a, b) => Date.parse(b.placed_at) - Date.parse(a.placed_at));
    told.value = { ...old, orders: orders.slice(0, 2 * TICKER) };
  }
}

/** Follows the hub for as long as the view is open. @param {string} site */
function useLive(site) {
  const [stale, setStale] = useState(/** @type {number | null} */ (null));
  useEffect(() => {
    told.value = null;
    const link = follow({ topics: 'sites,orders', site, onFrame: hear, onSignedOut: signedOut });
    const stop = effect(() => setStale(link.staleSince.value));
    return () => { stop(); link.stop(); };
  }, [site]);
  return stale;
}

/** @param {any[]} rows */
function useWorstFirst(rows) {
  const kept = useRef({ at: 0, ids: /** @type {string[]} */ ([]) });
  const pointed = document.querySelector('#sites tbody:hover') !== null;
  const fresh = rows.some((row) => !kept.current.ids.includes(row.site));
  if (fresh || (!pointed && now.value - kept.current.at > RESORT_MS)) {
    const worst = [...rows].sort((a, b) => RANKS.indexOf(a.state) - RANKS.indexOf(b.state) || b.open_orders - a.open_orders || a.site.localeCompare(b.site));
    kept.current = { at: now.value, ids: worst.map((row) => row.site) };
  }
  const at = (/** @type {any} */ row) => kept.current.ids.indexOf(row.site);
  return [...rows].sort((a, b) => at(a) - at(b));
}

/** The name of the weekday that today is compared to. */
const weekday = () => new Date(`${today()}T00:00:00Z`).toLocaleDateString(language.value === 'ja' ? 'ja-JP' : 'en-GB', { weekday: 'long', timeZone: 'UTC' });

/** @param {{totals: any, sites: any[]}} props */
function Totals({ totals, sites }) {
  const silent = sites.filter((site) => site.state === 'silent');
  const missing = totals.in_touch < totals.sites;
  const before = t('live.before', { day: weekday() });
  const main = [...totals.currencies].sort((a, b) => b.orders - a.orders)[0] ?? { currency: 'EUR', orders: 0, revenue: 0, before_revenue: 0 };
  const others = totals.currencies.filter((/** @type {any} */ one) => one !== main && one.revenue > 0).map((/** @type {any} */ one) => money(one.revenue, one.currency, language.value)).join(', ');
  const slower = totals.preparation_p50_seconds !== null && totals.before_preparation_p50_seconds !== null ? totals.preparation_p50_seconds - totals.before_preparation_p50_seconds : null;
  const hour = Array.from({ length: 12 }, (_, n) => sites.reduce((sum, site) => sum + (site.is_stale ? 0 : site.last_hour[n] ?? 0), 0));
  return html`<dl class="stats" id="totals"><div class="stat" data-figure="orders"><dt>${t('live.orders')}</dt><dd>${count(totals.orders)}</dd><dd class="sub"><${Trend} is=${totals.orders} was=${totals.before_orders} on=${before} /></dd><${Spark} values=${hour} width=${72} /></div>
    <div class="stat" data-figure="revenue"><dt>${t('live.revenue')}</dt><dd>${money(main.revenue, main.currency, language.value)}</dd><dd class="sub">${main.before_revenue > 0 && html`<${Trend} is=${main.revenue} was=${main.before_revenue} />`} ${others ? t('live.and', { more: others }) : main.orders ? t('live.an-order', { amount: money(Math.round(main.revenue / main.orders), main.currency, language.value) }) : ''}</dd></div>
    <div class="stat ${totals.late_orders ? 'warn' : ''}" data-figure="open"><dt>${t('live.open')}</dt><dd>${count(totals.open_orders)}</dd><dd class="sub">${totals.late_orders ? t('live.late', { n: totals.late_orders }) : t('live.rate', { n: totals.orders_per_minute.toFixed(1) })}</dd></div>
    <div class="stat" data-figure="prep"><dt>${t('typical-prep')}</dt><dd>${totals.preparation_p50_seconds === null ? '–' : clockOf(totals.preparation_p50_seconds)}</dd><dd class="sub">${slower === null ? t('live.two-hours') : html`<span class=${slower > 0 ? 'down' : 'up'}><span aria-hidden="true">${slower > 0 ? '▲' : '▼'}</span><span class="sr">${t(slower > 0 ? 'live.slower' : 'live.faster')}</span> ${age(Math.abs(slower))}</span> ${before}`}</dd></div>
    <div class="stat" data-figure="sold-out"><dt>${t('live.sold-out')}</dt><dd>${count(totals.sold_out)}</dd><dd class="sub">${t('live.at-sites', { n: totals.sold_out_sites })}</dd></div>
    <div class="stat ${missing ? 'warn' : ''}" data-figure="touch"><dt>${missing && html`<${Icon} name="triangle-alert" />`}${t('live.touch')}</dt><dd>${totals.in_touch} <small>${t('of', { n: totals.sites })}</small></dd><dd class="sub">${silent.length ? `${silent[0].name || silent[0].site}, ${ago(silent[0].last_seen)}` : t(missing ? 'live.touch.some' : 'live.touch.sub')}</dd></div></dl>`;
}

/** @param {{site: any}} props */
function Row({ site }) {
  const [kind, icon] = STATES[site.state] ?? ['idle', 'clock'];
  const old = site.is_stale ? 'stale' : '';
  const color = kind === 'warn' || kind === 'bad' ? 'var(--c4)' : 'var(--c1)';
  return html`<tr data-site=${site.site} data-state=${site.state} class=${look(site) ? 'att' : ''}><td><a href=${address('sites', { site: site.site })}><${Site} id=${site.site} small=${site.region ?? ''} /></a></td><td><${Pill} kind=${kind} icon=${icon}>${t(`site.${site.state}`)}<//></td>
    <td class="rate ${old}"><${Spark} values=${site.last_hour} color=${old ? 'var(--c6)' : color} /><b class="num">${site.orders_per_minute.toFixed(1)}</b></td><td class="n ${old}"><b>${count(site.open_orders)}</b></td><td class="n ${site.state === 'slow' ? 'warn-text' : old}">${site.preparation_p50_seconds === null ? '–' : clockOf(site.preparation_p50_seconds)}</td>
    <td class="n ${old}">${site.sold_out ? count(site.sold_out) : html`<span class="muted">0</span>`}</td><td class="n ${old}">${t('events.n', { n: count(site.lag_events) })}</td><td class="n ${site.state === 'silent' ? 'warn-text' : 'mid'}">${site.state === 'silent' ? clock(site.last_seen, zoneOf(site.site)) : ago(site.last_seen)}</td><td class="right"><${MenuOf} site=${site} /></td></tr>`;
}

/** The version that a site sells by, and the one that it is to take. @param {{site: any}} props */
function MenuOf({ site: { menu_version: is, menu_wanted: wanted } }) {
  if (wanted === null) return is === null ? '–' : html`<span class="tag">v${is}</span>`;
  return html`<span class="tag" title=${t('live.menu-wanted', { n: wanted })}>${is !== null && `v${is} `}<span aria-hidden="true">→</span><span class="sr">${t('live.menu-wanted', { n: wanted })}</span> v${wanted}</span>`;
}

/** @param {{rows: any[]}} props */
function SiteTable({ rows }) {
  const [only, setOnly] = useState(false);
  const sorted = useWorstFirst(rows);
  const bad = sorted.filter(look);
  const shown = only ? bad : sorted;
  return html`<section class="card" id="sites"><header class="wrap"><h2>${t('sites')}</h2><span class="sub">${t('live.sites.sub')}</span><div class="end"><div class="seg sm">
      <button class=${only ? '' : 'on'} aria-pressed=${!only} onClick=${() => setOnly(false)}>${t('all.n', { n: sorted.length })}</button><button class=${only ? 'on' : ''} aria-pressed=${only} onClick=${() => setOnly(true)}>${t('look.n', { n: bad.length })}</button></div></div></header>
    <div class="scroll" tabindex="0" role="region" aria-label=${t('sites')}><table class="two-line"><thead><tr><th>${t('site')}</th><th>${t('state')}</th><th>${t('live.per-minute')}</th><th class="n">${t('live.open.short')}</th><th class="n">${t('prep')}</th><th class="n">${t('live.sold-out.short')}</th><th class="n">${t('lag')}</th><th class="n">${t('seen')}</th><th class="right">${t('menu')}</th></tr></thead>
      <tbody>${shown.map((site) => html`<${Row} key=${site.site} site=${site} />`)}</tbody></table></div></section>`;
}

/** Orders an hour of today beside the same weekday a week before. */
function Curve() {
  const site = scope() ? `&site=${encodeURIComponent(scope())}` : '';
  const date = today();
  const ask = (/** @type {string} */ from) => `/v1/analytics/sales?of=none&by=hour&from=${from}&to=${plus(from, 1)}${site}`;
  const is = useData(ask(date), { every: CURVE_MS });
  const was = useData(ask(plus(date, -7)));
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const times = buckets('hour', date, plus(date, 1));
  const until = knownUntil();
  const sum = (/** @type {any} */ report, /** @type {string} */ local) => (report?.rows ?? []).filter((/** @type {any} */ row) => row.local === local).reduce((/** @type {number} */ all, /** @type {any} */ row) => all + row.orders, 0);
  const orders = times.map((local) => (is.data && local <= until ? sum(is.data, local) : null));
  // A day without any order tells nothing that one could be held against.
  const before = buckets('hour', plus(date, -7), plus(date, -6)).map((local) => (was.data?.totals.orders ? sum(was.data, local) : null));
  const number = (/** @type {number | null | undefined} */ n) => (n === null || n === undefined ? t('no-data') : count(n));
  const last = t('live.last-day', { day: weekday() });
  const told_ = t('live.curve.say', { n: count(orders.reduce((/** @type {number} */ all, n) => all + (n ?? 0), 0)), m: count(before.reduce((/** @type {number} */ all, n) => all + (n ?? 0), 0)), day: last });
  return html`<section class="card analytics" id="curve"><header class="wrap"><h2>${t('live.curve')}</h2><div class="end"><${Legend} color="var(--c1)">${t('range.today')}<//><${Legend} color="var(--c-prev)" dash>${last}<//></div></header>
    <div class="figures"><${Lines} title=${t('live.curve')} say=${told_} labels=${times.map((local) => say(local))} height=${170} at=${at} point=${setAt} format=${briefCount} series=${[{ name: 'before', values: before, color: 'var(--c-prev)', dash: true }, { name: 'orders', values: orders, color: 'var(--c1)', fill: true }]}>
      <small>${at !== null && say(times[at] ?? '')}</small><b>${at !== null && t('orders.n', { n: number(orders[at]) })}</b><span>${at !== null && `${last}: ${number(before[at])}`}</span><//></div>
    <${Numbers} caption=${t('live.curve')} columns=${[t('time'), t('range.today'), last]} rows=${times.map((local, n) => [say(local), number(orders[n]), number(before[n])])} /></section>`;
}

/** The latest orders; it stands still while somebody points at it. @param {{orders: any[], stale: number | null}} props */
function Ticker({ orders, stale }) {
  const site = scope();
  const [held, setHeld] = useState(/** @type {any[] | null} */ (null));
  const rows = (held ?? orders).slice(0, TICKER);
  const hold = () => setHeld((old) => old ?? orders);
  return html`<section class="card" id="ticker" onMouseEnter=${hold} onMouseLeave=${() => setHeld(null)} onFocusIn=${hold} onFocusOut=${() => setHeld(null)}>
    <header><h2>${t('live.latest')}</h2><div class="end">${held ? html`<span class="sub">${t('live.held')}</span>` : !stale && html`<span class="live">${t('live')}</span>`}</div></header>
    <ul class="tick">${rows.map((/** @type {any} */ order) => html`<li key=${order.id} data-order=${order.id} class=${serverNow() - Date.parse(order.committed_at) < NEW_MS ? 'new' : ''}><span class="t">${clock(order.placed_at, zoneOf(order.site), true)}</span>
      <a href=${address('orders', { order: order.id, site })}><b class=${['cancelled', 'rejected'].includes(order.state) ? 'off' : ''}>${siteName(order.site)} ${order.number}</b><small>${order.lines.map((/** @type {any} */ line) => (line.quantity > 1 ? `${line.quantity}× ${named(line.name)}` : named(line.name))).join(', ')}</small></a>
      <span class="amt">${money(order.total, order.currency, language.value)}</span></li>`)}</ul>
    <p class="foot"><span>${t('live.pause')}</span><a class="end" href=${address('orders', { site })}>${t('live.all-orders')}</a></p></section>`;
}

/** What needs a look. @param {any[]} alarms */
function showAlarms(alarms) {
  open((close) => html`<h2 tabindex="-1">${t('live.alarms')}</h2>${alarms.length === 0 ? html`<p class="mid">${t('live.alarms.none')}</p>` : html`<ul class="alarms">${alarms.map((alarm) => {
    const [kind, icon] = STATES[alarm.kind] ?? ['warn', 'triangle-alert'];
    return html`<li key=${`${alarm.site}-${alarm.kind}`}><a href=${address('sites', { site: alarm.site })} onClick=${close}><${Site} id=${alarm.site} small=${[alarm.since && t('since', { time: clock(alarm.since, zoneOf(alarm.site)) }), alarm.detail && t(`alarm.${alarm.kind}`, { detail: alarm.detail })].filter(Boolean).join(', ')} /></a><${Pill} kind=${kind} icon=${icon}>${t(`site.${alarm.kind}`)}<//></li>`;
  })}</ul>`}<div class="row end"><button class="btn" onClick=${close}>${t('close')}</button></div>`, { label: t('live.alarms') });
}

export function Live() {
  const stale = useLive(scope());
  const { totals, alarms, sites, orders } = told.value ?? { totals: null, alarms: [], sites: new Map(), orders: [] };
  const rows = [...sites.values()];
  const zones = new Set(rows.map((site) => site.time_zone));
  const zone = zones.size === 1 ? [...zones][0] : zoneOf(undefined);
  return html`<header class="top"><h1>${t('live')}</h1><span class="sub">${day(new Date(serverNow()), zone, language.value)}, ${clock(serverNow(), zone)}</span>
      <div class="end">${totals && !stale && html`<span class="live" id="fresh">${t('live.updated')}</span>`}<button class="btn" id="alarms" onClick=${() => showAlarms(alarms)}><${Icon} name="bell" />${t('live.alarms')}${alarms.length > 0 && html`<span class="cnt">${alarms.length}</span>`}</button></div></header>
    <div class="grid">${stale && html`<p class="note warn" role="alert" id="stale"><${Icon} name="cloud-off" /><span><b>${t('lost')}</b> ${t('old.since', { time: clock(stale, Intl.DateTimeFormat().resolvedOptions().timeZone, true) })}</span></p>`}
    ${totals ? html`<div class="grid ${stale ? 'old' : ''}"><${Totals} totals=${totals} sites=${rows} />
    <div class="grid with-side"><div class="grid"><${SiteTable} rows=${rows} /><${Curve} /></div><${Ticker} orders=${orders} stale=${stale} /></div></div>` : html`<section class="card"><${Skeleton} rows=${8} /></section>`}</div>`;
}
