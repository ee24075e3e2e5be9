// What the kitchen can act on: what ran out, how long things took, what was called off, what stock does.
import { count, money } from '../shared/format.js';
import { html, Icon, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { clockOf, Csv } from './analytics-parts.js';
import { ticks } from './chart.js';
import { Empty, Pill, Skeleton, Trouble } from './parts.js';
import { siteName, useData } from './state.js';

const FIRST_ROWS = 6;

/** Some rows, and a way to all of them. @param {any[]} rows @returns {[any[], any]} */
function useSome(rows) {
  const [all, setAll] = useState(false);
  const more = rows.length > FIRST_ROWS && html`<button class="btn sm end" onClick=${() => setAll(!all)}>${all ? t('fewer') : t('all.n', { n: rows.length })}</button>`;
  return [all ? rows : rows.slice(0, FIRST_ROWS), more];
}

/** Minutes as people say them. @param {number} minutes */
const span = (minutes) => (minutes < 120 ? t('minutes', { n: Math.round(minutes) }) : t('hours', { n: (minutes / 60).toFixed(1) }));

/** What ran out, the dearest first, and how the loss is estimated. @param {{found: any, query: string, days: number}} props */
export function SellOuts({ found, query, days }) {
  /** @type {any[]} */
  const rows = [...(found.data?.rows ?? [])].sort((a, b) => b.lost_revenue - a.lost_revenue || b.minutes - a.minutes);
  const [shown, more] = useSome(rows);
  return html`<section class="card" id="sold-out"><header><h2>${t('analytics.sold-out')}</h2><span class="sub">${t('sold-out.sub')}</span><div class="end"><${Csv} path=${`/v1/analytics/sold-out?${query}`} what=${t('analytics.sold-out')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('sold-out.none')} say=${t('sold-out.none.say')} icon="circle-check" />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('analytics.sold-out')}><table class="tight"><thead><tr><th scope="col">${t('item')}</th><th scope="col">${t('site')}</th><th scope="col" class="n">${t('sold-out.time')}</th><th scope="col" class="n">${t('sold-out.days')}</th><th scope="col" class="n">${t('sold-out.usually')}</th><th scope="col" class="n">${t('sold-out.lost')}</th></tr></thead>
      <tbody>${shown.map((row) => html`<tr key=${`${row.site}-${row.sku}`}><th scope="row"><b class="name">${row.items || row.sku}</b> ${row.is_out && html`<${Pill} kind="bad" icon="ban">${t('sold-out.now')}<//>`}</th><td class="mid">${siteName(row.site)}</td><td class="n">${span(row.minutes)}</td><td class="n">${t('n-of', { n: row.days, all: days })}</td><td class="n">${row.usually_at?.slice(0, 5) ?? '–'}</td><td class="n"><b>${money(row.lost_revenue, row.currency, language.value)}</b></td></tr>`)}</tbody></table></div>`}
    <p class="foot" id="method">${t('sold-out.method')} ${more}</p></section>`;
}

/** Half and nine in ten of the times of each station. @param {{found: any, query: string}} props */
export function Preparation({ found, query }) {
  /** @type {any[]} */
  const all = found.data?.rows ?? [];
  const rows = all.filter((row) => row.measure === 'preparation' && !row.site && row.station).sort((a, b) => b.p90_seconds - a.p90_seconds);
  const promise = all.find((row) => row.measure === 'promise' && !row.site);
  const marks = ticks(Math.max(60, ...rows.map((row) => row.p90_seconds)) / 60);
  const end = (marks.at(-1) ?? 1) * 60;
  const at = (/** @type {number} */ seconds) => `${Math.min(100, (100 * seconds) / end)}%`;
  return html`<section class="card" id="preparation"><header class="wrap"><h2>${t('analytics.preparation')}</h2><div class="end"><span class="leg key-m">${t('prep.half')}</span><span class="leg key-n">${t('prep.nine')}</span><${Csv} path=${`/v1/analytics/preparation?${query}`} what=${t('analytics.preparation')} /></div></header>
    ${!found.data ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('analytics.none')} say=${t('analytics.none.say')} icon="chart-column" />` : html`<table class="times tight"><thead class="sr"><tr><th scope="col">${t('station')}</th><td></td><th scope="col">p50</th><th scope="col">p90</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.station} data-station=${row.station}><th scope="row" title=${t('tickets.n', { n: count(row.count) })}>${row.station}</th><td class="wide" aria-hidden="true"><span class="range"><i class="t" /><i class="b" style=${{ left: at(row.p50_seconds), width: at(row.p90_seconds - row.p50_seconds) }} /><i class="m" style=${{ left: at(row.p50_seconds) }} /><i class="n" style=${{ left: at(row.p90_seconds) }} /></span></td><td class="n">${clockOf(row.p50_seconds)}</td><td class="n">${clockOf(row.p90_seconds)}</td></tr>`)}</tbody>
      <tfoot aria-hidden="true"><tr><td></td><td><span class="marks">${marks.map((mark) => html`<i key=${mark} style=${{ left: at(mark * 60) }}>${mark}</i>`)}</span></td><td colspan="2" class="muted">${t('min')}</td></tr></tfoot></table>`}
    ${promise && html`<p class="foot" id="promise"><${Icon} name="clock" />${t('promise.say', { half: clockOf(promise.p50_seconds), nine: clockOf(promise.p90_seconds), kept: promise.kept?.toFixed(1) ?? '–' })}</p>`}</section>`;
}

/** Orders that came to nothing, by reason over all sites. @param {{query: string}} props */
export function Cancelled({ query }) {
  const found = useData(`/v1/analytics/cancellations?${query}`);
  /** @type {Map<string, any>} */
  const sums = new Map();
  for (const row of found.data?.rows ?? []) {
    const key = `${row.state}\n${row.reason}\n${row.currency}`;
    const sum = sums.get(key) ?? { ...row, orders: 0, amount: 0 };
    sums.set(key, { ...sum, orders: sum.orders + row.orders, amount: sum.amount + row.amount });
  }
  const rows = [...sums.values()].sort((a, b) => b.orders - a.orders || b.amount - a.amount);
  const [shown, more] = useSome(rows);
  return html`<section class="card" id="cancelled"><header><h2>${t('analytics.cancelled')}</h2><span class="sub">${t('cancelled.sub')}</span><div class="end"><${Csv} path=${`/v1/analytics/cancellations?${query}`} what=${t('analytics.cancelled')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('cancelled.none')} say=${t('cancelled.none.say')} icon="circle-check" />` : html`<table class="tight two-line"><thead><tr><th scope="col">${t('why')}</th><th scope="col">${t('state')}</th><th scope="col" class="n">${t('orders')}</th><th scope="col" class="n">${t('amount')}</th></tr></thead>
      <tbody>${shown.map((row) => html`<tr key=${`${row.state}-${row.reason}-${row.currency}`}><th scope="row">${row.reason || html`<span class="muted">${t('reason.none')}</span>`}</th><td class="mid">${t(`st.${row.state}`)}</td><td class="n"><b>${count(row.orders)}</b></td><td class="n">${money(row.amount, row.currency, language.value)}</td></tr>`)}</tbody></table>${more && html`<p class="foot">${more}</p>`}`}</section>`;
}

