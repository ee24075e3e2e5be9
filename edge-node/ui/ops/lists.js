// Orders that are open, and screens that are connected.
import { clock, money } from '../shared/format.js';
import { Qr } from '../shared/qr.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, useState } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { Pill } from './operations.js';
import { acts, ask, change, devices, loadDevices, loadOrders, orders, paired } from './state.js';

const zone = () => session.value?.site.time_zone ?? 'UTC';
/** @type {Record<string, string[]>} */
const STATES = { placed: ['idle', 'clock'], preparing: ['info', 'chef-hat'], ready: ['ok', 'circle-check'] };

export function Orders() {
  const collect = async (/** @type {any} */ order) => { await change('POST', `/v1/orders/${order.id}/collect`); loadOrders(); };
  const cancel = (/** @type {any} */ order) => {
    ask.value = { title: t('cancel.title', { n: order.number }), say: t('cancel.say'), go: t('cancel-order'), needed: true, danger: true, then: async (reason) => {
      await change('POST', `/v1/orders/${order.id}/cancel`, { reason });
      loadOrders();
    } };
  };
  return html`<section class="card" id="orders"><header><h2>${t('orders')}</h2><span class="sub">${t('orders.sub')}</span></header>
    ${orders.value.length === 0 ? html`<div class="empty"><b>${t('orders.none')}</b></div>` : html`<table><thead><tr><th>${t('number')}</th><th>${t('state')}</th><th class="n">${t('placed')}</th><th>${t('what_lines')}</th><th class="n">${t('total')}</th>${acts.value && html`<th><span class="sr">${t('adjust')}</span></th>`}</tr></thead>
      <tbody>${orders.value.map((order) => {
        const [kind, icon] = STATES[order.state] ?? ['idle', 'clock'];
        return html`<tr key=${order.id} data-number=${order.number}><td><b>${order.number}</b></td><td><${Pill} kind=${kind} icon=${icon}>${t(`st.${order.state}`)}<//></td><td class="n">${clock(order.placed_at, zone())}</td>
          <td class="wrap">${order.lines.map((/** @type {any} */ line) => `${line.quantity}× ${line.name}`).join(', ')}</td><td class="n">${money(order.total, order.currency, language.value)}</td>
          ${acts.value && html`<td class="right"><span class="row end">${order.state === 'ready' && html`<button class="btn sm" onClick=${() => collect(order)}><${Icon} name="check" />${t('collect')}</button>`}
            <button class="btn sm danger" onClick=${() => cancel(order)}>${t('cancel-order')}</button></span></td>`}</tr>`;
      })}</tbody></table>`}</section>`;
}

/** What can be signed in: page, path, role. @type {[string, string, string][]} */
const PAGES = [['kiosk', '/', 'kiosk'], ['kitchen', '/kitchen', 'kitchen'], ['pickup', '/pickup', 'board'], ['operations', '/ops', 'manager']];

export function Devices() {
  return html`<div class="grid devices"><div class="stack"><section class="card" id="devices"><header><h2>${t('devices')}</h2><span class="sub">${t('devices.sub')}</span></header>
    ${devices.value.length === 0 ? html`<div class="empty"><b>${t('devices.none')}</b></div>` : html`<table><thead><tr><th>${t('name')}</th><th>${t('page')}</th><th>${t('role')}</th><th class="n">${t('connected-since')}</th></tr></thead>
      <tbody>${devices.value.map((row, n) => html`<tr key=${n}><td><b>${row.name}</b></td><td>${row.screen ?? row.topics.join(', ')}</td><td>${row.role}</td><td class="n">${clock(row.since, zone(), true)}</td></tr>`)}</tbody></table>`}</section>
    <${Paired} /></div>
    <div class="grid">${acts.value && html`<${PairDevice} /><${AddScreen} />`}${session.value?.screens.guests && html`<${Wall} />`}</div></div>`;
}

