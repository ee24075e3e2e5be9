// Forms: one item of a draft with its choices, and what it is at one site or in one region.
import { html, Icon, useState } from '../shared/ui.js';
import { language, named, t } from '../shared/words.js';
import { PictureField } from './menu-picture.js';
import { ask } from './parts.js';
import { change, sites } from './state.js';

/** @param {string} path @param {string} kind @param {string} where @param {string} item */
export const overridePath = (path, kind, where, item) => `${path}/${kind === 'sites' ? 'overrides' : 'regions'}/${encodeURIComponent(where)}/${encodeURIComponent(item)}`;

/** @param {string} currency */
const digits = (currency) => new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
/** @param {number} minor @param {string} currency */
const asText = (minor, currency) => (minor / 10 ** digits(currency)).toFixed(digits(currency));
/** @param {unknown} text @param {string} currency */
const asMinor = (text, currency) => Math.round(Number(text) * 10 ** digits(currency));
/** @param {unknown} text */
const codes = (text) => String(text ?? '').split(/[\s,]+/).filter(Boolean);

/** @param {{name: string, value: number, currency: string, label: any, needed?: boolean}} props */
function Price({ name, value, currency, label, needed = true }) {
  const step = 1 / 10 ** digits(currency);
  return html`<label>${label}<input class="field" name=${name} type="number" step=${step} required=${needed} value=${Number.isFinite(value) ? asText(value, currency) : ''} /></label>`;
}

/** @param {{path: string, menu: any, item?: any, close: () => void, done: () => void}} props */
export function ItemForm({ path, menu, item, close, done }) {
  const [groups, setGroups] = useState(/** @type {any[]} */ (structuredClone(item?.modifiers ?? [])));
  const [image, setImage] = useState(/** @type {string} */ (item?.image ?? ''));
  const [working, setWorking] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    const both = (/** @type {string} */ name) => Object.fromEntries([['en', text(`${name}.en`)], ['ja', text(`${name}.ja`)]].filter(([, value]) => value));
    /** @type {Record<string, unknown>} */
    const values = {
      name: { ...item?.name, ...both('name') }, description: { ...item?.description, ...both('description') }, category: text('category'), price: asMinor(text('price'), menu.currency), station: text('station'),
      allergens: codes(text('allergens')), diet: codes(text('diet')), available: form.get('available') !== null, preparation_seconds: Number(text('seconds')), image: image || null, modifiers: groups,
      schedule: { ...item?.schedule, dayparts: form.getAll('dayparts').map(String) },
    };
    // A merge patch puts null for what is gone; a new item has no such members.
    if (!item) for (const name of Object.keys(values)) if (values[name] === null) delete values[name];
    setWorking(true);
    const saved = item ? await change('PATCH', `${path}/items/${encodeURIComponent(item.id)}`, values, { done: t('saved.draft') }) : await change('POST', `${path}/items`, { id: text('id'), ...values }, { done: t('saved.draft') });
    setWorking(false);
    if (!saved) return;
    close();
    done();
  };
  const remove = () => ask({ title: t('item.remove.title', { item: named(item.name) }), say: t('item.remove.say'), go: t('item.remove'), danger: true, then: async () => {
    await change('DELETE', `${path}/items/${encodeURIComponent(item.id)}`, undefined, { done: t('item.removed') });
    done();
  } });
  const parts = menu.dayparts ?? [];
  const when = item?.schedule?.dayparts ?? [];
  return html`<form onSubmit=${submit} id="item-form"><h2 tabindex="-1">${item ? named(item.name) : t('item.add')}</h2>
    <div class="item-form"><div class="fields">
      ${!item && html`<label>${t('code')}<input class="field" name="id" required pattern="[A-Za-z0-9._:\\-]{1,64}" autocomplete="off" /></label>`}
      <div class="two"><label>${t('name.en')}<input class="field" name="name.en" required value=${item?.name.en ?? ''} autocomplete="off" /></label><label>${t('name.ja')}<input class="field" lang="ja" name="name.ja" value=${item?.name.ja ?? ''} autocomplete="off" /></label></div>
      <div class="two"><label>${t('description.en')}<input class="field" name="description.en" value=${item?.description?.en ?? ''} autocomplete="off" /></label><label>${t('description.ja')}<input class="field" lang="ja" name="description.ja" value=${item?.description?.ja ?? ''} autocomplete="off" /></label></div>
      <div class="three"><${Price} name="price" value=${item?.price} currency=${menu.currency} label=${t('price.in', { currency: menu.currency })} /><label>${t('category')}<select class="field" name="category" value=${item?.category ?? ''}>${menu.categories.map((/** @type {any} */ one) => html`<option key=${one.id} value=${one.id}>${named(one.name)}</option>`)}</select></label>
        <label>${t('station')}<input class="field" name="station" required value=${item?.station ?? ''} list="stations" autocomplete="off" /><datalist id="stations">${[...new Set(menu.items.map((/** @type {any} */ one) => one.station))].map((one) => html`<option key=${one} value=${one} />`)}</datalist></label></div>
      <div class="three"><label>${t('seconds')}<input class="field" name="seconds" type="number" min="0" max="7200" required value=${item?.preparation_seconds ?? 120} /></label><label>${t('allergens')}<input class="field" name="allergens" value=${(item?.allergens ?? []).join(', ')} autocomplete="off" /></label><label>${t('diet')}<input class="field" name="diet" value=${(item?.diet ?? []).join(', ')} autocomplete="off" /></label></div>
      <fieldset class="checks"><legend>${t('served-when')}</legend><label class="check"><input type="checkbox" name="available" checked=${item?.available ?? true} />${t('served')}</label>${parts.map((/** @type {any} */ part) => html`<label key=${part.id} class="check"><input type="checkbox" name="dayparts" value=${part.id} checked=${when.includes(part.id)} />${named(part.name)}</label>`)}${parts.length > 0 && html`<small>${t('dayparts.say')}</small>`}</fieldset>
      <fieldset class="checks"><legend>${t('choices')}</legend>${groups.map((group, n) => html`<${Group} key=${n} group=${group} currency=${menu.currency} put=${(/** @type {any} */ next) => setGroups(next ? groups.with(n, next) : groups.toSpliced(n, 1))} />`)}
        <button type="button" class="btn sm" onClick=${() => setGroups([...groups, { id: `choice-${groups.length + 1}`, name: { en: '' }, min: 0, max: 1, options: [] }])}><${Icon} name="plus" />${t('choice.add')}</button></fieldset></div>
      <${PictureField} image=${image} name=${item ? named(item.name) : '?'} choose=${setImage} /></div>
    <div class="row end">${item && html`<button class="btn danger first" type="button" onClick=${() => { close(); remove(); }}><${Icon} name="trash-2" />${t('item.remove')}</button>`}<button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary" disabled=${working} aria-busy=${working}>${t('save.draft')}</button></div></form>`;
}

