// How the site stands: queue, line to the hub, servers, what failed for good.
import { age, clock, count, money } from '../shared/format.js';
import { session } from '../shared/sign-in.js';
import { html, Icon } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { acts, ask, change, dead, devices, lags, printers, queue, ready, refresh, sync, today } from './state.js';
import { StockCard } from './stock.js';

const zone = () => session.value?.site.time_zone ?? 'UTC';
/** @param {{kind: string, icon: string, children?: any}} props */
export const Pill = ({ kind, icon, children }) => html`<span class="pill ${kind}"><${Icon} name=${icon} />${children}</span>`;

/** @param {{label: string, value: any, unit?: string, sub: string, kind?: string, icon?: string}} props */
function Stat({ label, value, unit, sub, kind = '', icon }) {
  return html`<div class="stat ${kind}"><dt>${icon && html`<${Icon} name=${icon} />`}${label}</dt><dd>${value}${unit && html` <small>${unit}</small>`}</dd><dd class="sub">${sub}</dd></div>`;
}

export function Operations() {
  const q = queue.value;
  const s = sync.value;
  return html`
    ${s && s.hub !== 'connected' && html`<p class="note warn" role="status"><${Icon} name="cloud-off" /><span><b>${t('hub-away')}</b> ${t('hub-away.rest', { n: count(s.lag_events) })}</span></p>`}
    ${q?.paused && html`<p class="note warn" role="status"><${Icon} name="pause" /><span>${t('paused', { time: clock(q.paused_since, zone()) })}</span></p>`}
    <dl class="stats">
      <${Stat} label=${t('stat.queue')} value=${q ? count(q.orders_waiting) : '–'} sub=${t('stat.queue.sub', { age: age(q?.oldest_seconds ?? 0) })} />
      <${Stat} label=${t('stat.open')} value=${q ? count(q.orders_open) : '–'} sub=${t('stat.open.sub', { n: q?.done_per_minute ?? 0, later: q?.delayed ?? 0 })} />
      <${Stat} label=${t('stat.lag')} icon=${s?.lag_events ? 'triangle-alert' : undefined} kind=${s?.hub === 'away' && s.lag_events ? 'warn' : ''} value=${s ? count(s.lag_events) : '–'} unit=${t('stat.lag.unit')} sub=${t('stat.lag.sub', { age: age(s?.oldest_unsent_seconds ?? 0) })} />
      <${Stat} label=${t('stat.retry')} value=${q ? count(q.retrying) : '–'} unit=${t('stat.retry.unit')} sub=${t('stat.retry.sub', { n: q?.failed_per_minute ?? 0 })} />
      <${Stat} label=${t('stat.dead')} icon=${q?.dead ? 'octagon-alert' : undefined} kind=${q?.dead ? 'bad' : ''} value=${q ? count(q.dead) : '–'} sub=${t(q?.dead ? 'stat.dead.some' : 'stat.dead.none')} />
      <${Stat} label=${t('stat.today')} value=${today.value ? count(today.value.orders) : '–'} sub=${today.value?.currency ? t('stat.today.sub', { sales: money(today.value.sales, today.value.currency, language.value), n: today.value.called_off }) : t('stat.today.none')} /></dl>
    <div class="grid upper"><${Sync} /><${Health} /></div>
    <div class="grid lower"><div class="stack"><${DeadLetters} /><${Sold} /></div><${StockCard} short /></div>`;
}