/** Devices that were let in, and may be shut out. */
function Paired() {
  const revoke = (/** @type {any} */ device) => {
    ask.value = { title: t('revoke.title', { name: device.name }), say: t('revoke.say'), go: t('revoke'), needed: false, danger: true, then: async (reason) => {
      await change('POST', `/v1/devices/${device.id}/revoke`, { reason }, t('revoked', { name: device.name }));
      loadDevices();
    } };
  };
  return html`<section class="card" id="paired"><header><h2>${t('paired')}</h2><span class="sub">${t('paired.sub')}</span></header>
    ${paired.value.length === 0 ? html`<div class="empty"><b>${t('paired.none')}</b></div>` : html`<table><thead><tr><th>${t('name')}</th><th>${t('kind')}</th><th>${t('paired.by')}</th><th class="n">${t('paired.seen')}</th>${acts.value && html`<th><span class="sr">${t('adjust')}</span></th>`}</tr></thead>
      <tbody>${paired.value.map((row) => html`<tr key=${row.id} data-device=${row.name}><td><b>${row.name}</b></td><td>${row.role}</td><td>${row.paired_by}</td>
        <td class="n">${row.connected ? t('paired.now') : clock(row.last_seen, zone(), true)}</td>${acts.value && html`<td class="right"><button class="btn sm danger" onClick=${() => revoke(row)}>${t('revoke')}</button></td>`}</tr>`)}</tbody></table>`}</section>`;
}

/** What a screen that shows a code can become: page, kind. @type {[string, string][]} */
const KINDS = [['kiosk', 'kiosk'], ['kitchen', 'kitchen'], ['pickup', 'board']];

/** Lets the screen in that shows a code. */
function PairDevice() {
  /** @param {SubmitEvent} event */
  const pair = async (event) => {
    event.preventDefault();
    const element = /** @type {HTMLFormElement} */ (event.target);
    const form = new FormData(element);
    const field = (/** @type {string} */ name) => String(form.get(name)).trim();
    const body = { code: field('code'), name: field('name'), kind: field('kind') };
    if (await change('POST', '/v1/devices', body, t('pair.done', { name: body.name }))) element.reset();
    loadDevices();
  };
  return html`<section class="card" id="pair"><header><h2>${t('pair')}</h2></header><form class="enrol" onSubmit=${pair}>
    <p class="mid">${t('pair.lead')}</p>
    <label>${t('pair.code')}<input class="field" name="code" required inputmode="numeric" maxlength="12" autocomplete="off" placeholder="1234 5678" /></label>
    <label>${t('kind')}<select class="field" name="kind">${KINDS.map(([page, kind]) => html`<option key=${kind} value=${kind}>${t(page)}</option>`)}</select></label>
    <label>${t('name')}<input class="field" name="name" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" placeholder="kiosk-2" autocomplete="off" /></label>
    <button class="btn primary"><${Icon} name="tablet" />${t('pair.go')}</button></form></section>`;
}

/** What hangs on the wall: guests order by their own phones. */
function Wall() {
  const address = `${location.origin}/#guest`;
  return html`<section class="card" id="wall"><header><h2>${t('wall')}</h2></header><div class="enrol">
    <div class="token"><${Qr} text=${address} label=${t('wall')} /><p>${t('wall.lead')}</p><p class="mono wrap">${address}</p></div></div></section>`;
}

function AddScreen() {
  const [made, setMade] = useState(/** @type {null | {code: string, address: string, minutes: number}} */ (null));
  /** @param {SubmitEvent} event */
  const make = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [, path, role] = PAGES.find(([page]) => page === form.get('page')) ?? ['', '/', 'kiosk'];
    const body = await change('POST', '/v1/session/codes', { role, name: String(form.get('name')).trim() });
    if (body) setMade({ code: body.code, address: `${location.origin}${path}#code=${body.code}`, minutes: Math.round(body.expires_in / 60) });
  };
  return html`<section class="card" id="add-screen"><header><h2>${t('devices.add')}</h2></header><form class="enrol" onSubmit=${make}>
    <label>${t('kind')}<select class="field" name="page">${PAGES.map(([page]) => html`<option key=${page} value=${page}>${t(page)}</option>`)}</select></label>
    <label>${t('name')}<input class="field" name="name" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" placeholder="kiosk-2" autocomplete="off" /></label>
    <button class="btn primary"><${Icon} name="qr-code" />${t('devices.code')}</button>
    ${made && html`<div class="token"><${Qr} text=${made.address} label=${t('devices.code')} /><code id="code">${made.code}</code><p>${t('devices.shown', { n: made.minutes })}</p><p class="mono wrap">${made.address}</p></div>`}</form></section>`;
}
