// One item: what is in it, and what can be chosen.
import { html, Icon, trapFocus, useEffect, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Picture, plate } from '../shared/pictures.js';
import { energy, StockBadge, Stepper } from './parts.js';
import { add, allergen, avoid, changeLine, clash, dietName, isLater, items, lineAllergens, price, setQuantity, sheet, unitPrice } from './state.js';

/** @typedef {import('./state.js').Group} Group */

const close = () => { sheet.value = null; };

export function ItemSheet() {
  const opened = sheet.value;
  const item = opened && items.value.get(opened.item);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {string[]} */ (opened?.line?.modifiers ?? []));
  const [quantity, setNumber] = useState(opened?.line?.quantity ?? 1);
  useEffect(() => trapFocus(box.current, close), []);
  if (!opened || !item) return null;

  const inGroup = (/** @type {Group} */ group) => group.options.filter((option) => chosen.includes(option.id));
  // Required groups come first.
  const groups = item.modifiers.toSorted((a, b) => Number(b.min > 0) - Number(a.min > 0));
  const missing = groups.find((group) => inGroup(group).length < group.min);
  const gone = chosen.some((id) => item.modifiers.some((group) => group.options.some((option) => option.id === id && !option.available)));
  const line = { item: item.id, modifiers: groupOrder(item.modifiers, chosen) };
  const most = item.stock === null ? 99 : Math.max(1, item.stock);

  /** @param {Group} group @param {string} id */
  const choose = (group, id) => {
    const others = chosen.filter((other) => !group.options.some((option) => option.id === other));
    const mine = inGroup(group).map((option) => option.id);
    if (group.max === 1) setChosen([...others, ...(mine.includes(id) && group.min === 0 ? [] : [id])]);
    else if (mine.includes(id)) setChosen(chosen.filter((other) => other !== id));
    else if (mine.length < group.max) setChosen([...chosen, id]);
  };
  const done = () => {
    if (missing || gone || !item.available) return;
    if (opened.line) changeLine(opened.line.id, { modifiers: line.modifiers, quantity });
    else {
      if (opened.swapFor) setQuantity(opened.swapFor, 0);
      add(item.id, line.modifiers, quantity);
    }
    close();
  };
  const contains = lineAllergens(line);
  return html`<div class="k-scrim" onClick=${close}></div>
    <section class="k-sheet k-item" role="dialog" aria-modal="true" aria-label=${item.name} ref=${box}>
      <div class="hero ${plate(item.image)}"><div class="tx"><h1 tabindex="-1">${item.name}</h1>
        ${item.description && html`<p class="desc">${item.description}</p>`}<p class="cost num">${price(item.price)}</p>
        <div class="k-facts"><${StockBadge} item=${item} />${item.diet.map((name) => html`<span key=${name} class="k-chip ok"><${Icon} name="leaf" />${dietName(name)}</span>`)}
          ${item.energy_kj !== null && html`<span class="k-chip"><${Icon} name="flame" />${energy(item.energy_kj)}</span>`}</div></div>
        <${Picture} image=${item.image} name=${item.name} /></div>
      <div class="k-body">
        <div class="k-allergen"><b>${t('contains')}</b>
          ${contains.length ? contains.map((name) => html`<span key=${name} class="k-chip ${avoid.value.includes(name) ? 'bad' : ''}">
            ${avoid.value.includes(name) && html`<${Icon} name="triangle-alert" />`}${allergen(name)}${avoid.value.includes(name) ? `, ${t('you-avoid')}` : ''}</span>`)
            : html`<span>${t('contains-nothing')}</span>`}</div>
        ${item.set.length > 0 && html`<div class="k-group"><header><h2>${t('set.parts')}</h2></header><ul class="k-parts">${item.set.map((part) => {
          const made = items.value.get(part.item);
          return html`<li key=${part.item}><span class="thumb ${plate(made?.image)}"><${Picture} image=${made?.image} name=${made?.name ?? part.item} /></span><b>${part.quantity}×</b>${made?.name ?? part.item}</li>`;
        })}</ul></div>`}
        ${groups.map((group) => html`<${Choice} key=${group.id} group=${group} mine=${inGroup(group).map((option) => option.id)} choose=${choose} />`)}
      </div>
      <div class="k-foot">
        <button class="k-btn quiet" onClick=${close}><${Icon} name="x" />${t('back')}</button>
        <${Stepper} quantity=${quantity} set=${setNumber} most=${most} name=${item.name} />
        <button class="k-btn grow" aria-disabled=${Boolean(missing) || gone || !item.available} onClick=${done}>
          ${!item.available || gone ? t(isLater(item) && !gone ? 'not-now' : 'sold-out') : missing ? t('choose-your', { group: missing.name })
            : html`${t(opened.line ? 'save' : 'add-to-order')} <span class="num">${price(quantity * unitPrice(line))}</span>`}</button></div>
    </section>`;
}

/** Options in the order of the menu, so that the same choice is the same line. @param {Group[]} groups @param {string[]} chosen */
function groupOrder(groups, chosen) {
  return groups.flatMap((group) => group.options.map((option) => option.id)).filter((id) => chosen.includes(id));
}

/** @param {{group: Group, mine: string[], choose: (group: Group, id: string) => void}} props */
function Choice({ group, mine, choose }) {
  const single = group.max === 1 && group.min === 1;
  const full = group.max > 1 && mine.length >= group.max;
  const rule = single ? t('choose-one') : group.min > 0 ? t('choose-n', { n: group.min }) : t('up-to', { n: group.max });
  const wide = group.options.length > 3 || group.options.some((option) => option.name.length > 14);
  return html`<div class="k-group" role=${single ? 'radiogroup' : 'group'} aria-label=${group.name}>
    <header><h2>${group.name}</h2><span>${rule}</span>${group.max > 1 && html`<span class="end">${t('chosen', { n: mine.length, max: group.max })}</span>`}</header>
    <div class="k-opts ${wide ? 'two' : ''}">${group.options.map((option) => {
      const on = mine.includes(option.id);
      const off = !option.available || (full && !on);
      const bad = clash(option);
      return html`<button key=${option.id} class="k-opt ${on ? 'on' : ''} ${off ? 'out' : ''}" role=${single ? 'radio' : 'checkbox'} aria-checked=${on}
        aria-disabled=${off} onClick=${() => { if (!off) choose(group, option.id); }}>
        <span class="box ${single ? 'r' : ''}"><${Icon} name="check" /></span>
        <span>${option.name}${bad.length > 0 && html`<small>${t('contains')}: ${bad.map(allergen).join(', ')}</small>`}</span>
        <span class="add num">${option.available ? option.price ? `+${price(option.price)}` : t('free') : t('sold-out')}</span></button>`;
    })}</div></div>`;
}
