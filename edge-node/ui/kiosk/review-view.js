// The order before it is placed, and what is told after.
import { Qr } from '../shared/qr.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, Logo, Mark, useEffect, useState } from '../shared/ui.js';
import { clock } from '../shared/format.js';
import { t } from '../shared/words.js';
import { Closed, Language, Stepper, Thumb } from './parts.js';
import { isOwn } from './phone.js';
import { place } from './place.js';
import { allergen, allergens, avoid, chosen, closed, count, items, lineAllergens, lines, lineTotal, pending, placed, price, refused, removed,
  service, setQuantity, settings, sheet, startOver, tax, toggleAvoid, total, undoRemoval, view } from './state.js';

/** @typedef {import('./state.js').Line} Line */

function Steps() {
  return html`<div class="k-steps">${['choose', 'review', 'collect'].map((step, n) => html`
    ${n > 0 && html`<hr />`}<span key=${step} class=${step === 'review' ? 'on' : ''}><b>${n + 1}</b>${t(`step.${step}`)}</span>`)}</div>`;
}

/** @param {{line: Line}} props */
function OrderLine({ line }) {
  const item = items.value.get(line.item);
  if (!item) return null;
  const more = chosen(line).map((option) => option.name).join(', ');
  const most = item.stock === null ? 99 : Math.max(line.quantity, item.stock);
  return html`<div class="k-line" data-line=${line.item}><${Thumb} item=${item} />
    <div><h3>${item.name}</h3>${more && html`<p>${more}</p>`}${!item.available && html`<p class="bad"><${Icon} name="ban" />${t('sold-out')}</p>`}
      ${item.modifiers.length > 0 && html`<button class="lnk" onClick=${() => { sheet.value = { item: line.item, line }; }}><${Icon} name="pencil" />${t('change')}</button>`}</div>
    <${Stepper} small quantity=${line.quantity} set=${(/** @type {number} */ n) => setQuantity(line.id, n)} least=${0} most=${most} name=${item.name} />
    <span class="amt">${price(lineTotal(line))}</span></div>`;
}

export function Review() {
  const where = [['here', 'curry-rice'], ['away', 'juice']];
  const clashes = lines.value.map((line) => ({ line, bad: lineAllergens(line).filter((name) => avoid.value.includes(name)) })).filter(({ bad }) => bad.length);
  const missing = !service.value;
  const off = missing || !count.value || Boolean(closed.value);
  useEffect(() => { if (!lines.value.length && !removed.value) view.value = 'menu'; }, [lines.value]);
  // What was removed can be put back until the guest goes on.
  useEffect(() => () => { removed.value = null; }, []);
  return html`<main class="k-review"><div class="k-head"><div><h1 tabindex="-1">${t('review.title')}</h1>
      <p>${t('review.lead')} ${session.value?.screens.pay_at_pickup ? t('review.pay') : ''}</p></div><${Steps} /></div>
    <div class="k-scroll">${settings.value.lower && html`<${Language} />`}
      <section class="k-lines" aria-label=${t('order')}>${lines.value.map((line) => html`<${OrderLine} key=${line.id} line=${line} />`)}
        ${removed.value && html`<p class="k-undo" role="status">${t('removed', { item: items.value.get(removed.value.line.item)?.name ?? '' })}
          <button class="lnk" onClick=${undoRemoval}><${Icon} name="undo-2" />${t('undo')}</button></p>`}</section>
      <section class="k-alg"><p>${t('avoid.title')}</p><div class="k-filters" role="group" aria-label=${t('avoid.title')}>
        ${allergens.value.map((name) => {
          const on = avoid.value.includes(name);
          return html`<button key=${name} class=${on ? 'on' : ''} aria-pressed=${on} onClick=${() => toggleAvoid(name)}>${on && html`<${Icon} name="check" />`}${allergen(name)}</button>`;
        })}</div>
        ${clashes.map(({ line, bad }) => html`<p key=${line.id} class="bad" role="alert"><${Icon} name="triangle-alert" />
          ${t('order-clash', { item: items.value.get(line.item)?.name ?? '', allergens: bad.map((name) => allergen(name).toLowerCase()).join(', ') })}</p>`)}</section>
      <div class="k-dine" role="radiogroup" aria-label=${t('where')}>${where.map(([name, picture]) => html`
        <button key=${name} class="k-opt ${service.value === name ? 'on' : ''}" role="radio" aria-checked=${service.value === name} onClick=${() => { service.value = name ?? null; }}>
          <span class="box r"><${Icon} name="check" /></span>${t(name ?? '')}<span class="add"><img src=${new URL(`../img/${picture}.svg`, import.meta.url).pathname} alt="" /></span></button>`)}</div>
      <div class="k-total"><div><span>${t('items', { n: count.value })}</span><span class="num">${price(total.value)}</span></div>
        ${tax.value > 0 && html`<div><span>${t('tax')}</span><span class="num">${price(tax.value)}</span></div>`}
        <div class="big"><span>${t('total')}</span><span class="num">${price(total.value)}</span></div></div>
    </div>
    ${closed.value ? html`<div class="k-refused"><${Closed} /></div>` : refused.value && html`<p class="k-refused" role="alert"><${Icon} name="octagon-alert" />${t(refused.value.key, refused.value.values)}</p>`}
    <div class="k-foot"><button class="k-btn quiet" onClick=${() => { view.value = 'menu'; }}><${Icon} name="plus" />${t('add-more')}</button>
      <button class="k-btn grow" id="place" aria-busy=${Boolean(pending.value)} aria-disabled=${off} onClick=${() => { if (!off) place(); }}>
        ${closed.value ? t('closed') : missing ? t('where-first') : html`${t('place')} <span class="num">${price(total.value)}</span>`}</button></div></main>`;
}