function Sync() {
  const s = sync.value;
  if (!s) return html`<section class="card"><header><h2>${t('sync.title')}</h2></header><div class="pad"><span class="skel"></span></div></section>`;
  const away = s.hub !== 'connected';
  return html`<section class="card" id="sync"><header><h2>${t('sync.title')}</h2><${Pill} kind=${away ? 'warn' : 'ok'} icon=${away ? 'cloud-off' : 'circle-check'}>${t(away ? 'sync.waiting' : 'sync.live')}<//>
      <div class="end"><span class="sub">${t('sync.chart')}</span></div></header>
    <div class="pipe ${s.lag_events ? '' : 'even'}"><div class="node"><small><${Icon} name="hard-drive" />${t('sync.here')}</small><b>${count(s.head)}</b><span>${t('sync.written')}</span></div>
      <div class="wire"><span class="q"><${Icon} name=${s.lag_events ? 'pause' : 'check'} />${s.lag_events ? t('sync.wait', { n: count(s.lag_events) }) : t('sync.none')}</span></div>
      <div class="node"><small><${Icon} name="cloud" />${t('sync.hub')}</small><b>${count(s.cursor)}</b><span>${t('sync.acked')}</span></div></div>
    <${Chart} points=${lags.value} />
    <dl class="kv"><div><dt>${t('sync.space')}</dt><dd>${s.days_left === null ? t('sync.unknown') : t('sync.days', { n: count(Math.floor(s.days_left)) })}</dd></div>
      <div><dt>${t('sync.menu')}</dt><dd>${s.menu_version}</dd></div><div><dt>${t('sync.epoch')}</dt><dd class="mono" title=${s.epoch}>${s.epoch.slice(0, 8)}</dd></div>
      <div><dt>${t('sync.chain')}</dt><dd class="mono" title=${s.chain}>${s.chain.slice(0, 12)}</dd></div></dl>
    ${s.problem && html`<p class="foot">${s.problem}</p>`}</section>`;
}

