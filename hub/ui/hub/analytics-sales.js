// What sold and when: lines over time, the week as a heat map, items.
import { briefCount, count, money } from '../shared/format.js';
import { html, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { Csv, Item, Trend, usePictures } from './analytics-parts.js';
import { Legend, Lines, Numbers } from './chart.js';
import { Empty, Skeleton, Trouble } from './parts.js';
import { filter, useData } from './state.js';
import { buckets, HOURS_DAYS, knownUntil, plus, say } from './span.js';

/** Items shown before all are asked for. */
const FIRST_ITEMS = 8;
/** Steps of the heat map's colours beyond nothing. */
const HEAT_STEPS = 6;

/** Money short enough for an axis: "$20k". @param {number} minor @param {string} currency */
export function brief(minor, currency) {
  const format = new Intl.NumberFormat(language.value, { style: 'currency', currency, currencyDisplay: 'narrowSymbol', notation: 'compact', maximumFractionDigits: 1 });
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(minor / 10 ** digits);
}

/** @param {{range: any, sales: any, before: any, currency: string, at: number | null, point: (at: number | null) => void}} props */
export function Sales({ range, sales, before, currency, at, point }) {
  const { by, from, to, days } = range;
  const times = buckets(by, from, to);
  const until = knownUntil();
  /** @param {any} report @param {string[]} list @param {boolean} all @param {(row: any) => number} of @returns {(number | null)[]} */
  const values = (report, list, all, of) => list.map((local) => (!report || local > until ? null : report.rows.filter((/** @type {any} */ row) => row.local === local && (all || row.currency === currency)).reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + of(row), 0)));
  const revenue = values(sales, times, false, (row) => row.revenue);
  const orders = values(sales, times, true, (row) => row.orders);
  const past = before?.totals.orders ? values(before, buckets(by, plus(from, -days), from), false, (row) => row.revenue).slice(0, times.length) : [];
  const earlier = [...past, ...Array(Math.max(0, times.length - past.length)).fill(null)];
  const pay = (/** @type {number | null | undefined} */ minor) => (minor === null || minor === undefined ? t('no-data') : money(minor, currency, language.value));
  const pieces = (/** @type {number | null | undefined} */ n) => (n === null || n === undefined ? t('no-data') : count(n));
  const labels = times.map((local) => say(local));
  const sum = (/** @type {(number | null)[]} */ list) => list.reduce((/** @type {number} */ all, value) => all + (value ?? 0), 0);
  const best = revenue.reduce((/** @type {number} */ most, value, n) => ((value ?? 0) > (revenue[most] ?? 0) ? n : most), 0);
  const phone = matchMedia('(max-width: 599px)').matches;
  const told = t('sales.say', { total: pay(sum(revenue)), orders: count(sum(orders)), best: say(times[best] ?? from, true), most: pay(revenue[best] ?? 0) });
  return html`<section class="card" id="sales"><header class="wrap"><h2>${t('analytics.sales')}</h2><span class="sub">${t(`by.${by}`)}</span><div class="end"><${Legend} color="var(--c1)">${t('revenue')}<//><${Legend} color="var(--c-prev)" dash>${t('days-before', { n: days })}<//><${Legend} color="var(--c2)">${t('orders')}<//>
      <div class="seg sm">${['hour', 'day', 'week'].map((one) => { const off = one === 'hour' && days > HOURS_DAYS; return html`<button key=${one} class=${by === one ? 'on' : ''} aria-pressed=${by === one} disabled=${off} title=${off ? t('by.hour.off', { n: HOURS_DAYS }) : undefined} onClick=${() => filter({ by: one })}>${t(`unit.${one}`)}</button>`; })}</div>
      <${Csv} path=${`/v1/analytics/sales?of=none&by=${by}&${range.query}`} what=${t('analytics.sales')} /></div></header>
    <div class="figures"><${Lines} title=${t('sales.revenue')} say=${told} labels=${labels} height=${phone ? 180 : 206} axis=${false} at=${at} point=${point} format=${(/** @type {number} */ value) => brief(value, currency)}
        series=${[{ name: 'before', values: earlier, color: 'var(--c-prev)', dash: true }, { name: 'revenue', values: revenue, color: 'var(--c1)', fill: true }]}>
        <small>${at !== null && say(times[at] ?? from, true)}</small><b>${at !== null && pay(revenue[at])}</b><span>${at !== null && t('orders.n', { n: pieces(orders[at]) })}</span><//>
      <${Lines} title=${t('sales.orders')} say=${told} labels=${labels} height=${120} at=${at} point=${point} format=${briefCount} series=${[{ name: 'orders', values: orders, color: 'var(--c2)', fill: true }]} /></div>
    <${Numbers} caption=${t('analytics.sales')} columns=${[t('time'), t('revenue'), t('days-before', { n: days }), t('orders')]} rows=${times.map((local, n) => [local.length > 10 ? `${say(local.slice(0, 10))} ${say(local)}` : say(local), pay(revenue[n]), pay(earlier[n]), pieces(orders[n])])} /></section>`;
}

