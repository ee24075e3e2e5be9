// What comes in between: something has just gone, nobody is there any more, the edge is away.
import { html, Icon, Mark, trapFocus, useEffect, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Plate, StockBadge } from './parts.js';
import { add, avoid, gone, items, lines, price, removed, setQuantity, sheet, startOver, view } from './state.js';

/** @typedef {import('./state.js').Item} Item */

/**
 * Three that can be had now, of the same group, without an allergen that the other did not have,
 * those near in price first.
 * @param {Item} item
 */
export function alternatives(item) {
  return [...items.value.values()]
    .filter((other) => other.available && other.id !== item.id && other.category === item.category)
    .filter((other) => other.allergens.every((name) => item.allergens.includes(name) && !avoid.value.includes(name)))
    .filter((other) => item.diet.every((name) => other.diet.includes(name)))
    .toSorted((a, b) => Math.abs(a.price - item.price) - Math.abs(b.price - item.price))
    .slice(0, 3);
}

/** The edge checks stock again when the order is placed, and its answer wins. */
export function Gone() {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const short = gone.value[0];
  useEffect(() => trapFocus(box.current, undefined), [short?.item]);
  const item = short && items.value.get(short.item);
  const next = () => {
    gone.value = gone.value.slice(1);
    // To put back what nobody can have is no offer.
    removed.value = null;
    if (!lines.value.length) view.value = 'menu';
  };
  // What the menu has no more is out of the order already.
  useEffect(() => { if (short && !item) next(); });
  if (!short || !item) return null;
  const mine = lines.value.filter((line) => line.item === short.item);
  const others = alternatives(item);
  /** Takes as many off the order as are too many. @param {number} keep */
  const keepOnly = (keep) => {
    let left = keep;
    for (const line of mine) {
      setQuantity(line.id, Math.min(line.quantity, left));
      left -= Math.min(line.quantity, left);
    }
    next();
  };
  /** @param {Item} other */
  const swap = (other) => {
    const quantity = mine.reduce((sum, line) => sum + line.quantity, 0);
    const mustChoose = other.modifiers.some((group) => group.min > 0);
    if (mustChoose) sheet.value = { item: other.id, swapFor: mine[0]?.id };
    else {
      add(other.id, [], other.stock === null ? quantity : Math.min(quantity, other.stock));
      for (const line of mine) setQuantity(line.id, 0);
    }
    next();
  };
  const some = short.available > 0;
  const left = lines.value.length > mine.length;
  return html`<div class="k-scrim"></div><section class="k-sheet k-kind" role="alertdialog" aria-modal="true" aria-labelledby="gone" ref=${box}>
    <div class="kd"><div class="pic"><${Plate} item=${item} /><span class="k-badge out"><${Icon} name="ban" />${t('just-gone')}</span></div>
      <div><h1 id="gone" tabindex="-1">${t(some ? 'gone.some' : 'gone.title', { item: item.name, n: short.available })}</h1>
        <p class="say">${t(others.length ? left ? 'gone.lead' : 'gone.alone' : 'gone.none')}</p></div></div>
    <div class="k-swap">${others.map((other) => html`<article key=${other.id} class="k-card"><${Plate} item=${other}><${StockBadge} item=${other} /><//>
      <h3>${other.name}</h3><span class="price">${price(other.price)}</span>
      <button class="take" onClick=${() => swap(other)}><${Icon} name="replace" />${t('swap')}<span class="sr">${other.name}</span></button></article>`)}</div>
    <div class="k-foot">${some && html`<button class="k-btn soft" onClick=${() => keepOnly(short.available)}>${t('gone.take', { n: short.available })}</button>`}
      <button class="k-btn soft grow" onClick=${() => keepOnly(0)}>${t(left ? 'gone.without' : 'gone.menu')}</button></div></section>`;
}

const RING = 2 * Math.PI * 88;

/** @param {{seconds: number, keep: () => void}} props */
export function StillThere({ seconds, keep }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [left, setLeft] = useState(seconds);
  useEffect(() => trapFocus(box.current, keep), []);
  useEffect(() => {
    const timer = setInterval(() => setLeft((before) => before - 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => { if (left <= 0) startOver(); }, [left]);
  return html`<div class="k-scrim"></div><section class="k-sheet k-still" role="alertdialog" aria-modal="true" aria-label=${t('still.title')} ref=${box}>
    <div class="ring"><svg viewBox="0 0 200 200" aria-hidden="true"><circle class="all" cx="100" cy="100" r="88" /><circle class="left" cx="100" cy="100" r="88"
      stroke-dasharray=${RING} stroke-dashoffset=${RING * (1 - left / seconds)} transform="rotate(-90 100 100)" /></svg><b class="num">${Math.max(left, 0)}</b></div>
    <h1>${t('still.title')}</h1><p id="still">${t('still.lead', { n: Math.max(left, 0) })}</p>
    <div class="two"><button class="k-btn" aria-describedby="still" onClick=${keep}>${t('still.keep')}</button><button class="k-btn soft" onClick=${startOver}>${t('start-over')}</button></div></section>`;
}

/** The kiosk cannot reach its edge. @param {{order: boolean}} props */
export function Break({ order }) {
  return html`<main class="k-break" role="alert"><${Mark} /><h1>${t('break.title')}</h1><p>${t('break.lead')}</p>${order && html`<p>${t('break.kept')}</p>`}</main>`;
}
