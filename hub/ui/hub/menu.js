// Menus: the draft that admins edit, what it changes, who runs which version.
import { call } from '../shared/api.js';
import { html, Icon } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Empty, open, save, Skeleton, Trouble, when } from './parts.js';
import { change, filter, place, toast, useData, zoneOf } from './state.js';
import { DiffTable, PublishForm } from './menu-diff.js';
import { ItemForm } from './menu-item.js';
import { Items, Overrides } from './menu-items.js';
import { Dayparts, Rollout, Versions } from './menu-side.js';

const EVERY_MS = 4_000;
const TABS = ['items', 'overrides'];

export function Menu() {
  const list = useData('/v1/menus?limit=200', { every: 15_000 });
  const { query } = place.value;
  const menus = list.data?.items ?? [];
  const id = query.menu ?? menus[0]?.id ?? null;
  if (!list.data) return html`<header class="top"><h1>${t('menu')}</h1></header>${list.error ? html`<${Trouble} ...${list} />` : html`<section class="card"><${Skeleton} rows=${8} /></section>`}`;
  const create = () => open((close) => html`<${NewMenu} close=${close} done=${list.reload} />`, { label: t('menu.new') });
  if (id === null) return html`<header class="top"><h1>${t('menu')}</h1></header><section class="card"><${Empty} title=${t('menu.none')} say=${t('menu.none.say')} icon="utensils"><button class="btn brand" onClick=${create}><${Icon} name="plus" />${t('menu.new')}</button><//></section>`;
  return html`<${One} key=${id} id=${id} menus=${menus} create=${create} />`;
}

/** @param {{id: string, menus: any[], create: () => void}} props */
function One({ id, menus, create }) {
  const path = `/v1/menus/${encodeURIComponent(id)}`;
  const draft = useData(path, { every: EVERY_MS });
  const diff = useData(`${path}/diff`, { every: EVERY_MS });
  const versions = useData(`${path}/versions?limit=20`, { every: EVERY_MS });
  const tab = TABS.includes(place.value.query.tab ?? '') ? place.value.query.tab : 'items';
  const reload = () => { draft.reload(); diff.reload(); versions.reload(); };
  const menu = draft.data;
  const changes = diff.data?.changes ?? [];
  const next = (versions.data?.items[0]?.version ?? menu?.version ?? 0) + 1;
  const publish = () => open((close) => html`<${PublishForm} path=${path} menu=${menu} changes=${changes} next=${next} close=${close} done=${reload} />`, { label: t('publish'), wide: true });
  const see = () => open((close) => html`<h2 tabindex="-1">${t('changes')}</h2><${DiffTable} changes=${changes} menu=${menu} /><div class="row end"><button class="btn" onClick=${close}>${t('close')}</button></div>`, { label: t('changes'), wide: true });
  const add = () => open((close) => html`<${ItemForm} path=${path} menu=${menu} close=${close} done=${reload} />`, { label: t('item.add'), wide: true });
  return html`<header class="top"><h1>${t('menu')}</h1>
      <select class="field" aria-label=${t('menu.which')} value=${id} onChange=${(/** @type {any} */ event) => (event.target.value ? filter({ menu: event.target.value, item: null }) : create())}>${menus.map((one) => html`<option key=${one.id} value=${one.id}>${one.id}</option>`)}<option value="">${t('menu.new')}…</option></select>
      <div class="end"><div class="seg">${TABS.map((name) => html`<button key=${name} class=${tab === name ? 'on' : ''} aria-pressed=${tab === name} onClick=${() => filter({ tab: name })}>${t(`tab.${name}`)}</button>`)}</div>
        <${Exchange} path=${path} id=${id} draft=${draft} done=${reload} />
        <button class="btn brand" id="publish" disabled=${changes.length === 0 || menu?.faults.length > 0} title=${changes.length === 0 ? t('publish.nothing') : ''} onClick=${publish}><${Icon} name="send" />${t('publish.n', { n: next })}</button></div></header>
    <div class="grid"><${Trouble} ...${draft} /><div class="grid with-card"><div class="grid">
      ${menu && html`<p class="note ${menu.faults.length ? 'bad' : changes.length ? 'info' : 'ok'}" id="draft"><${Icon} name=${menu.faults.length ? 'octagon-alert' : changes.length ? 'square-pen' : 'circle-check'} /><span><b>${changes.length ? t('draft.changes', { n: changes.length, version: next }) : t('draft.same', { n: next - 1 })}</b> ${t('draft.saved', { time: when(menu.updated_at, zoneOf(undefined)), who: menu.updated_by })}
        ${menu.faults.slice(0, 5).map((/** @type {any} */ fault) => html`<small key=${fault.path} class="fault"><span class="mono">${fault.path}</span> ${fault.what}</small>`)}</span>
        ${changes.length > 0 && html`<button class="btn sm" onClick=${see}><${Icon} name="eye" />${t('changes.see')}</button>`}</p>`}
      ${menu ? (tab === 'items' ? html`<${Items} path=${path} menu=${menu} changes=${changes} add=${add} reload=${reload} />` : html`<${Overrides} path=${path} menu=${menu} reload=${reload} />`) : html`<section class="card"><${Skeleton} rows=${10} /></section>`}</div>
      <div class="grid"><${Rollout} path=${path} /><${Dayparts} path=${path} menu=${menu} reload=${reload} /><${Versions} path=${path} versions=${versions} reload=${reload} menu=${menu} /></div></div></div>`;
}

