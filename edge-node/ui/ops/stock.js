// Stock: what is at hand of each unit, by steps, by a count, on and off sale.
import { clock } from '../shared/format.js';
import { Picture, plate } from '../shared/pictures.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Movements } from './movements.js';
import { acts, change, loadStock, stock, thing } from './state.js';

/** Rows of the card on the first page. */
const SHORT = 8;

/** @param {any} row */
const isShort = (row) => row.on_hand === 0 || row.low;

/** @param {any} row */
function state(row) {
  if (row.suspended) return ['bad', 'ban', row.suspended_until ? `${t('off-sale')}, ${clock(row.suspended_until, session.value?.site.time_zone ?? 'UTC')}` : t('off-sale')];
  if (row.to_count) return ['warn', 'square-pen', t('to-count')];
  if (row.on_hand === null) return ['idle', 'check', t('uncounted')];
  if (row.on_hand <= 0) return ['bad', 'ban', t('sold-out')];
  return isShort(row) ? ['warn', 'hourglass', t('low')] : ['ok', 'check', t('fine')];
}

/** What needs a person first, then the shortest; what is not counted last. @param {any} row */
const urgency = (row) => (row.to_count ? -2 : row.suspended ? -1 : row.on_hand ?? 1e9);

/** @param {{short?: boolean}} props */
export function StockCard({ short = false }) {
  const [counting, setCounting] = useState(false);
  const [onlyLow, setOnlyLow] = useState(false);
  const [ledger, setLedger] = useState('');
  const isLow = (/** @type {any} */ row) => row.suspended || row.to_count || isShort(row);
  const sorted = stock.value.toSorted((a, b) => urgency(a) - urgency(b) || a.sku.localeCompare(b.sku));
  const rows = sorted.filter((row) => !onlyLow || isLow(row)).slice(0, short ? SHORT : undefined);
  return html`<section class="card" id="stock"><header><h2>${t('stock')}</h2><span class="sub">${t('stock.sub')}</span><div class="end">
      <div class="seg sm" role="group" aria-label=${t('stock')}><button class=${onlyLow ? 'on' : ''} aria-pressed=${onlyLow} onClick=${() => setOnlyLow(true)}>${t('only-low', { n: stock.value.filter(isLow).length })}</button>
        <button class=${onlyLow ? '' : 'on'} aria-pressed=${!onlyLow} onClick=${() => setOnlyLow(false)}>${t('all', { n: stock.value.length })}</button></div>
      ${acts.value && html`<button class="btn sm" aria-pressed=${counting} onClick=${() => setCounting(!counting)}><${Icon} name="square-pen" />${t(counting ? 'count.done' : 'count')}</button>`}</div></header>
    <table class="tight"><thead><tr><th>${t('item')}</th><th>${t('state')}</th><th class="n">${t('left')}</th>${acts.value && html`<th class="n">${t('adjust')}</th>`}</tr></thead>
      <tbody>${rows.map((row) => html`<${Row} key=${row.sku} row=${row} counting=${counting} open=${() => setLedger(row.sku)} />`)}</tbody></table>
    ${ledger && html`<${Movements} sku=${ledger} close=${() => setLedger('')} />`}</section>`;
}

/** @param {{row: any, counting: boolean, open: () => void}} props */
function Row({ row, counting, open }) {
  const { name, image } = thing(row.sku);
  const [kind, icon, word] = state(row);
  const path = `/v1/stock/${encodeURIComponent(row.sku)}`;
  const step = (/** @type {number} */ delta) => change('POST', `${path}/adjust`, { delta, reason: 'stepped at the operations page' });
  const sale = async (/** @type {string} */ way) => { await change('POST', `${path}/${way}`); loadStock(); };
  /** @param {SubmitEvent} event */
  const setCount = (event) => {
    event.preventDefault();
    const text = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('count') ?? '');
    change('PUT', path, { on_hand: text === '' ? null : Number(text) }).then(loadStock);
  };
  return html`<tr data-sku=${row.sku}><td><div class="row"><span class="thumb ${plate(image)}"><${Picture} image=${image} name=${name} /></span><button class="link" onClick=${open}>${name}<span class="sr"> ${t('mv.open')}</span></button></div></td>
    <td><span class="pill ${kind}"><${Icon} name=${icon} />${word}</span></td><td class="n">${row.on_hand ?? '–'}</td>
    ${acts.value && html`<td class="right">${counting ? html`<form class="row end" onSubmit=${setCount}><input class="field" name="count" type="number" min="0" max="1000000" aria-label=${t('count.of', { item: name })} defaultValue=${row.on_hand ?? ''} />
      <button class="btn sm">${t('save')}</button></form>` : html`<span class="row end">
      ${row.on_hand !== null && html`<span class="mini-step"><button aria-label="${t('fewer')}: ${name}" disabled=${row.on_hand <= 0} onClick=${() => step(-1)}><${Icon} name="minus" /></button><b>${row.on_hand}</b>
        <button aria-label="${t('more')}: ${name}" onClick=${() => step(1)}><${Icon} name="plus" /></button></span>`}
      <button class="btn sm ${row.suspended ? '' : 'ghost'}" onClick=${() => sale(row.suspended ? 'resume' : 'suspend')}>${t(row.suspended ? 'bring-back' : 'take-off')}<span class="sr"> ${name}</span></button></span>`}</td>`}</tr>`;
}
