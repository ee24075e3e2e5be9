// Beside the draft: who runs which version, when things are served, and the versions before.
import { clock } from '../shared/format.js';
import { html, Icon } from '../shared/ui.js';
import { named, t } from '../shared/words.js';
import { DiffTable } from './menu-diff.js';
import { ask, Empty, initials, open, Pill, Skeleton, Trouble, when } from './parts.js';
import { change, siteName, sites, useData, zoneOf } from './state.js';

/** How far a site is: colour, icon, how full its bar is. @type {Record<string, [string, string, number]>} */
const STATES = { current: ['ok', 'check', 100], pending: ['info', 'refresh-cw', 50], failed: ['bad', 'octagon-alert', 100], drift: ['warn', 'triangle-alert', 100], never: ['idle', 'clock', 0] };
const ORDER = ['failed', 'drift', 'pending', 'never', 'current'];

/** @param {{path: string}} props */
export function Rollout({ path }) {
  const found = useData(`${path}/rollout?limit=200`, { every: 1_500 });
  const rows = [...(found.data?.items ?? [])].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.site.localeCompare(b.site));
  const done = rows.filter((row) => row.state === 'current').length;
  const version = Math.max(0, ...rows.map((row) => row.wanted ?? 0));
  return html`<section class="card" id="rollout" aria-live="polite"><header><h2>${version ? t('rollout.n', { n: version }) : t('rollout')}</h2><div class="end"><b class="num">${t('n-of', { n: done, all: rows.length })}</b></div></header>
    ${found.error && html`<${Trouble} ...${found} />`}${!found.data && !found.error ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('rollout.none')} say=${t('rollout.none.say')} icon="store" />` : html`<ul class="roll">${rows.map((row) => {
      const out = sites.value.find((site) => site.id === row.site)?.state === 'silent';
      const [kind, icon, share] = row.state === 'pending' && out ? ['warn', 'cloud-off', 0] : STATES[row.state] ?? ['idle', 'clock', 0];
      const said = row.reason ?? (row.next_at ? t('rollout.next', { n: row.next, time: when(row.next_at, zoneOf(row.site)) }) : row.since ? `v${row.reported}, ${when(row.since, zoneOf(row.site), true)}` : '–');
      return html`<li key=${row.site} data-site=${row.site} data-state=${row.state}><span class="sitecode" aria-hidden="true">${initials(siteName(row.site))}</span><span>${siteName(row.site)}<small>${said}</small></span><span class="bar" aria-hidden="true"><i class=${kind} style=${{ width: `${share}%` }} /></span><${Pill} kind=${kind} icon=${icon}>${t(row.state === 'pending' && out ? 'rollout.waiting' : `rollout.${row.state}`)}<//></li>`;
    })}</ul>`}</section>`;
}

