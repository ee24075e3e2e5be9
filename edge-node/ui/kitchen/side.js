// Beside the tickets: what is still to cook, and what is off sale.
import { act, all } from '../shared/api.js';
import { clock } from '../shared/format.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, trapFocus, useEffect, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { counts, menu, skuName, stock, toast } from './state.js';
import { label } from './ticket.js';

const HOT = 4;

export async function loadStock() {
  const rows = await all('/v1/stock');
  stock.value = new Map(rows.map((row) => [row.sku, row]));
}

/** @param {string} sku @param {'suspend' | 'resume'} step @param {number} [minutes] */
async function setSale(sku, step, minutes) {
  const until = minutes ? { until: new Date(Date.now() + minutes * 60_000).toISOString() } : undefined;
  try {
    const answer = await act('POST', `/v1/stock/${encodeURIComponent(sku)}/${step}`, until);
    if (answer.status === 200) stock.value = new Map(stock.value ?? []).set(sku, answer.body);
    else toast.value = answer.body?.detail ?? t('failed');
  } catch {
    toast.value = t('failed');
  }
}

/** @param {{open: () => void}} props */
export function Side({ open }) {
  const zone = session.value?.site.time_zone ?? 'UTC';
  const rows = [...(stock.value?.values() ?? [])].filter((row) => row.suspended || row.on_hand === 0 || row.low)
    .toSorted((a, b) => Number(b.suspended) - Number(a.suspended) || (a.on_hand ?? 0) - (b.on_hand ?? 0));
  return html`<aside class="kds-side"><h2>${t('all-day')} <span>${t('all-day.small')}</span></h2>
    <ul class="ad" tabindex="0" aria-label=${t('all-day')}>${(counts.value ?? []).toSorted((a, b) => b.quantity - a.quantity).map((row) => html`<li key=${row.station + row.item} class=${row.quantity >= HOT ? 'hot' : ''}>
      <b>${row.quantity}</b><span>${row.name}</span><small>${label(row.station)}</small></li>`)}
      ${counts.value?.length === 0 && html`<li class="none">${t('all-day.none')}</li>`}</ul>
    <section class="p86"><h2>${t('86')} <span>${t('86.small')}</span></h2><ul tabindex="0" aria-label=${t('86')}>
      ${stock.value && rows.length === 0 && html`<li>${t('86.none')}</li>`}
      ${rows.map((row) => {
        const out = row.suspended || row.on_hand === 0;
        const word = row.suspended ? row.suspended_until ? t('off-until', { time: clock(row.suspended_until, zone) }) : t('off-sale') : row.on_hand === 0 ? t('sold-out') : t('left', { n: row.on_hand ?? 0 });
        return html`<li key=${row.sku} class=${out ? 'o' : 'w'} data-sku=${row.sku}><span>${label(skuName(row.sku))}<small><${Icon} name=${out ? 'ban' : 'hourglass'} />${word}</small></span>
          ${row.suspended && html`<button class="s" onClick=${() => setSale(row.sku, 'resume')}>${t('back')}<span class="sr"> ${skuName(row.sku)}</span></button>`}</li>`;
      })}</ul>
      <div class="cta"><button class="kds-btn" onClick=${open}><${Icon} name="ban" />${t('86.item')}<span class="kbd">F8</span></button></div></section></aside>`;
}

/** Takes an item off every kiosk. @param {{close: () => void}} props */
export function TakeOff({ close }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [text, setText] = useState('');
  const [minutes, setMinutes] = useState(0);
  useEffect(() => trapFocus(box.current, close), []);
  const found = [...(stock.value?.values() ?? [])].filter((row) => !row.suspended && skuName(row.sku).toLowerCase().includes(text.trim().toLowerCase()))
    .toSorted((a, b) => skuName(a.sku).localeCompare(skuName(b.sku)));
  const uses = (/** @type {string} */ sku) => menu.value.filter((item) => sku in item.consumes && item.id !== sku).map((item) => item.name).join(', ');
  return html`<div class="kds-scrim" onClick=${close}></div><section class="kds-dialog" role="dialog" aria-modal="true" aria-label=${t('86.title')} ref=${box}>
    <header><h2>${t('86.title')}</h2><button class="kds-btn" onClick=${close}><${Icon} name="x" />${t('close')}</button></header>
    <div class="tools"><label class="field"><${Icon} name="search" /><span class="sr">${t('86.search')}</span><input data-focus placeholder=${t('86.search')} value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
      <div class="kds-seg" role="group" aria-label=${t('86.until')}><span>${t('86.until')}</span>${[[0, 'hand'], [30, '30'], [120, '120']].map(([value, word]) => html`
        <button key=${value} class=${minutes === value ? 'on' : ''} aria-pressed=${minutes === value} onClick=${() => setMinutes(Number(value))}>${t(`86.${word}`)}</button>`)}</div></div>
    <ul class="list">${found.map((row) => html`<li key=${row.sku}><span>${label(skuName(row.sku))}<small>${uses(row.sku)}</small></span><small>${row.on_hand === null ? '' : t('left', { n: row.on_hand })}</small>
      <button class="kds-btn" data-off=${row.sku} onClick=${() => { setSale(row.sku, 'suspend', minutes); close(); }}><${Icon} name="ban" />${t('86.off')}<span class="sr"> ${skuName(row.sku)}</span></button></li>`)}</ul></section>`;
}
