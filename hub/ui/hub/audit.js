// Who changed what at the hub. Rows are never changed; every change has one.
import { all, call } from '../shared/api.js';
import { html, Icon, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { Empty, open, saveCsv, Skeleton, Trouble, when } from './parts.js';
import { address, filter, place, toast, useData, zoneOf } from './state.js';

/** What can be done, by its noun. */
const NOUNS = ['menu', 'picture', 'site', 'command', 'user', 'keys'];
/** How an action looks, by its last word. @type {Record<string, string>} */
const ICONS = { publish: 'send', rollback: 'history', create: 'plus', add: 'plus', remove: 'trash-2', change: 'pencil', invite: 'key-round', enrol: 'key-round', revoke: 'ban', archive: 'package', import: 'upload', upload: 'upload', give: 'send', give_many: 'send' };

/** @param {string} action */
const icon = (action) => ICONS[action.split('.').at(-1) ?? ''] ?? 'square-pen';

/** @param {Record<string, string>} query */
function search(query) {
  const { who, action, object, from, to } = query;
  const wanted = { who, action, object, from: from && new Date(from).toISOString(), to: to && new Date(to).toISOString() };
  return `/v1/audit?${new URLSearchParams(Object.entries(wanted).filter(([, value]) => value).map(([name, value]) => [name, String(value)]))}`;
}

/** Values of before and after that differ, as "price 980 → 1020". @param {any} row */
function summary({ before, after }) {
  const plain = (/** @type {any} */ value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value ?? '–'));
  const whole = (/** @type {any} */ value) => value !== null && typeof value === 'object' && !Array.isArray(value);
  if (whole(before) && whole(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
    return names.map((name) => `${name} ${plain(before[name])} → ${plain(after[name])}`).join(', ');
  }
  const said = after ?? before;
  if (!whole(said)) return said === null ? '' : plain(said);
  return Object.entries(said).filter(([, value]) => value !== null && typeof value !== 'object').slice(0, 4).map(([name, value]) => `${name} ${plain(value)}`).join(', ');
}

/** @param {any} row */
function show(row) {
  open((close) => html`<h2 tabindex="-1">${t(`did.${row.action}`)}</h2><dl class="facts"><div><dt>${t('time')}</dt><dd>${when(row.at, zoneOf(undefined), true)}</dd></div><div><dt>${t('who')}</dt><dd>${row.who}</dd></div><div><dt>${t('address')}</dt><dd class="mono">${row.address ?? '–'}</dd></div><div><dt>${t('object')}</dt><dd class="mono">${row.object}</dd></div></dl>
    <div class="two"><div><h3>${t('before')}</h3><pre class="json" tabindex="0">${JSON.stringify(row.before, null, 2)}</pre></div><div><h3>${t('after')}</h3><pre class="json" tabindex="0">${JSON.stringify(row.after, null, 2)}</pre></div></div>
    <div class="row end"><button class="btn" onClick=${close}>${t('close')}</button></div>`, { label: t('change.one'), wide: true });
}

export function Audit() {
  const { query } = place.value;
  const path = search(query);
  const [older, setOlder] = useState(/** @type {{path: string, rows: any[], next: string | null} | null} */ (null));
  const found = useData(`${path}&limit=50`, { every: 5_000 });
  const more = older?.path === path ? older : null;
  const first = found.data?.items ?? [];
  const rows = [...first, ...(more?.rows ?? []).filter((row) => row.id < (first.at(-1)?.id ?? 0))];
  const next = more ? more.next : found.data?.next ?? null;
  const [working, setWorking] = useState(false);
  const go = async () => {
    const page = await fetchPage(`${path}&limit=200&after=${encodeURIComponent(next ?? '')}`);
    if (page) setOlder({ path, rows: [...(more?.rows ?? []), ...page.items], next: page.next });
  };
  const exportAll = async () => {
    setWorking(true);
    try {
      const list = await all(path);
      saveCsv('audit', ['id', 'at', 'who', 'address', 'action', 'object', 'before', 'after'], list.map((row) => [row.id, row.at, row.who, row.address, row.action, row.object, row.before, row.after]));
    } catch {
      toast.value = { text: t('lost'), bad: true };
    }
    setWorking(false);
  };
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => filter({ [name]: event.target.value.trim() });
  return html`<header class="top"><h1>${t('audit')}</h1><span class="sub">${t('audit.sub')}</span><div class="end"><button class="btn" id="export" disabled=${working} aria-busy=${working} onClick=${exportAll}><${Icon} name="download" />${t('csv')}</button></div></header>
    <div class="grid"><${Trouble} ...${found} /><section class="card" id="audit"><header class="wrap"><h2>${t('audit.log')}</h2><span class="sub">${t('audit.log.sub')}</span><div class="end">
        <label class="field"><${Icon} name="user" /><span class="sr">${t('who')}</span><input data-search type="search" placeholder=${t('who')} value=${query.who ?? ''} onChange=${set('who')} /></label>
        <label class="field"><${Icon} name="search" /><span class="sr">${t('object')}</span><input type="search" placeholder=${t('object')} value=${query.object ?? ''} onChange=${set('object')} /></label>
        <select class="field" aria-label=${t('what')} value=${query.action ?? ''} onChange=${set('action')}><option value="">${t('any-action')}</option>${NOUNS.map((noun) => html`<option key=${noun} value=${noun}>${t(`noun.${noun}`)}</option>`)}</select>
        <label><span class="sr">${t('from')}</span><input class="field" type="datetime-local" value=${query.from ?? ''} onChange=${set('from')} /></label>
        <label><span class="sr">${t('until')}</span><input class="field" type="datetime-local" value=${query.to ?? ''} onChange=${set('to')} /></label></div></header>
      ${!found.data && !found.error ? html`<${Skeleton} rows=${8} />` : rows.length === 0 ? html`<${Empty} title=${t('audit.none')} say=${t('audit.none.say')} icon="search" />` : html`<table class="tight two-line"><thead><tr><th>${t('time')}</th><th>${t('who')}</th><th>${t('what')}</th><th>${t('object')}</th><th>${t('detail')}</th><th><span class="sr">${t('open')}</span></th></tr></thead>
        <tbody>${rows.map((row) => html`<tr key=${row.id}><td class="num mid">${when(row.at, zoneOf(undefined), true)}</td><td>${row.who}</td><td><span class="row"><span class="tag info"><${Icon} name=${icon(row.action)} /></span><b>${t(`did.${row.action}`)}</b></span></td><td class="mono">${row.object}</td><td class="mid cut" title=${summary(row)}>${summary(row)}</td>
          <td class="right"><button data-row class="btn sm icon ghost" aria-label=${t('open.row', { id: row.id })} onClick=${() => show(row)}><${Icon} name="chevron-right" /></button></td></tr>`)}</tbody></table>`}
      ${next && html`<p class="foot"><button class="btn sm" onClick=${go}>${t('older')}</button></p>`}<p class="foot">${t('audit.foot')} <a class="end" href=${address('proof')}>${t('proof')}</a></p></section></div>`;
}

/** @param {string} path */
async function fetchPage(path) {
  const answer = await call('GET', path).catch(() => null);
  if (answer?.status === 200) return answer.body;
  toast.value = { text: answer?.body?.detail ?? t('lost'), bad: true };
  return null;
}
