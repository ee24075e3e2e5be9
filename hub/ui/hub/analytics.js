// Figures to act on: what sold, when, how fast it was made, what was not there, and what to expect. Each figure is defined in
// docs/data-dictionary.md; each card gives the file of what it shows.
import { count, money } from '../shared/format.js';
import { html, Icon, useRef, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { Heat, Items, Sales } from './analytics-sales.js';
import { Cancelled, Preparation, SellOuts, Stock } from './analytics-kitchen.js';
import { Compared, Forecast } from './analytics-sites.js';
import { clockOf, Csv, Trend } from './analytics-parts.js';
import { open, Trouble } from './parts.js';
import { filter, place, scope, siteName, useData, zoneOf } from './state.js';
import { plus, RANGES, say, span, today } from './span.js';

/** Figures of today move on while somebody looks, milliseconds. */
const EVERY_MS = 60_000;

/** Asks for the first and the last day. */
function askRange() {
  const { from, to } = span();
  const last = today();
  open((close) => {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
      const [first, last] = [String(form.get('from')), String(form.get('to'))].sort();
      close();
      filter({ range: 'any', from: first, to: last, by: null });
    };
    return html`<form id="range-form" onSubmit=${submit}><h2 tabindex="-1">${t('range.any')}</h2><div class="two"><label>${t('range.first')}<input class="field" type="date" name="from" required max=${last} defaultValue=${from} /></label><label>${t('range.last')}<input class="field" type="date" name="to" required max=${last} defaultValue=${plus(to, -1)} /></label></div>
      <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary">${t('range.show')}</button></div></form>`;
  }, { label: t('range.any') });
}

/** @param {{name: string}} props */
function Ranges({ name }) {
  const set = (/** @type {string} */ range) => filter({ range: range === '28' ? null : range, from: null, to: null, by: null });
  return html`<div class="seg" id="range">${Object.keys(RANGES).sort((a, b) => (RANGES[a] ?? 0) - (RANGES[b] ?? 0)).map((range) => html`<button key=${range} class=${name === range ? 'on' : ''} aria-pressed=${name === range} onClick=${() => set(range)}>${t(`range.${range}`)}</button>`)}
    <button class=${name === 'any' ? 'on' : ''} aria-pressed=${name === 'any'} onClick=${askRange}>${t('range.any')}</button></div>`;
}

/** The figures over everything. @param {{sales: any, before: any, preparation: any, out: any, currency: string, days: number}} props */
function Totals({ sales, before, preparation, out, currency, days }) {
  const of = (/** @type {any} */ report) => report?.totals.currencies.find((/** @type {any} */ one) => one.currency === currency) ?? { orders: 0, revenue: 0 };
  const [is, was] = [of(sales), of(before)];
  const average = (/** @type {any} */ one) => (one.orders ? one.revenue / one.orders : 0);
  const times = (preparation?.rows ?? []).find((/** @type {any} */ row) => row.measure === 'preparation' && !row.site && !row.station);
  const lost = (out?.rows ?? []).filter((/** @type {any} */ row) => row.currency === currency).reduce((/** @type {number} */ all, /** @type {any} */ row) => all + row.lost_revenue, 0);
  const pay = (/** @type {number} */ minor) => (sales ? money(minor, currency, language.value) : '–');
  const all = sales?.totals.orders ?? 0;
  return html`<dl class="stats" id="totals"><div class="stat" data-figure="orders"><dt>${t('orders')}</dt><dd>${sales ? count(all) : '–'}</dd><dd class="sub"><${Trend} is=${all} was=${before?.totals.orders} on=${t('on-before', { n: days })} /></dd></div>
    <div class="stat" data-figure="revenue"><dt>${t('revenue')}</dt><dd>${pay(is.revenue)}</dd><dd class="sub"><${Trend} is=${is.revenue} was=${before && was.revenue} /></dd></div>
    <div class="stat" data-figure="average"><dt>${t('average-order')}</dt><dd>${is.orders ? pay(Math.round(average(is))) : '–'}</dd><dd class="sub"><${Trend} is=${average(is)} was=${before && average(was)} /></dd></div>
    <div class="stat" data-figure="preparation"><dt>${t('typical-prep')}</dt><dd>${times ? html`${clockOf(times.p50_seconds)} <small>p50</small>` : '–'}</dd><dd class="sub">${times ? t('nine-in-ten', { time: clockOf(times.p90_seconds) }) : t('no-data')}</dd></div>
    <div class="stat" data-figure="lost"><dt>${t('lost-sales')}</dt><dd>${out ? pay(lost) : '–'}</dd><dd class="sub">${is.revenue ? t('lost-share', { n: ((100 * lost) / is.revenue).toFixed(1) }) : t('estimate')}</dd></div></dl>`;
}

export function Analytics() {
  const range = span();
  const { by, query } = range;
  const sales = useData(`/v1/analytics/sales?of=none&by=${by}&${query}`, { every: EVERY_MS });
  const before = useData(`/v1/analytics/sales?of=none&by=${by}&${range.before}`);
  const preparation = useData(`/v1/analytics/preparation?${query}`, { every: EVERY_MS });
  const out = useData(`/v1/analytics/sold-out?${query}`, { every: EVERY_MS });
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const currencies = [...(sales.data?.totals.currencies ?? [])].sort((/** @type {any} */ a, /** @type {any} */ b) => b.orders - a.orders).map((/** @type {any} */ one) => one.currency);
  const asked = place.value.query.currency ?? '';
  const last = useRef('EUR');
  const currency = currencies.includes(asked) ? asked : currencies[0] ?? last.current;
  last.current = currency;
  const said = `${scope() ? siteName(scope()) : t('all-sites')}, ${range.days === 1 ? say(range.from, true) : `${say(range.from)} – ${say(plus(range.to, -1))}`}`;
  return html`<header class="top"><h1>${t('analytics')}</h1><span class="sub" title=${scope() ? zoneOf(scope()) : t('own-clock')}>${said}</span><div class="end"><${Ranges} name=${range.name} />
      ${currencies.length > 1 && html`<select class="field" id="currency" aria-label=${t('currency')} value=${currency} onChange=${(/** @type {any} */ event) => filter({ currency: event.target.value })}>${currencies.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>`}
      <${Csv} path=${`/v1/analytics/sales?by=${by}&${query}`} what=${t('analytics.sales')} big /><button class="btn icon" aria-label=${t('print')} title=${t('print')} onClick=${() => window.print()}><${Icon} name="printer" /></button></div></header>
    <div class="grid analytics"><${Trouble} ...${sales} /><div class="grid ${sales.since ? 'old' : ''}">
      <${Totals} sales=${sales.data} before=${before.data} preparation=${preparation.data} out=${out.data} currency=${currency} days=${range.days} />
      <${Sales} range=${range} sales=${sales.data} before=${before.data} currency=${currency} at=${at} point=${setAt} />
      <div class="grid halves"><${Heat} query=${query} /><${Items} query=${query} currency=${currency} /></div>
      <div class="grid halves"><${SellOuts} found=${out} query=${query} days=${range.days} /><${Preparation} found=${preparation} query=${query} /></div>
      <div class="grid halves"><${Cancelled} query=${query} /><${Stock} query=${query} /></div>
      <${Compared} query=${query} days=${range.days} /><${Forecast} /></div></div>`;
}