/** How often stock turned over, and what was taken away. @param {{query: string}} props */
export function Stock({ query }) {
  const found = useData(`/v1/analytics/stock?${query}`);
  /** @type {any[]} */
  const rows = [...(found.data?.rows ?? [])].sort((a, b) => b.removed - a.removed || b.used - a.used);
  const [shown, more] = useSome(rows);
  return html`<section class="card" id="stock"><header><h2>${t('analytics.stock')}</h2><span class="sub">${t('stock.sub')}</span><div class="end"><${Csv} path=${`/v1/analytics/stock?${query}`} what=${t('analytics.stock')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('stock.none')} say=${t('stock.none.say')} icon="package" />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('analytics.stock')}><table class="tight"><thead><tr><th scope="col">${t('sku')}</th><th scope="col">${t('site')}</th><th scope="col" class="n">${t('used')}</th><th scope="col" class="n" title=${t('turns.say')}>${t('turns')}</th><th scope="col" class="n">${t('waste')}</th><th scope="col">${t('why')}</th></tr></thead>
      <tbody>${shown.map((row) => html`<tr key=${`${row.site}-${row.sku}`}><th scope="row"><b class="name">${row.sku}</b></th><td class="mid">${siteName(row.site)}</td><td class="n">${count(row.used)}</td><td class="n">${row.turns === null ? '–' : row.turns.toFixed(1)}</td><td class="n">${row.removed ? html`<b>${count(row.removed)}</b>` : html`<span class="muted">0</span>`}</td><td class="mid">${row.removed_for ?? '–'}</td></tr>`)}</tbody></table></div>${more && html`<p class="foot">${more}</p>`}`}</section>`;
}