/** While the order is under way nothing else can be done. */
export function Placing() {
  const since = pending.value?.since ?? Date.now();
  const [long, setLong] = useState(Date.now() - since > 10_000);
  useEffect(() => {
    const timer = setInterval(() => setLong(Date.now() - since > 10_000), 500);
    return () => clearInterval(timer);
  }, [since]);
  return html`<div class="k-scrim"></div><section class="k-sheet k-still" role="alertdialog" aria-modal="true" aria-label=${t('placing')}>
    <div class="spin big"></div><h1 role="status">${t(long ? 'placing.long' : 'placing')}</h1><p>${t('placing.lead')}</p></section>`;
}

const CLEAR_SECONDS = 15;

/** Colour, icon and word of how an order stands; without a word until it is ready. @param {import('./state.js').Placed} order @returns {[string, string, string]} */
function standing({ state }) {
  if (state === 'ready') return ['now', 'circle-check', 'order.ready'];
  if (state === 'collected' || state === 'closed') return ['', 'check', 'order.closed'];
  if (state === 'cancelled' || state === 'rejected' || state === 'expired') return ['off', 'ban', 'order.off'];
  return ['', 'clock', ''];
}

export function Done() {
  const order = placed.value;
  const [left, setLeft] = useState(CLEAR_SECONDS);
  const stays = isOwn.value;
  useEffect(() => {
    if (stays) return undefined;
    const timer = setInterval(() => setLeft((before) => before - 1), 1_000);
    const again = () => setLeft(CLEAR_SECONDS);
    const kinds = ['pointerdown', 'keydown'];
    for (const kind of kinds) document.addEventListener(kind, again);
    return () => { clearInterval(timer); for (const kind of kinds) document.removeEventListener(kind, again); };
  }, [stays]);
  useEffect(() => { if (left <= 0) startOver(); }, [left]);
  if (!order) return null;
  const [kind, icon, word] = standing(order);
  const minutes = Math.max(1, Math.ceil((Date.parse(order.ready_estimate_at) - Date.now()) / 60_000));
  return html`<main class="k-done"><div class="decos"><span class="deco"><${Mark} /></span><span class="deco"><${Mark} /></span></div><header class="k-top"><${Logo} /></header>
    <div class="k-thanks"><h1 tabindex="-1" aria-describedby="told">${t('thanks')}</h1><p>${t(stays ? 'thanks.phone' : 'thanks.lead')}</p></div>
    <section class="k-ticket" role="status"><div><div class="face" id="told"><p class="lab">${t('number')}</p><div class="no" data-digits=${String(order.number).length} id="number">${order.number}</div>
      <span class="eta ${kind}" data-state=${order.state}><${Icon} name=${icon} />${word ? t(word) : order.pickup_at ? t('ready-at', { time: clock(order.pickup_at, session.value?.site.time_zone ?? 'UTC') }) : t('ready-in', { n: minutes })}</span></div><div class="perf"></div>
      <div class="dn"><ul>${order.lines.slice(0, 6).map((line, n) => html`<li key=${n}><b>${line.quantity}×</b>${line.name}</li>`)}
        <li class="t"><span>${order.service ? t(order.service) : ''}</span><span class="num">${price(order.total)}</span></li></ul>
        <div class="k-qr"><${Qr} text="sunakku:order:${order.id}" label=${t('code')} />${t('code')}</div></div></div></section>
    <div class="k-finish"><button class="k-btn" onClick=${startOver}>${t(stays ? 'again' : 'finish')}</button>${!stays && html`<p>${t('clears', { n: Math.max(left, 0) })}</p>`}</div></main>`;
}