/** Minutes of "06:30". @param {string} time */
const minutes = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** @param {{path: string, menu: any, reload: () => void}} props */
export function Dayparts({ path, menu, reload }) {
  const parts = menu?.dayparts ?? [];
  if (parts.length === 0) return null;
  /** @type {[number, number][]} */
  const ends = parts.map((/** @type {any} */ part) => [minutes(part.from), minutes(part.to) <= minutes(part.from) ? 1_440 : minutes(part.to)]);
  const first = Math.floor(Math.min(...ends.map(([from]) => from)) / 60) * 60;
  const last = Math.ceil(Math.max(...ends.map(([, to]) => to)) / 60) * 60;
  const share = (/** @type {number} */ at) => (100 * (at - first)) / Math.max(60, last - first);
  const hours = Array.from({ length: 5 }, (_, n) => Math.round((first + ((last - first) * n) / 4) / 60));
  const edit = () => open((close) => {
    const submit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
      const { overrides, revision, updated_at: _at, updated_by: _by, faults: _faults, ...document } = menu;
      const dayparts = parts.map((/** @type {any} */ part) => ({ ...part, from: form.get(`${part.id}.from`), to: form.get(`${part.id}.to`) }));
      close();
      await change('PUT', path, { ...document, dayparts, overrides }, { match: `"${revision}"`, done: t('saved.draft') });
      reload();
    };
    return html`<form onSubmit=${submit}><h2 tabindex="-1">${t('served-when')}</h2>${parts.map((/** @type {any} */ part) => html`<fieldset key=${part.id} class="two"><legend>${named(part.name)}</legend><label>${t('from')}<input class="field" type="time" required name="${part.id}.from" value=${part.from} /></label><label>${t('until')}<input class="field" type="time" required name="${part.id}.to" value=${part.to} /></label></fieldset>`)}
      <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary">${t('save.draft')}</button></div></form>`;
  }, { label: t('served-when') });
  return html`<section class="card"><header><h2>${t('served-when')}</h2><div class="end"><button class="btn sm" onClick=${edit}>${t('change')}</button></div></header><div class="parts"><div class="hrs" aria-hidden="true">${hours.map((hour, n) => html`<span key=${n}>${String(hour).padStart(2, '0')}</span>`)}</div>
    ${parts.map((/** @type {any} */ part, /** @type {number} */ n) => html`<div class="ln" key=${part.id}>${named(part.name)}<div class="trk"><span class=${['a', 'b', 'c'][n % 3]} style=${{ left: `${share(ends[n]?.[0] ?? 0)}%`, width: `${share(ends[n]?.[1] ?? 0) - share(ends[n]?.[0] ?? 0)}%` }} /></div><span class="num right mid">${part.from}–${part.to}</span></div>`)}</div></section>`;
}

/** @param {{path: string, versions: any, reload: () => void, menu: any}} props */
export function Versions({ path, versions, reload, menu }) {
  const rows = versions.data?.items ?? [];
  const back = (/** @type {any} */ row) => ask({ title: t('rollback.title', { n: row.version }), say: t('rollback.say'), go: t('rollback'), reason: 'needed', then: async (note) => {
    await change('POST', `${path}/rollback`, { version: row.version, note }, { done: t('rollback.done', { n: row.version }) });
    reload();
  } });
  const compare = (/** @type {any} */ row) => open((close) => html`<h2 tabindex="-1">v${row.version} <small>${row.note}</small></h2><${Compared} path=${path} version=${row.version} menu=${menu} /><div class="row end"><button class="btn" onClick=${close}>${t('close')}</button></div>`, { label: `v${row.version}`, wide: true });
  return html`<section class="card" id="versions"><header><h2>${t('versions')}</h2></header>${!versions.data ? html`<${Skeleton} rows=${3} />` : rows.length === 0 ? html`<${Empty} title=${t('versions.none')} icon="history" />` : html`<ul class="hist">${rows.map((/** @type {any} */ row) => html`<li key=${row.version}><b>v${row.version}</b><button class="whole" onClick=${() => compare(row)}>${row.note || t('versions.no-note')}<small>${when(row.published_at, zoneOf(undefined))}, ${row.author}${row.restores ? `, ${t('restores', { n: row.restores })}` : ''}${row.at_local ? `, ${row.at_local}` : ''}</small></button>
      ${row.state === 'live' ? html`<${Pill} kind="ok" icon="check">${t('version.live')}<//>` : row.state === 'scheduled' ? html`<${Pill} kind="info" icon="clock">${row.at ? clock(row.at, zoneOf(undefined)) : t('version.scheduled')}<//>` : html`<button class="btn sm" onClick=${() => back(row)}><${Icon} name="history" />${t('rollback')}</button>`}</li>`)}</ul>`}<p class="foot">${t('versions.foot')}</p></section>`;
}

/** What a version changed against the one before. @param {{path: string, version: number, menu: any}} props */
function Compared({ path, version, menu }) {
  const found = useData(version > 1 ? `${path}/diff?from=${version - 1}&to=${version}` : null);
  if (version === 1) return html`<p class="mid">${t('versions.first')}</p>`;
  return found.data ? html`<${DiffTable} changes=${found.data.changes} menu=${menu} />` : found.error ? html`<${Trouble} ...${found} />` : html`<${Skeleton} />`;
}
