// The draft's items with what they are at single sites, and all overrides in one list.
import { money } from '../shared/format.js';
import { plate, Picture } from '../shared/pictures.js';
import { html, Icon, useState } from '../shared/ui.js';
import { language, named, t } from '../shared/words.js';
import { placeOf } from './menu-diff.js';
import { ItemForm, OverrideForm, overridePath } from './menu-item.js';
import { Empty, open } from './parts.js';
import { change, filter, place, siteName } from './state.js';

/** All overrides of one item: [kind, where, values]. @param {any} menu @param {string} item @returns {[string, string, any][]} */
function overridesOf(menu, item) {
  /** @type {[string, string, any][]} */
  const found = [];
  for (const kind of ['regions', 'sites']) for (const [where, items] of Object.entries(menu.overrides[kind] ?? {})) if (/** @type {any} */ (items)[item]) found.push([kind, where, /** @type {any} */ (items)[item]]);
  return found;
}

/** @param {any} over @param {string} currency */
function sayOverride(over, currency) {
  const parts = [over.price !== undefined && money(over.price, currency, language.value), over.available === false && t('not-served'), over.available === true && t('served'), over.station, over.schedule && (over.schedule.dayparts ?? []).join(', ')];
  return parts.filter(Boolean).join(', ');
}

/** The parts of the day in which it is offered, as letters. @param {{menu: any, item: any}} props */
function Served({ menu, item }) {
  const parts = menu.dayparts ?? [];
  const named_ = item.schedule?.dayparts ?? [];
  if (parts.length === 0) return html`<span class="muted">${t('always')}</span>`;
  const on = (/** @type {string} */ id) => named_.length === 0 || named_.includes(id);
  const said = parts.filter((/** @type {any} */ part) => on(part.id)).map((/** @type {any} */ part) => named(part.name)).join(', ');
  return html`<span class="day"><span class="sr">${t('served-at', { parts: said })}</span>${parts.map((/** @type {any} */ part) => html`<i key=${part.id} aria-hidden="true" class=${on(part.id) ? 'on' : ''} title=${named(part.name)}>${[...named(part.name)][0]}</i>`)}</span>`;
}

/** @param {{path: string, menu: any, changes: any[], add: () => void, reload: () => void}} props */
export function Items({ path, menu, changes, add, reload }) {
  const [only, setOnly] = useState(false);
  const { query } = place.value;
  const q = (query.q ?? '').toLowerCase();
  const changed = new Map();
  for (const one of changes) {
    const { item, field } = placeOf(one.path, menu);
    if (item) changed.set(item, [...(changed.get(item) ?? []), { ...one, field }]);
  }
  const gone = changes.filter((one) => one.change === 'removed' && /^items\[[^\]]+\]$/.test(one.path)).map((one) => ({ ...one.before, gone: true }));
  const items = [...menu.items, ...gone].filter((item) => (!q || `${item.id} ${Object.values(item.name).join(' ')}`.toLowerCase().includes(q)) && (!only || changed.has(item.id)));
  const edit = (/** @type {any} */ item) => open((close) => html`<${ItemForm} path=${path} menu=${menu} item=${item} close=${close} done=${reload} />`, { label: named(item.name), wide: true });
  return html`<section class="card" id="items"><header class="wrap"><h2>${t('tab.items')}</h2><label class="field"><${Icon} name="search" /><span class="sr">${t('item.find')}</span><input data-search type="search" placeholder=${t('item.find')} value=${query.q ?? ''} onInput=${(/** @type {any} */ event) => filter({ q: event.target.value })} /><kbd class="kbd">/</kbd></label>
      <div class="seg sm"><button class=${only ? '' : 'on'} aria-pressed=${!only} onClick=${() => setOnly(false)}>${t('all.n', { n: menu.items.length })}</button><button class=${only ? 'on' : ''} aria-pressed=${only} onClick=${() => setOnly(true)}>${t('changed.n', { n: changed.size })}</button></div>
      <div class="end"><button class="btn sm" onClick=${add}><${Icon} name="plus" />${t('item.add')}</button></div></header>
    ${items.length === 0 ? html`<${Empty} title=${t('item.none')} icon="search" />` : html`<table class="menu two-line"><thead><tr><th>${t('item')}</th><th class="n">${t('price')}</th><th>${t('served-when')}</th><th>${t('station')}</th><th>${t('overrides')}</th><th>${t('in-draft')}</th></tr></thead>
      <tbody>${[...menu.categories, { id: null, name: '' }].map((category) => {
        const of = items.filter((item) => (category.id === null ? !menu.categories.some((/** @type {any} */ one) => one.id === item.category) : item.category === category.id));
        if (of.length === 0) return null;
        return [html`<tr key=${`c-${category.id}`} class="grp"><td colspan="6">${named(category.name) || t('no-category')} <span class="muted">${t('items.n', { n: of.length })}</span></td></tr>`,
          ...of.map((item) => html`<${Row} key=${item.id} item=${item} menu=${menu} path=${path} changes=${changed.get(item.id) ?? []} edit=${edit} reload=${reload} />`)];
      })}</tbody></table>`}</section>`;
}

