// Sites beside each other, and what tomorrow will ask for.
import { count, money } from '../shared/format.js';
import { html, Icon, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { clockOf, Csv, Item, Trend, usePictures } from './analytics-parts.js';
import { Empty, Site, Skeleton, Trouble } from './parts.js';
import { address, scope, useData } from './state.js';
import { plus, say, today } from './span.js';

const FIRST_ITEMS = 8;

/** @param {{query: string, days: number}} props */
export function Compared({ query, days }) {
  const found = useData(`/v1/analytics/sites?${query}`);
  /** @type {any[]} */
  const rows = [...(found.data?.rows ?? [])].sort((a, b) => b.revenue - a.revenue || a.site.localeCompare(b.site));
  const most = Math.max(1, ...rows.map((row) => row.revenue));
  const link = (/** @type {any} */ row) => address('analytics', Object.fromEntries([...new URLSearchParams(location.search), ['site', row.site]]));
  return html`<section class="card" id="compared"><header><h2>${t('analytics.sites')}</h2><span class="sub">${t('days.n', { n: days })}</span><div class="end"><${Csv} path=${`/v1/analytics/sites?${query}`} what=${t('analytics.sites')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('analytics.sites')}><table><thead><tr><th scope="col">${t('site')}</th><th scope="col" class="n">${t('orders')}</th><th scope="col" class="n">${t('revenue')}</th><th class="wide" aria-hidden="true"></th><th scope="col" class="n">${t('average-order')}</th><th scope="col" class="n">${t('prep-p50')}</th><th scope="col" class="n">${t('sold-out.time')}</th><th scope="col" class="n">${t('lost-sales')}</th><th scope="col" class="n">${t('revenue-change')}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.site} data-site=${row.site}><th scope="row"><a href=${link(row)}><${Site} id=${row.site} /></a></th><td class="n">${count(row.orders)}</td><td class="n">${money(row.revenue, row.currency, language.value)}</td><td class="wide" aria-hidden="true"><span class="bar"><i style=${{ width: `${(100 * row.revenue) / most}%` }} /></span></td><td class="n">${row.average_order === null ? '–' : money(Math.round(row.average_order), row.currency, language.value)}</td><td class="n">${row.preparation_p50_seconds === null ? '–' : clockOf(row.preparation_p50_seconds)}</td><td class="n">${t('minutes', { n: count(Math.round(row.sold_out_minutes)) })}</td>
        <td class="n">${row.revenue > 0 ? `${((100 * row.lost_revenue) / row.revenue).toFixed(1)}%` : '–'}</td><td class="n"><${Trend} is=${row.revenue} was=${row.before_revenue} /></td></tr>`)}</tbody></table></div>`}</section>`;
}

/** Units off for each unit sold, per cent. @param {number | null} wape */
const off = (wape) => (wape === null ? '–' : `${(100 * wape).toFixed(0)}%`);

/** What each item will sell tomorrow, and how far such forecasts were off. */
export function Forecast() {
  const site = scope() ? `&site=${encodeURIComponent(scope())}` : '';
  const day = plus(today(), 1);
  const path = `/v1/analytics/forecast?day=${day}${site}`;
  const found = useData(path);
  const pictures = usePictures();
  const [all, setAll] = useState(false);
  /** @type {any[]} */
  const rows = found.data?.rows ?? [];
  const accuracy = found.data?.accuracy;
  const better = accuracy && accuracy.wape !== null && accuracy.naive_wape !== null ? accuracy.wape < accuracy.naive_wape : null;
  return html`<section class="card" id="forecast"><header class="wrap"><h2>${t('analytics.forecast')}</h2><span class="sub">${say(day, true)}</span><div class="end"><${Csv} path=${path} what=${t('analytics.forecast')} /></div></header><${Trouble} ...${found} />
    ${!found.data ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('forecast.none')} say=${t('forecast.none.say')} icon="calendar" />` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('analytics.forecast')}><table class="tight"><thead><tr><th scope="col">${t('item')}</th><th scope="col" class="n">${t('forecast.units')}</th><th scope="col" class="n">${t('forecast.naive')}</th><th scope="col" class="n">${t('forecast.off')}</th><th scope="col" class="n">${t('forecast.naive-off')}</th><th scope="col" class="n">${t('forecast.tested')}</th></tr></thead>
      <tbody>${(all ? rows : rows.slice(0, FIRST_ITEMS)).map((row) => html`<tr key=${row.item}><th scope="row"><${Item} id=${row.item} name=${row.name} pictures=${pictures} /></th><td class="n"><b>${Math.round(row.units)}</b></td><td class="n">${row.naive === null ? '–' : Math.round(row.naive)}</td><td class="n">${off(row.wape)}</td><td class="n mid">${off(row.naive_wape)}</td><td class="n mid">${row.tested}</td></tr>`)}</tbody></table></div>`}
    <p class="foot"><span>${t('forecast.method')} ${accuracy?.tested > 0 && html`<b class=${better ? 'ok-text' : better === false ? 'warn-text' : ''}><${Icon} name=${better ? 'circle-check' : 'info'} /> ${t('forecast.accuracy', { off: off(accuracy.wape), naive: off(accuracy.naive_wape), n: accuracy.tested })}</b>`}</span>${rows.length > FIRST_ITEMS && html`<button class="btn sm end" onClick=${() => setAll(!all)}>${all ? t('fewer') : t('all.n', { n: rows.length })}</button>`}</p></section>`;
}