/** @param {{points: number[]}} props */
function Chart({ points }) {
  const [width, height] = [700, 84];
  const top = Math.max(4, ...points);
  const x = (/** @type {number} */ n) => 34 + (points.length < 2 ? 0 : n / (points.length - 1)) * (width - 40);
  const y = (/** @type {number} */ value) => height - 6 - (value / top) * (height - 16);
  const path = points.map((value, n) => `${n ? 'L' : 'M'}${x(n).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  const last = points.at(-1) ?? 0;
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${t('stat.lag')}: ${last}">
    <line class="grid base" x1="34" x2=${width} y1=${height - 6} y2=${height - 6} /><line class="grid" x1="34" x2=${width} y1="10" y2="10" />
    <text class="ax" x="0" y="14">${top}</text><text class="ax" x="0" y=${height - 2}>0</text>
    ${points.length > 1 && html`<path class="line" d=${path} /><circle class="dot" cx=${x(points.length - 1)} cy=${y(last)} r="3.5" />`}</svg>`;
}

function Health() {
  const r = ready.value;
  const kiosks = devices.value.filter((row) => row.screen === 'kiosk').length;
  const rows = [['server', t('sync.here'), r?.ready, t('health.edge')], ['database', 'Redis', r?.redis, t('health.redis')],
    ['radio', 'NATS', r?.nats, t(r?.nats === false ? 'health.nats.away' : 'health.nats')], ['cloud', t('sync.hub'), r?.hub, t(r?.hub === false ? 'health.hub.away' : 'health.hub')]];
  return html`<section class="card"><header><h2>${t('health.title')}</h2></header><ul class="deps">${rows.map(([icon, name, up, say]) => html`<li key=${name}><span class="ic"><${Icon} name=${icon} /></span>
    <span><b>${name}</b><small>${say}</small></span>${r && html`<${Pill} kind=${up ? 'ok' : 'warn'} icon=${up ? 'circle-check' : 'cloud-off'}>${t(up ? 'healthy' : 'away')}<//>`}</li>`)}
    <li><span class="ic"><${Icon} name="tablet" /></span><span><b>${t('kiosks')}</b><small>${t('health.kiosks')}</small></span><${Pill} kind=${kiosks ? 'ok' : 'idle'} icon=${kiosks ? 'circle-check' : 'minus'}>${t('connected', { n: kiosks })}<//></li>
    ${printers.value.map((printer) => {
      const [kind, icon] = PRINTER[printer.state] ?? ['idle', 'clock'];
      return html`<li key=${printer.name} data-printer=${printer.name}><span class="ic"><${Icon} name="printer" /></span><span><b>${printer.name}</b><small>${saysOf(printer)}</small></span><${Pill} kind=${kind} icon=${icon}>${t(`printer.${printer.state}`)}<//></li>`;
    })}</ul></section>`;
}

/** What was sold most today. */
function Sold() {
  const rows = today.value?.items ?? [];
  return html`<section class="card" id="sold"><header><h2>${t('sold.title')}</h2><span class="sub">${t('sold.sub')}</span></header>
    ${rows.length === 0 ? html`<div class="empty"><b>${t('stat.today.none')}</b></div>` : html`<table class="tight"><thead><tr><th>${t('item')}</th><th class="n">${t('sold.n')}</th></tr></thead>
      <tbody>${rows.slice(0, 6).map((/** @type {any} */ row) => html`<tr key=${row.item}><td>${row.name}</td><td class="n">${count(row.quantity)}</td></tr>`)}</tbody></table>`}</section>`;
}

/** @type {Record<string, [string, string]>} */
const PRINTER = { ready: ['ok', 'circle-check'], failing: ['bad', 'octagon-alert'], unknown: ['idle', 'clock'] };

/** @param {any} printer */
function saysOf(printer) {
  const makes = printer.fallback ? t('printer.fallback') : printer.stations.join(', ');
  const waits = printer.waiting ? t('printer.waiting', { n: printer.waiting }) : '';
  const last = printer.last_printed_at ? t('printer.last', { time: clock(printer.last_printed_at, zone()) }) : '';
  return [printer.trouble ?? makes, waits, last].filter(Boolean).join(', ');
}

/** @param {any} letter */
function what(letter) {
  const number = letter.payload?.number ?? letter.payload?.order_number;
  return `${letter.kind.replaceAll('_', ' ')}${letter.target ? ` ${letter.target}` : ''}${number ? `, ${number}` : ''}`;
}

function DeadLetters() {
  const again = async (/** @type {any} */ letter) => {
    await change('POST', `/v1/queue/dead/${encodeURIComponent(letter.id)}/retry`, undefined, t('dead.retried'));
    refresh('');
  };
  const discard = (/** @type {any} */ letter) => {
    ask.value = { title: t('discard.title', { what: what(letter) }), say: t('discard.say'), go: t('discard'), needed: true, danger: true, then: async (reason) => {
      await change('POST', `/v1/queue/dead/${encodeURIComponent(letter.id)}/discard`, { reason }, t('dead.discarded'));
      refresh('');
    } };
  };
  return html`<section class="card" id="dead"><header><h2>${t('dead.title')}</h2><span class="sub">${t('dead.sub')}</span></header>
    ${dead.value.length === 0 ? html`<div class="empty"><span class="big"><${Icon} name="circle-check" /></span><b>${t('dead.none')}</b></div>` : html`
    <table><thead><tr><th>${t('what')}</th><th>${t('why')}</th><th class="n">${t('since')}</th>${acts.value && html`<th><span class="sr">${t('adjust')}</span></th>`}</tr></thead><tbody>
      ${dead.value.map((letter) => html`<tr key=${letter.id} data-letter=${letter.id}><td><span class="cell2"><b>${what(letter)}</b><small class="mono">${(letter.order ?? letter.id).slice(0, 18)}</small></span></td>
        <td class="mid wrap">${letter.reason} <span class="muted">${t('tries', { n: letter.attempts.length })}</span></td><td class="n">${clock(letter.at, zone())}</td>
        ${acts.value && html`<td class="right"><span class="row end"><button class="btn sm" onClick=${() => again(letter)}><${Icon} name="rotate-ccw" />${t('retry')}</button>
          <button class="btn sm danger" onClick=${() => discard(letter)}><${Icon} name="trash-2" />${t('discard')}</button></span></td>`}</tr>`)}</tbody></table>`}</section>`;
}
