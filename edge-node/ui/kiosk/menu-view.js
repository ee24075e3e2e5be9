// Attract screen and menu.
import { Picture, plate } from '../shared/pictures.js';
import { html, Icon, Logo, useEffect, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Card, Closed, Language } from './parts.js';
import { allergen, allergens, avoid, clash, closed, count, diet, dietName, diets, fits, items, menu, price, settings, toggleAvoid, toggleDiet, total, view } from './state.js';

/** @typedef {import('./state.js').Item} Item */

/** Pictures for the eye, of what can be had now. @param {{from: Item[]}} props */
function Pictures({ from }) {
  const some = from.filter((item) => item.available && item.image).slice(0, 3);
  return html`<div class="pictures" aria-hidden="true">${some.map((item) => html`<${Picture} key=${item.id} image=${item.image} name=${item.name} />`)}</div>`;
}

export function Attract() {
  const start = () => { view.value = 'menu'; };
  return html`<main class="k-attract"><${Logo} /><${Pictures} from=${menu.value?.items.slice(5) ?? []} />
    <h1>${t(closed.value ? 'attract.closed' : 'attract')}</h1><${Closed} /><button class="k-btn" onClick=${start}>${t(closed.value ? 'attract.look' : 'attract.go')}<${Icon} name="arrow-right" /></button><${Language} /></main>`;
}

export function MenuView() {
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const [at, setAt] = useState('');
  const all = menu.value?.items ?? [];
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
    <${Promo} current=${current?.items ?? []} />
    <nav class="k-rail" aria-label=${t('menu')}>${groups.map((group) => {
      const face = group.items.find((item) => item.image) ?? group.items[0];
      const on = group.id === current?.id;
      return html`<button key=${group.id} class=${on ? 'on' : ''} aria-current=${on} onClick=${() => go(group.id)}>
        <span class="face ${plate(face?.image)}"><${Picture} image=${face?.image} name=${group.name} /></span>${group.name}</button>`;
    })}</nav>
    <main class="k-main" ref=${main} tabindex="-1">
      <h1 class="sr" tabindex="-1">${t('menu')}</h1>
      <${Filters} />
      ${groups.map((group) => html`<section key=${group.id} data-category=${group.id}>
        <div class="k-sec"><h2>${group.name}</h2><${Hidden} items=${group.items} /></div>
        <div class="k-grid">${group.items.filter(fits).map((item) => html`<${Card} key=${item.id} item=${item} />`)}</div></section>`)}
    </main>
    <${CartBar} />`;
}

/** The day's set, if there is one; while the site is closed, that. @param {{current: Item[]}} props */
function Promo({ current }) {
  if (closed.value) return html`<section class="k-promo"><div class="tx"><${Closed} /></div></section>`;
  const set = menu.value?.items.find((item) => item.set.length && item.available);
  if (!set) return html`<section class="k-promo"><div class="tx"><p class="eyebrow">${t('hero.small')}</p><h2>${t('hero')}</h2></div><${Pictures} from=${current} /></section>`;
  const parts = set.set.flatMap(({ item, quantity }) => { const part = items.value.get(item); return part ? [{ part, quantity }] : []; });
  const single = parts.reduce((sum, { part, quantity }) => sum + quantity * part.price, 0);
  return html`<section class="k-promo set"><div class="tx"><p class="eyebrow">${t('set.today')}</p><h2>${set.name}</h2>
    <p class="pr">${price(set.price)}${single > set.price && html`<s><span class="sr">${t('set.single')}</span>${price(single)}</s>`}</p></div>
    <${Pictures} from=${parts.map(({ part }) => part)} /></section>`;
}

/** Filters hide nothing silently. @param {{items: Item[]}} props */
function Hidden({ items: all }) {
  const hidden = all.filter((item) => !fits(item));
  if (!hidden.length) return null;
  const by = [...avoid.value.filter((name) => hidden.some((item) => clash(item).includes(name))).map((name) => t('without', { allergen: allergen(name).toLowerCase() })),
    ...diet.value.filter((name) => hidden.some((item) => !item.diet.includes(name))).map(dietName)];
  return html`<span>${t('hidden', { n: hidden.length, filters: by.join(', ') })}</span>`;
}

function Filters() {
  return html`<div class="k-filters" role="group" aria-label=${t('show-without')}>
    ${settings.value.lower && html`<${Language} />`}
    ${diets.value.map((name) => {
      const on = diet.value.includes(name);
      return html`<button key=${name} class=${on ? 'on' : ''} aria-pressed=${on} onClick=${() => toggleDiet(name)}><${Icon} name=${on ? 'check' : 'leaf'} />${dietName(name)}</button>`;
    })}
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
    <div class="sum" aria-live="polite"><b class="num">${price(total.value)}</b><span>${closed.value ? t('closed') : none ? t('empty') : t('items', { n: count.value })}</span></div>
    <div class="grow"></div>
    <button class="k-btn" disabled=${none || Boolean(closed.value)} onClick=${() => { view.value = 'review'; }}>${t('review')}<${Icon} name="arrow-right" /></button></section>`;
}
