// What happened to an order, in two lanes: at the site by its clock, at the hub by its own.
import { clock, count } from '../shared/format.js';
import { html, Icon, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Skeleton, Trouble } from './parts.js';
import { siteName, useData, zoneOf } from './state.js';

/** How events look: colour and icon. @type {Record<string, [string, string]>} */
const LOOKS = {
  'order.placed': ['in', 'shopping-bag'], 'order.preparing': ['in', 'chef-hat'], 'order.ready': ['ok', 'bell'], 'order.collected': ['ok', 'check'], 'order.cancelled': ['wr', 'x'],
  'order.rejected': ['wr', 'ban'], 'order.expired': ['', 'moon'], 'ticket.created': ['in', 'receipt-text'], 'ticket.started': ['in', 'flame'], 'ticket.bumped': ['ok', 'check'],
  'ticket.recalled': ['wr', 'undo-2'], 'ticket.escalated': ['wr', 'printer'], 'hub.committed': ['ok', 'database'],
};

/** How long after the first, in the unit that fits. @param {number} milliseconds */
function after(milliseconds) {
  if (milliseconds < 1_000) return `+${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `+${(milliseconds / 1_000).toFixed(1)} s`;
  return `+${Math.floor(milliseconds / 60_000)}:${String(Math.floor(milliseconds / 1_000) % 60).padStart(2, '0')}`;
}

/** What is worth telling of an event besides its kind. @param {any} event */
function detail(event) {
  const { body } = event;
  const who = [event.actor, event.device && event.device !== event.actor ? t('at-device', { device: event.device }) : ''].filter(Boolean).join(' ');
  const where = body.station ? t('at-station', { station: body.station }) : '';
  const events = event.side === 'edge' ? t('seq', { n: count(event.seq) }) : '';
  return [who, where, body.reason, events].filter(Boolean).join(', ');
}

/** @param {{order: any}} props */
export function Timeline({ order }) {
  const found = useData(`/v1/orders/${order.id}/timeline`, { every: 4_000 });
  const [side, setSide] = useState('both');
  const rows = found.data?.items ?? [];
  const zone = zoneOf(order.site);
  const begin = rows.length ? Date.parse(rows[0].at) : 0;
  const shown = rows.filter((/** @type {any} */ row) => side === 'both' || row.side === side);
  return html`<section class="card" id="timeline"><header><h2>${t('timeline')}</h2><span class="sub">${t('timeline.sub', { n: rows.length })}</span><div class="end"><div class="seg sm">${['both', 'edge', 'hub'].map((name) => html`<button key=${name} class=${side === name ? 'on' : ''} aria-pressed=${side === name} onClick=${() => setSide(name)}>${t(`side.${name}`)}</button>`)}</div></div></header>
    ${found.error && html`<${Trouble} ...${found} />`}${!found.data && !found.error ? html`<${Skeleton} />` : html`<div class="tl"><div class="hd"><span>${t('time')}</span><span></span><span><${Icon} name="hard-drive" />${t('lane.site', { site: siteName(order.site) })}</span><span></span><span><${Icon} name="cloud" />${t('hub')}</span></div>
      <ol>${shown.map((/** @type {any} */ row, /** @type {number} */ n) => {
        const [kind, icon] = LOOKS[row.kind] ?? ['', 'circle-dot'];
        const dot = html`<span class="ln"><span class="dot ${kind}"><${Icon} name=${icon} /></span></span>`;
        const what = html`<div class="ev"><b>${t(`event.${row.kind}`)}</b><small>${detail(row)}</small></div>`;
        const line = html`<span class="ln"></span>`;
        return html`<li key=${`${row.side}-${row.seq}-${n}`}><span class="tm">${clock(row.at, zone, true)}<small>${after(Date.parse(row.at) - begin)}</small></span>
          ${row.side === 'hub' ? html`${line}<span></span>${dot}${what}` : html`${dot}${what}${line}<span></span>`}</li>`;
      })}</ol></div>`}</section>`;
}
