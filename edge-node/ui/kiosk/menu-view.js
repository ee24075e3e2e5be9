// Attract screen and menu.
import { Picture, plate } from '../shared/pictures.js';
import { html, Icon, Logo, useEffect, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Card, Language } from './parts.js';
import { allergen, allergens, avoid, clash, count, menu, price, settings, toggleAvoid, total, view } from './state.js';

/** @typedef {import('./state.js').Item} Item */

/** Pictures for the eye, of what can be had now. @param {{from: Item[]}} props */
function Pictures({ from }) {
  const some = from.filter((item) => item.available && item.image).slice(0, 3);
  return html`<div class="pictures" aria-hidden="true">${some.map((item) => html`<${Picture} key=${item.id} image=${item.image} name=${item.name} />`)}</div>`;
}

export function Attract() {
  const start = () => { view.value = 'menu'; };
  return html`<main class="k-attract"><${Logo} /><${Pictures} from=${menu.value?.items.slice(5) ?? []} />
    <h1>${t('attract')}</h1><button class="k-btn" onClick=${start}>${t('attract.go')}<${Icon} name="arrow-right" /></button><${Language} /></main>`;
}

export function MenuView() {
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const [at, setAt] = useState('');
  const all = menu.value?.items ?? [];
  const shown = (/** @type {Item} */ item) => !clash(item).length;
  const groups = (menu.value?.categories ?? [])
    .map((category) => ({ ...category, items: all.filter((item) => item.category === category.id) }))
    .filter((group) => group.items.length);
  const current = groups.find((group) => group.id === at) ?? groups[0];

  // The category rail follows the scroll.
  useEffect(() => {
    const box = main.current;
    if (!box) return undefined;
    const follow = () => {
      const tops = [...box.querySelectorAll('section[data-category]')].map((section) => /** @type {HTMLElement} */ (section));
      const end = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
      const passed = tops.filter((section) => section.offsetTop - box.scrollTop < box.clientHeight * 0.4);
      setAt((end ? tops.at(-1) : passed.at(-1))?.dataset.category ?? '');
    };
    box.addEventListener('scroll', follow, { passive: true });
    return () => box.removeEventListener('scroll', follow);
  }, []);

  /** @param {string} id */
  const go = (id) => {
    const box = main.current;
    const section = /** @type {HTMLElement | null | undefined} */ (box?.querySelector(`section[data-category="${CSS.escape(id)}"]`));
    if (!box || !section) return;
    box.scrollTop = section.offsetTop;
    setAt(id);
  };
  return html`
    <section class="k-promo"><div class="tx"><p class="eyebrow">${t('hero.small')}</p><h2>${t('hero')}</h2></div><${Pictures} from=${current?.items ?? []} /></section>
    <nav class="k-rail" aria-label=${t('menu')}>${groups.map((group) => {
      const face = group.items.find((item) => item.image) ?? group.items[0];
      const on = group.id === current?.id;
      return html`<button key=${group.id} class=${on ? 'on' : ''} aria-current=${on} onClick=${() => go(group.id)}>
        <span class="face ${plate(face?.image)}"><${Picture} image=${face?.image} name=${group.name} /></span>${group.name}</button>`;
    })}</nav>
    <main class="k-main" ref=${main} tabindex="-1">
      <h1 class="sr">${t('menu')}</h1>
      <${Filters} />
      ${groups.map((group) => html`<section key=${group.id} data-category=${group.id}>
        <div class="k-sec"><h2>${group.name}</h2><${Hidden} items=${group.items} /></div>
        <div class="k-grid">${group.items.filter(shown).map((item) => html`<${Card} key=${item.id} item=${item} />`)}</div></section>`)}
    </main>
    <${CartBar} />`;
}

/** Filters hide nothing silently. @param {{items: Item[]}} props */
function Hidden({ items }) {
  const hidden = items.filter((item) => clash(item).length);
  if (!hidden.length) return null;
  const by = avoid.value.filter((name) => hidden.some((item) => item.allergens.includes(name)));
  return html`<span>${t('hidden', { n: hidden.length, filters: by.map((name) => t('without', { allergen: allergen(name).toLowerCase() })).join(', ') })}</span>`;
}

function Filters() {
  return html`<div class="k-filters" role="group" aria-label=${t('show-without')}>
    ${settings.value.lower && html`<${Language} />`}
    ${allergens.value.map((name) => {
      const on = avoid.value.includes(name);
      return html`<button key=${name} class=${on ? 'on' : ''} aria-pressed=${on} onClick=${() => toggleAvoid(name)}>
        ${on && html`<${Icon} name="check" />`}${t('without', { allergen: allergen(name).toLowerCase() })}</button>`;
    })}</div>`;
}

function CartBar() {
  const none = count.value === 0;
  return html`<section class="k-cart" aria-label=${t('order')}>
    <div class="bag"><${Icon} name="shopping-bag" />${!none && html`<b>${count.value}</b>`}</div>
    <div class="sum" aria-live="polite"><b class="num">${price(total.value)}</b><span>${none ? t('empty') : t('items', { n: count.value })}</span></div>
    <div class="grow"></div>
    <button class="k-btn" disabled=${none} onClick=${() => { view.value = 'review'; }}>${t('review')}<${Icon} name="arrow-right" /></button></section>`;
}