/** @param {{item: any, menu: any, path: string, changes: any[], edit: (item: any) => void, reload: () => void}} props */
function Row({ item, menu, path, changes, edit, reload }) {
  const chosen = place.value.query.item === item.id;
  const overs = overridesOf(menu, item.id);
  const was = changes.find((one) => one.path === `items[${item.id}].price`)?.before;
  const added = changes.some((one) => one.change === 'added' && one.path === `items[${item.id}]`);
  const price = (/** @type {number} */ minor) => money(minor, menu.currency, language.value);
  const other = Object.entries(item.name).find(([tag]) => tag !== language.value);
  const over = () => open((close) => html`<${OverrideForm} path=${path} menu=${menu} item=${item} close=${close} done=${reload} />`, { label: t('override.add') });
  const drop = async (/** @type {string} */ kind, /** @type {string} */ where) => {
    await change('DELETE', overridePath(path, kind, where, item.id), undefined, { done: t('override.dropped') });
    reload();
  };
  return [html`<tr key="row" data-item=${item.id} class=${chosen ? 'sel open' : ''}><td><button data-row class="whole row" aria-expanded=${chosen} disabled=${item.gone} onClick=${() => filter({ item: chosen ? null : item.id })}><span class="thumb ${plate(item.image)}"><${Picture} image=${item.image} name=${named(item.name)} /></span><span class="cell2"><b class=${item.gone || !item.available ? 'off' : ''}>${named(item.name)}</b>${other && html`<small lang=${other[0]}>${other[1]}</small>`}</span></button></td>
      <td class="n">${was !== undefined && was !== null && html`<span class="was">${price(was)}</span>`}${price(item.price)}</td><td><${Served} menu=${menu} item=${item} /></td><td>${item.station}</td>
      <td>${overs.length ? html`<span class="tag again"><${Icon} name="store" />${t('overrides.n', { n: overs.length })}</span>` : html`<span class="muted">–</span>`}</td>
      <td>${item.gone ? html`<span class="tag bad"><${Icon} name="trash-2" />${t('diff.removed')}</span>` : added ? html`<span class="tag ok"><${Icon} name="plus" />${t('diff.new')}</span>` : changes.length > 0 && html`<span class="tag info"><${Icon} name="pencil" />${changes.length === 1 ? changes[0].field : t('changes.n', { n: changes.length })}</span>`}</td></tr>`,
    chosen && html`<tr key="sub" class="sub-row"><td colspan="6"><div class="ovr">${overs.map(([kind, where, value]) => html`<span key=${`${kind}-${where}`}>${kind === 'sites' ? siteName(where) : where} <b>${sayOverride(value, menu.currency)}</b><button class="x" aria-label=${t('override.remove', { where })} onClick=${() => drop(kind, where)}><${Icon} name="x" /></button></span>`)}
      <button class="btn sm" onClick=${() => edit(item)}><${Icon} name="pencil" />${t('item.edit')}</button><button class="btn sm" onClick=${over}><${Icon} name="plus" />${t('override.add')}</button></div></td></tr>`];
}

/** @param {{path: string, menu: any, reload: () => void}} props */
export function Overrides({ path, menu, reload }) {
  const rows = menu.items.flatMap((/** @type {any} */ item) => overridesOf(menu, item.id).map(([kind, where, value]) => ({ item, kind, where, value })));
  const drop = async (/** @type {any} */ row) => {
    await change('DELETE', overridePath(path, row.kind, row.where, row.item.id), undefined, { done: t('override.dropped') });
    reload();
  };
  return html`<section class="card" id="overrides"><header><h2>${t('tab.overrides')}</h2><span class="sub">${t('overrides.sub')}</span></header>
    ${rows.length === 0 ? html`<${Empty} title=${t('overrides.none')} say=${t('overrides.none.say')} icon="store" />` : html`<table class="two-line"><thead><tr><th>${t('item')}</th><th>${t('origin')}</th><th>${t('where')}</th><th>${t('override.says')}</th><th class="n">${t('inherited')}</th><th><span class="sr">${t('override.remove', { where: '' })}</span></th></tr></thead>
      <tbody>${rows.map((/** @type {any} */ row) => html`<tr key=${`${row.kind}-${row.where}-${row.item.id}`}><td><b>${named(row.item.name)}</b></td><td><span class="tag again">${t(`origin.${row.kind}`)}</span></td><td>${row.kind === 'sites' ? siteName(row.where) : row.where}</td><td><b>${sayOverride(row.value, menu.currency)}</b></td><td class="n mid">${money(row.item.price, menu.currency, language.value)}</td>
        <td class="right"><button class="btn sm icon ghost" aria-label=${t('override.remove', { where: row.where })} onClick=${() => drop(row)}><${Icon} name="x" /></button></td></tr>`)}</tbody></table>`}</section>`;
}
