// Sites and the boxes that speak for them.
import { count } from '../shared/format.js';
import { html, Icon } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { ago, ask, Empty, open, Site, siteState, SiteState, Skeleton, Trouble, when } from './parts.js';
import { address, change, filter, loadSites, now, place, siteName, useData, zoneOf } from './state.js';
import { Devices } from './site-devices.js';
import { Enrolment, SiteForm } from './site-forms.js';

const EVERY_MS = 3_000;
/** Credentials that end sooner are told of, days. */
const RENEWAL_DAYS = 14;

/** A key as people compare it. @param {string} key */
const short = (key) => `${key.slice(0, 5)}…${key.slice(-4)}`;
/** @param {string} time */
const daysUntil = (time) => Math.floor((Date.parse(time) - now.value) / 86_400_000);

/** @param {{box: any, zone: string}} props */
function Key({ box, zone }) {
  if (!box) return html`<span class="cell2"><span>${t('box.none')}</span></span>`;
  const days = daysUntil(box.expires_at);
  const soon = !box.ended_at && days < RENEWAL_DAYS;
  const said = box.ended_at ? t(`box.${box.ended_why}`, { time: when(box.ended_at, zone) }) : t('box.good-for', { n: days });
  return html`<span class="cell2"><span class=${soon ? 'warn-text' : ''}>${soon && html`<${Icon} name="triangle-alert" />`}${said}</span><small class="mono">${short(box.nkey)}</small></span>`;
}