/** @param {{group: any, currency: string, put: (group: any) => void}} props */
function Group({ group, currency, put }) {
  const name = (/** @type {any} */ of, /** @type {string} */ text) => ({ ...of.name, [language.value]: text });
  const option = (/** @type {number} */ n, /** @type {any} */ values) => put({ ...group, options: group.options.with(n, { ...group.options[n], ...values }) });
  return html`<div class="group"><div class="row"><label class="grow"><span class="sr">${t('name')}</span><input class="field" required value=${named(group.name)} onChange=${(/** @type {any} */ event) => put({ ...group, name: name(group, event.target.value) })} /></label>
      <label class="inline">${t('at-least')}<input class="field tiny" type="number" min="0" value=${group.min} onChange=${(/** @type {any} */ event) => put({ ...group, min: Number(event.target.value) })} /></label><label class="inline">${t('at-most')}<input class="field tiny" type="number" min="1" value=${group.max} onChange=${(/** @type {any} */ event) => put({ ...group, max: Number(event.target.value) })} /></label>
      <button type="button" class="btn sm icon ghost" aria-label=${t('choice.remove')} onClick=${() => put(null)}><${Icon} name="trash-2" /></button></div>
    ${group.options.map((/** @type {any} */ one, /** @type {number} */ n) => html`<div class="row option" key=${n}><label class="grow"><span class="sr">${t('name')}</span><input class="field" required value=${named(one.name)} onChange=${(/** @type {any} */ event) => option(n, { name: name(one, event.target.value) })} /></label>
      <label class="inline">+<span class="sr">${t('price')}</span><input class="field small" type="number" step=${1 / 10 ** digits(currency)} value=${asText(one.price ?? 0, currency)} onChange=${(/** @type {any} */ event) => option(n, { price: asMinor(event.target.value, currency) })} /></label>
      <label class="check"><input type="checkbox" checked=${one.available ?? true} onChange=${(/** @type {any} */ event) => option(n, { available: event.target.checked })} />${t('served')}</label>
      <button type="button" class="btn sm icon ghost" aria-label=${t('option.remove')} onClick=${() => put({ ...group, options: group.options.toSpliced(n, 1) })}><${Icon} name="x" /></button></div>`)}
    <button type="button" class="btn sm ghost" onClick=${() => put({ ...group, options: [...group.options, { id: `${group.id}-${group.options.length + 1}`, name: { en: '' }, price: 0 }] })}><${Icon} name="plus" />${t('option.add')}</button></div>`;
}

/** @param {{path: string, menu: any, item: any, close: () => void, done: () => void}} props */
export function OverrideForm({ path, menu, item, close, done }) {
  const regions = [...new Set(sites.value.map((site) => site.region).filter(Boolean))];
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [kind, where] = String(form.get('where')).split(/:(.*)/s);
    /** @type {Record<string, unknown>} */
    const values = {};
    if (form.get('price')) values.price = asMinor(form.get('price'), menu.currency);
    if (form.get('available')) values.available = form.get('available') === 'yes';
    if (form.get('station')) values.station = String(form.get('station')).trim();
    if (!await change('PUT', overridePath(path, kind ?? '', where ?? '', item.id), values, { done: t('saved.draft') })) return;
    close();
    done();
  };
  return html`<form onSubmit=${submit} id="override-form"><h2 tabindex="-1">${t('override.title', { item: named(item.name) })}</h2><p class="mid">${t('override.say')}</p>
    <label>${t('where')}<select class="field" name="where">${sites.value.filter((site) => !site.archived_at).map((site) => html`<option key=${site.id} value="sites:${site.id}">${site.name || site.id}</option>`)}${regions.map((region) => html`<option key=${region} value="regions:${region}">${t('region')}: ${region}</option>`)}</select></label>
    <div class="three"><${Price} name="price" value=${NaN} currency=${menu.currency} label=${t('price.in', { currency: menu.currency })} needed=${false} /><label>${t('served')}<select class="field" name="available"><option value="">${t('inherited')}</option><option value="yes">${t('served')}</option><option value="no">${t('not-served')}</option></select></label><label>${t('station')}<input class="field" name="station" placeholder=${item.station} autocomplete="off" /></label></div>
    <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary">${t('save.draft')}</button></div></form>`;
}
