// Orders of all sites: find one, and see what happened to it on both sides.
import { age, clock, day, money } from '../shared/format.js';
import { plate, Picture } from '../shared/pictures.js';
import { html, Icon, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { ask, Empty, Pill, saveCsv, Skeleton, Trouble, when } from './parts.js';
import { change, filter, now, place, siteName, siteOf, sites, toast, useData, zoneOf } from './state.js';
import { Timeline } from './timeline.js';

const EVERY_MS = 4_000;
/** @type {Record<string, [string, string]>} */
const STATES = {
  placed: ['idle', 'clock'], preparing: ['info', 'chef-hat'], ready: ['ok', 'bell'], collected: ['ok', 'check'],
  expired: ['idle', 'moon'], cancelled: ['idle', 'x'], rejected: ['bad', 'ban'],
};
const CLOSED = ['collected', 'expired', 'cancelled', 'rejected'];
/** Seconds after the time that was said. */
const LATE_SECONDS = 60;

/** @param {any} order */
const isLate = (order) => !CLOSED.includes(order.state) && order.state !== 'ready' && now.value - Date.parse(order.ready_estimate_at) > LATE_SECONDS * 1_000;

/** @param {{order: any}} props */
function State({ order }) {
  if (isLate(order)) return html`<${Pill} kind="warn" icon="clock">${t('st.late')}<//>`;
  const [kind, icon] = STATES[order.state] ?? ['idle', 'clock'];
  return html`<${Pill} kind=${kind} icon=${icon}>${t(`st.${order.state}`)}<//>`;
}

/** What a person typed as an amount, in minor units of the currency of the sites. @param {string} text @param {string | undefined} site */
function minorOf(text, site) {
  const currency = (siteOf(site ?? '') ?? sites.value[0])?.currency ?? 'EUR';
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return Math.round(Number(text.replace(',', '.')) * 10 ** digits) || 0;
}

/** The search, as the API wants it. @param {Record<string, string>} query */
function search({ site, q, state, from, to, amount }) {
  const wanted = { site, q, amount: amount && minorOf(amount, site), state: state === 'late' ? '' : state, from: from && new Date(from).toISOString(), to: to && new Date(to).toISOString(), limit: '50' };
  return `/v1/orders?${new URLSearchParams(Object.entries(wanted).filter(([, value]) => value).map(([name, value]) => [name, String(value)]))}`;
}

export function Orders() {
  const { query } = place.value;
  const path = search(query);
  const found = useData(path, { every: EVERY_MS });
  const rows = (found.data?.items ?? []).filter((/** @type {any} */ order) => query.state !== 'late' || isLate(order));
  const shown = query.order ?? rows[0]?.id ?? null;
  const exportRows = () => saveCsv('orders', ['site', 'number', 'business_day', 'state', 'channel', 'service', 'placed_at', 'ready_at', 'collected_at', 'total_minor_units', 'currency', 'lines', 'id'],
    rows.map((/** @type {any} */ order) => [order.site, order.number, order.business_day, order.state, order.channel, order.service, order.placed_at, order.ready_at, order.collected_at, order.total, order.currency, order.lines.map((/** @type {any} */ line) => `${line.quantity}× ${line.name}`).join('; '), order.id]));
  return html`<header class="top"><h1>${t('orders')}</h1><div class="end">
      <label class="field wide"><${Icon} name="search" /><span class="sr">${t('orders.find')}</span><input data-search type="search" placeholder=${t('orders.find')} value=${query.q ?? ''} onInput=${(/** @type {any} */ event) => filter({ q: event.target.value, order: null })} /><kbd class="kbd">/</kbd></label>
      <button class="btn" onClick=${exportRows}><${Icon} name="download" />${t('csv')}</button></div></header>
    <div class="grid"><${Trouble} ...${found} /><div class="grid with-list"><section class="card" id="orders"><header><h2>${t('orders.newest')}</h2></header>
      <div class="filters"><select class="field" aria-label=${t('state')} value=${query.state ?? ''} onChange=${(/** @type {any} */ event) => filter({ state: event.target.value, order: null })}><option value="">${t('any-state')}</option>${[...Object.keys(STATES), 'late'].map((state) => html`<option key=${state} value=${state}>${t(`st.${state}`)}</option>`)}</select>
        <label><span class="sr">${t('orders.amount')}</span><input class="field" name="amount" inputmode="decimal" placeholder=${t('orders.amount')} value=${query.amount ?? ''} onChange=${(/** @type {any} */ event) => filter({ amount: event.target.value.trim(), order: null })} /></label>
        <label><span class="sr">${t('from')}</span><input class="field" type="datetime-local" value=${query.from ?? ''} onChange=${(/** @type {any} */ event) => filter({ from: event.target.value, order: null })} /></label></div>
      ${!found.data && !found.error ? html`<${Skeleton} rows=${8} />` : rows.length === 0 ? html`<${Empty} title=${t('orders.none')} say=${t('orders.none.say')} icon="search" />` : html`<ul class="olist">${rows.map((/** @type {any} */ order) => html`<li key=${order.id} class=${order.id === shown ? 'on' : ''}>
        <button data-row class="whole" aria-current=${order.id === shown ? 'true' : undefined} onClick=${() => filter({ order: order.id })}><span class="no">${order.number}</span><span><b>${siteName(order.site)}</b><small>${t('items.n', { n: order.lines.reduce((/** @type {number} */ sum, /** @type {any} */ line) => sum + line.quantity, 0) })}${order.service ? `, ${t(`service.${order.service}`)}` : ''}, ${when(order.placed_at, zoneOf(order.site))}</small></span>
        <span class="r">${money(order.total, order.currency, language.value)}<br /><${State} order=${order} /></span></button></li>`)}</ul>`}
      <p class="foot"><kbd class="kbd">J</kbd><kbd class="kbd">K</kbd> ${t('key.move')} <kbd class="kbd">Enter</kbd> ${t('key.open')}</p></section>
      ${shown ? html`<${Detail} key=${shown} id=${shown} />` : html`<div />`}</div></div>`;
}

/** @param {{id: string}} props */
function Detail({ id }) {
  const found = useData(`/v1/orders/${encodeURIComponent(id)}`, { every: EVERY_MS });
  const [asked, setAsked] = useState(/** @type {any} */ (null));
  const order = found.data;
  if (!order) return html`<div class="grid">${found.error ? html`<${Trouble} ...${found} />` : html`<section class="card"><${Skeleton} /></section>`}</div>`;
  const zone = zoneOf(order.site);
  const copy = async () => {
    await navigator.clipboard.writeText(location.href);
    toast.value = { text: t('copied'), bad: false };
  };
  const cancel = () => ask({ title: t('cancel.title', { n: order.number }), say: t('cancel.say', { site: siteName(order.site) }), go: t('cancel-order'), reason: 'needed', danger: true, then: async (reason) => {
    setAsked(await change('POST', `/v1/sites/${order.site}/commands`, { kind: 'order.cancel', args: { order: order.id, reason } }, { done: t('cancel.sent', { site: siteName(order.site) }) }));
  } });
  const took = order.ready_at && age((Date.parse(order.ready_at) - Date.parse(order.placed_at)) / 1_000);
  const promised = age((Date.parse(order.ready_estimate_at) - Date.parse(order.placed_at)) / 1_000);
  return html`<div class="grid" id="order"><section class="card"><header><h2 class="big-no">${order.number}</h2><${State} order=${order} /><span class="sub">${siteName(order.site)}, ${t(`channel.${order.channel}`)}, ${day(new Date(order.placed_at), zone, language.value)}, ${clock(order.placed_at, zone, true)}</span>
      <div class="end"><button class="btn sm" onClick=${copy}><${Icon} name="link" />${t('copy-link')}</button><button class="btn sm" onClick=${() => print()}><${Icon} name="printer" />${t('print')}</button>
        ${!CLOSED.includes(order.state) && html`<button class="btn sm danger" id="cancel" onClick=${cancel}><${Icon} name="x" />${t('cancel-order')}</button>`}</div></header>
    ${asked && html`<${Command} site=${order.site} id=${asked.id} />`}
    <div class="order"><ul>${order.lines.map((/** @type {any} */ line) => html`<li key=${line.line}><b class="num">${line.quantity}×</b><span class="thumb ${plate(line.item)}"><${Picture} image=${line.item} name=${line.name} /></span>
        <span><b>${line.name}</b> <span class="muted">${[...line.modifiers.map((/** @type {any} */ one) => one.name), line.note].filter(Boolean).join(', ')}</span></span><span class="num">${money(line.total, order.currency, language.value)}</span></li>`)}</ul>
      <dl><div><dt>${t('total')}</dt><dd><b>${money(order.total, order.currency, language.value)}</b></dd></div>${order.service && html`<div><dt>${t('where')}</dt><dd>${t(`service.${order.service}`)}</dd></div>`}
        <div><dt>${t('prep')}</dt><dd>${took ?? '–'}, ${t('promised', { time: promised })}</dd></div><div><dt>${t('stored')}</dt><dd>${when(order.committed_at, zone, true)}</dd></div>
        ${order.avoid.length > 0 && html`<div><dt>${t('avoids')}</dt><dd>${order.avoid.map((/** @type {string} */ one) => t(`allergen.${one}`)).join(', ')}</dd></div>`}
        ${order.reason && html`<div><dt>${t('why')}</dt><dd>${order.reason}</dd></div>`}<div><dt>${t('order-id')}</dt><dd class="mono">${order.id}</dd></div></dl></div></section>
    <${Timeline} order=${order} /></div>`;
}

/** What became of a command, until that is known. @param {{site: string, id: string}} props */
function Command({ site, id }) {
  const found = useData(`/v1/sites/${site}/commands?limit=20`, { every: 1_000 });
  const command = found.data?.items.find((/** @type {any} */ row) => row.id === id);
  const state = command?.state ?? 'pending';
  const kind = { applied: 'ok', refused: 'bad', expired: 'bad' }[/** @type {string} */ (state)] ?? 'info';
  return html`<p class="note ${kind}" role="status" id="command"><${Icon} name=${kind === 'ok' ? 'circle-check' : kind === 'bad' ? 'octagon-alert' : 'refresh-cw'} /><span><b>${t(`command.${state}`)}</b> ${command?.detail ?? ''}</span></p>`;
}