/** Orders by weekday and hour; the number stands in each cell. @param {{query: string}} props */
export function Heat({ query }) {
  const found = useData(`/v1/analytics/heatmap?${query}`);
  /** @type {any[]} */
  const rows = found.data?.rows ?? [];
  const hours = rows.map((row) => row.hour);
  const [first, last] = [Math.min(...hours), Math.max(...hours)];
  const most = Math.max(0, ...rows.map((row) => row.average ?? 0));
  const cell = (/** @type {number} */ weekday, /** @type {number} */ hour) => rows.find((row) => row.weekday === weekday && row.hour === hour)?.average ?? 0;
  const step = (/** @type {number} */ value) => (most > 0 ? Math.min(HEAT_STEPS, Math.ceil((value / most) * HEAT_STEPS)) : 0);
  const name = (/** @type {number} */ weekday) => new Date(Date.UTC(2026, 5, weekday)).toLocaleDateString(language.value === 'ja' ? 'ja-JP' : 'en-GB', { weekday: 'short', timeZone: 'UTC' });
  const number = (/** @type {number} */ value) => (value >= 100 || Number.isInteger(value) ? count(Math.round(value)) : value.toFixed(1));
  return html`<section class="card" id="heat"><header class="wrap"><h2>${t('analytics.heat')}</h2><span class="sub">${t('heat.sub')}</span><div class="end">${rows.length > 0 && html`<span class="scale" aria-hidden="true">0 ${Array.from({ length: HEAT_STEPS + 1 }, (_, n) => html`<i key=${n} class="h${n}" />`)} ${number(most)}</span>`}<${Csv} path=${`/v1/analytics/heatmap?${query}`} what=${t('analytics.heat')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} rows=${7} />` : rows.length === 0 ? html`<${Empty} title=${t('analytics.none')} say=${t('analytics.none.say')} icon="chart-column" />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('analytics.heat')}><table class="heatmap"><caption class="sr">${t('heat.sub')}</caption><thead><tr><td></td>${Array.from({ length: last - first + 1 }, (_, n) => html`<th key=${n} scope="col">${String(first + n).padStart(2, '0')}</th>`)}</tr></thead>
      <tbody>${[1, 2, 3, 4, 5, 6, 7].map((weekday) => html`<tr key=${weekday}><th scope="row">${name(weekday)}</th>${Array.from({ length: last - first + 1 }, (_, n) => { const value = cell(weekday, first + n); return html`<td key=${n} class="h${step(value)}">${number(value)}</td>`; })}</tr>`)}</tbody></table></div>`}</section>`;
}

/** Items, by orders or by revenue. @param {{query: string, currency: string}} props */
export function Items({ query, currency }) {
  const found = useData(`/v1/analytics/items?${query}`);
  const pictures = usePictures();
  const [by, setBy] = useState('units');
  const [all, setAll] = useState(false);
  /** @type {any[]} */
  const rows = [...(found.data?.rows ?? [])].filter((row) => row.currency === currency).sort((a, b) => b[by] - a[by] || a.item.localeCompare(b.item));
  const shown = all ? rows : rows.slice(0, FIRST_ITEMS);
  const most = Math.max(1, ...rows.map((row) => row[by]));
  return html`<section class="card" id="items"><header class="wrap"><h2>${t('analytics.items')}</h2><span class="sub">${t(`items.by-${by}`)}</span><div class="end"><div class="seg sm">${['units', 'revenue'].map((one) => html`<button key=${one} class=${by === one ? 'on' : ''} aria-pressed=${by === one} onClick=${() => setBy(one)}>${t(one)}</button>`)}</div><${Csv} path=${`/v1/analytics/items?${query}`} what=${t('analytics.items')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} rows=${7} />` : rows.length === 0 ? html`<${Empty} title=${t('analytics.none')} say=${t('analytics.none.say')} icon="chart-column" />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('analytics.items')}><table class="tight"><thead><tr><th scope="col">${t('item')}</th><th class="wide" aria-hidden="true"></th><th scope="col" class="n">${t('units')}</th><th scope="col" class="n">${t('revenue')}</th><th scope="col" class="n" title=${t('attach.say')}>${t('attach')}</th><th scope="col" class="n">${t('trend')}</th></tr></thead>
      <tbody>${shown.map((row) => html`<tr key=${row.item} data-item=${row.item}><th scope="row"><${Item} id=${row.item} name=${row.name} pictures=${pictures} /></th><td class="wide" aria-hidden="true"><span class="bar"><i style=${{ width: `${(100 * row[by]) / most}%` }} /></span></td><td class="n"><b>${count(row.units)}</b></td><td class="n">${money(row.revenue, row.currency, language.value)}</td><td class="n">${row.attach === null ? '–' : `${row.attach.toFixed(1)}%`}</td><td class="n"><${Trend} is=${row.units} was=${row.before_units} /></td></tr>`)}</tbody></table></div>
      ${rows.length > FIRST_ITEMS && html`<p class="foot"><button class="btn sm" onClick=${() => setAll(!all)}>${all ? t('fewer') : t('all.n', { n: rows.length })}</button></p>`}`}</section>`;
}