export function Sites() {
  const found = useData('/v1/sites?limit=200', { every: EVERY_MS });
  const { query } = place.value;
  const q = (query.q ?? '').toLowerCase();
  const rows = [...(found.data?.items ?? [])].filter((site) => `${site.id} ${site.name} ${site.region ?? ''}`.toLowerCase().includes(q))
    .sort((a, b) => siteState(a).rank - siteState(b).rank || a.id.localeCompare(b.id));
  const running = rows.filter((site) => site.state === 'online').length;
  const reload = () => { found.reload(); loadSites(); };
  const chosen = rows.find((site) => site.id === query.site);
  const add = () => open((close) => html`<${SiteForm} close=${close} done=${(/** @type {any} */ site) => { reload(); filter({ site: site.id }); }} />`, { label: t('sites.add') });
  return html`<header class="top"><h1>${t('sites')}</h1><span class="sub">${t('sites.sub', { n: running, all: rows.length })}</span><div class="end">
      <label class="field"><${Icon} name="search" /><span class="sr">${t('sites.find')}</span><input data-search type="search" placeholder=${t('sites.find')} value=${query.q ?? ''} onInput=${(/** @type {any} */ event) => filter({ q: event.target.value })} /><kbd class="kbd">/</kbd></label>
      <button class="btn brand" id="add" onClick=${add}><${Icon} name="plus" />${t('sites.add')}</button></div></header>
    <div class="grid"><${Trouble} ...${found} /><div class="grid with-card"><div class="grid"><section class="card" id="sites">
      ${!found.data && !found.error ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('sites.none')} say=${t('sites.none.say')} icon="store" />` : html`<table class="two-line"><thead><tr><th>${t('site')}</th><th>${t('state')}</th><th>${t('seen')}</th><th class="n">${t('lag')}</th><th>${t('key')}</th><th><span class="sr">${t('open')}</span></th></tr></thead>
        <tbody>${rows.map((site) => html`<tr key=${site.id} data-site=${site.id} class=${site.id === query.site ? 'sel' : ''}><td><${Site} id=${site.id} small=${[site.id, site.region].filter(Boolean).join(', ')} /></td><td><${SiteState} site=${site} /></td><td class="mid num">${ago(site.last_seen)}</td>
          <td class="n">${count(site.lag_events)}</td><td><${Key} box=${site.box} zone=${site.time_zone} /></td><td class="right"><button data-row class="btn sm icon ghost" aria-label=${t('open.site', { site: siteName(site.id) })} onClick=${() => filter({ site: site.id })}><${Icon} name="chevron-right" /></button></td></tr>`)}</tbody></table>`}</section>
      <${Lately} /></div>
      ${chosen ? html`<${Detail} key=${chosen.id} site=${chosen} reload=${reload} />` : html`<section class="card"><${Empty} title=${t('sites.choose')} say=${t('sites.choose.say')} icon="store" /></section>`}</div></div>`;
}

/** What was done to sites, the latest first. */
function Lately() {
  const found = useData('/v1/audit?action=site&limit=6', { every: 10_000 });
  const rows = found.data?.items ?? [];
  if (rows.length === 0) return null;
  return html`<section class="card"><header><h2>${t('sites.lately')}</h2><div class="end"><a class="btn sm" href=${address('audit', { action: 'site' })}>${t('full-log')}</a></div></header>
    <ul class="hist">${rows.map((/** @type {any} */ row) => html`<li key=${row.id}><span class="tag info"><${Icon} name="history" /></span><b>${t(`did.${row.action}`)} <small>${siteName(row.object.split('/')[1] ?? '')}</small></b><span class="muted">${when(row.at, zoneOf(undefined))}, ${row.who}</span></li>`)}</ul></section>`;
}

/** @param {{site: any, reload: () => void}} props */
function Detail({ site, reload }) {
  const path = `/v1/sites/${encodeURIComponent(site.id)}`;
  const name = siteName(site.id);
  const edit = () => open((close) => html`<${SiteForm} site=${site} close=${close} done=${reload} />`, { label: t('sites.edit') });
  const revoke = () => ask({ title: t('revoke.title', { site: name }), say: t('revoke.say'), go: t('revoke'), typed: site.id, danger: true, then: async () => {
    await change('POST', `${path}/revoke`, undefined, { done: t('revoke.done', { site: name }) });
    reload();
  } });
  const archive = () => ask({ title: t('archive.title', { site: name }), say: t('archive.say'), go: t('archive'), typed: site.id, danger: true, then: async () => {
    await change('POST', `${path}/archive`, undefined, { done: t('archive.done', { site: name }) });
    reload();
  } });
  const unarchive = async () => {
    await change('POST', `${path}/unarchive`, undefined, { done: t('unarchive.done', { site: name }) });
    reload();
  };
  const live = site.box && !site.box.ended_at;
  return html`<div class="grid" id="detail"><section class="card"><header><h2>${name}</h2><div class="end"><${SiteState} site=${site} /></div></header>
      <dl class="facts"><div><dt>${t('code')}</dt><dd class="mono">${site.id}</dd></div><div><dt>${t('region')}</dt><dd>${site.region ?? '–'}</dd></div><div><dt>${t('time-zone')}</dt><dd>${site.time_zone}</dd></div><div><dt>${t('currency')}</dt><dd>${site.currency}</dd></div>
        <div><dt>${t('live.open')}</dt><dd>${count(site.open_orders)}</dd></div><div><dt>${t('head')}</dt><dd class="num">${count(site.cursor)} / ${count(site.head)}</dd></div>${site.box && html`<div><dt>${t('box.since')}</dt><dd>${when(site.box.enrolled_at, site.time_zone)}, ${site.box.enrolled_by}</dd></div>`}</dl>
      <div class="acts">${site.archived_at ? html`<button class="btn" onClick=${unarchive}><${Icon} name="undo-2" />${t('unarchive')}</button>` : html`<button class="btn" onClick=${edit}><${Icon} name="pencil" />${t('change')}</button><a class="btn" href=${address('orders', { site: site.id })}><${Icon} name="receipt-text" />${t('orders')}</a>`}</div></section>
    ${site.identity_conflict && html`<p class="note bad" role="alert"><${Icon} name="copy" /><span><b>${t('conflict')}</b> ${t('conflict.say', { time: when(site.identity_conflict.since, site.time_zone) })}</span></p>`}
    ${!site.archived_at && html`<${Enrolment} site=${site} live=${Boolean(live)} />`}
    ${!site.archived_at && html`<${Devices} site=${site} />`}
    ${!site.archived_at && html`<section class="card"><header><h2>${t('cut-off')}</h2></header><div class="enrol"><p class="note bad"><${Icon} name="octagon-alert" /><span>${t('revoke.say')}</span></p>
      <div class="row">${live && html`<button class="btn danger grow" id="revoke" onClick=${revoke}><${Icon} name="ban" />${t('revoke')}</button>`}<button class="btn danger grow" onClick=${archive}><${Icon} name="package" />${t('archive')}</button></div></div></section>`}</div>`;
}