/** @param {{close: () => void, done: () => void}} props */
function NewMenu({ close, done }) {
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const id = String(form.get('id'));
    if (!await change('POST', '/v1/menus', { id, currency: String(form.get('currency')) })) return;
    close();
    done();
    filter({ menu: id });
  };
  return html`<form onSubmit=${submit}><h2 tabindex="-1">${t('menu.new')}</h2><div class="two"><label>${t('code')}<input class="field" name="id" required pattern="[A-Za-z0-9._:\\-]{1,64}" autocomplete="off" /></label>
    <label>${t('currency')}<input class="field" name="currency" required pattern="[A-Z]{3}" value="EUR" autocomplete="off" /></label></div>
    <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary">${t('menu.new')}</button></div></form>`;
}

/** Files: the draft as JSON or a table, and back. @param {{path: string, id: string, draft: any, done: () => void}} props */
function Exchange({ path, id, draft, done }) {
  const take = async (/** @type {string} */ format) => {
    const answer = await fetch(`${path}/export?format=${format}`, { headers: { 'x-sunakku-screen': 'dashboard' }, cache: 'no-store' }).catch(() => null);
    if (answer?.ok) save(`${id}.${format}`, await answer.text(), format === 'csv' ? 'text/csv;charset=utf-8' : 'application/json');
    else toast.value = { text: (await answer?.json().catch(() => null))?.detail ?? t('lost'), bad: true };
  };
  const give = async (/** @type {any} */ event) => {
    const file = /** @type {File | undefined} */ (event.target.files[0]);
    event.target.value = '';
    if (!file) return;
    const text = await file.text();
    const type = file.name.endsWith('.csv') ? 'text/csv' : 'application/json';
    const seen = `"${draft.data.revision}"`;
    const tried = await call('POST', `${path}/import?dry_run=true`, { body: text, type, match: seen }).catch(() => null);
    if (tried?.status !== 200) {
      toast.value = { text: tried?.body?.detail ?? t('lost'), bad: true };
      return;
    }
    open((close) => html`<h2 tabindex="-1">${t('import.title', { file: file.name })}</h2><p class="mid">${t('import.say')}</p><${DiffTable} changes=${tried.body.changes} menu=${draft.data} />
      <div class="row end"><button class="btn" onClick=${close}>${t('cancel')}</button><button class="btn primary" disabled=${tried.body.changes.length === 0} onClick=${async () => { close(); await change('POST', `${path}/import`, text, { type, match: seen, done: t('import.done') }); done(); }}>${t('import')}</button></div>`, { label: t('import'), wide: true });
  };
  const choose = () => open((close) => html`<h2 tabindex="-1">${t('files')}</h2><p class="mid">${t('files.say')}</p><div class="acts"><button class="btn" onClick=${() => take('csv')}><${Icon} name="download" />${t('export.csv')}</button><button class="btn" onClick=${() => take('json')}><${Icon} name="download" />${t('export.json')}</button>
      <label class="btn"><${Icon} name="upload" />${t('import')}<input class="sr" type="file" accept=".json,.csv,application/json,text/csv" onChange=${give} /></label></div><div class="row end"><button class="btn" onClick=${close}>${t('close')}</button></div>`, { label: t('files') });
  return html`<button class="btn" onClick=${choose}><${Icon} name="file-text" />${t('files')}</button>`;
}
