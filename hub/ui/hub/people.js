// People: who there is, what each may do and where, and shutting them out.
import { all } from '../shared/api.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { ask, Empty, initials, open, Pill, saveCsv, Skeleton, Trouble, when } from './parts.js';
import { address, change, filter, place, siteName, sites, toast, useData, zoneOf } from './state.js';

const EVERY_MS = 5_000;
/** Roles that people have, with what each is bound to. @type {Record<string, 'site' | 'region' | null>} */
const ROLES = { admin: null, auditor: null, sre: null, 'region-manager': 'region', manager: 'site', kitchen: 'site', cashier: 'site' };

/** Roles whose people the one who looks may see to. @returns {string[]} */
function seesTo() {
  const role = session.value?.role ?? '';
  if (role === 'admin') return Object.keys(ROLES);
  if (role === 'region-manager') return ['manager', 'kitchen', 'cashier'];
  return role === 'manager' ? ['kitchen', 'cashier'] : [];
}

/** @param {any} person */
const mayChange = (person) => seesTo().includes(person.role);
/** @param {any} person */
const whereOf = (person) => (person.site ? siteName(person.site) : person.region ?? t('all-sites'));
/** @param {string} name */
const pathOf = (name) => `/v1/users/${encodeURIComponent(name)}`;

/** @param {{person: any}} props */
function State({ person }) {
  if (person.disabled_at) return html`<${Pill} kind="bad" icon="ban">${t('person.disabled')}<//>`;
  if (person.source === 'local' && !person.has_password && !person.has_pin) return html`<${Pill} kind="warn" icon="key-round">${t('person.no-way-in')}<//>`;
  return html`<${Pill} kind="ok" icon="circle-check">${t('person.active')}<//>`;
}

/** @param {{person: any}} props */
function WaysIn({ person }) {
  const ways = [person.source === 'ldap' ? t('person.directory') : person.has_password && t('person.password'), person.has_pin && t('person.pin')].filter(Boolean);
  return html`${ways.join(', ') || '–'}`;
}

export function People() {
  const found = useData('/v1/users', { every: EVERY_MS, list: true });
  const { query } = place.value;
  const q = (query.q ?? '').toLowerCase();
  /** @type {any[]} */
  const everybody = found.data ?? [];
  const rows = everybody.filter((person) => `${person.name} ${person.display_name} ${whereOf(person)}`.toLowerCase().includes(q) && (!query.role || person.role === query.role) && (!query.site || person.site === query.site || !person.site));
  const chosen = everybody.find((person) => person.name === query.person);
  const add = () => open((close) => html`<${PersonForm} close=${close} done=${(/** @type {any} */ person) => { found.reload(); filter({ person: person.name }); }} />`, { label: t('people.add') });
  const exportAll = async () => {
    const list = await all('/v1/users').catch(() => null);
    if (!list) toast.value = { text: t('lost'), bad: true };
    else saveCsv('people', ['name', 'display_name', 'role', 'region', 'site', 'source', 'has_password', 'has_pin', 'disabled_at', 'created_at', 'changed_at'], list.map((one) => [one.name, one.display_name, one.role, one.region, one.site, one.source, one.has_password, one.has_pin, one.disabled_at, one.created_at, one.changed_at]));
  };
  return html`<header class="top"><h1>${t('people')}</h1><span class="sub">${t('people.sub', { n: everybody.filter((person) => !person.disabled_at).length })}</span><div class="end">
      <label class="field"><${Icon} name="search" /><span class="sr">${t('people.find')}</span><input data-search type="search" placeholder=${t('people.find')} value=${query.q ?? ''} onInput=${(/** @type {any} */ event) => filter({ q: event.target.value })} /><kbd class="kbd">/</kbd></label>
      <button class="btn" id="export" onClick=${exportAll}><${Icon} name="download" />${t('csv')}</button>${seesTo().length > 0 && html`<button class="btn brand" id="add" onClick=${add}><${Icon} name="plus" />${t('people.add')}</button>`}</div></header>
    <div class="grid"><${Trouble} ...${found} /><div class="grid with-card"><section class="card" id="people"><header class="wrap"><h2>${t('people.all')}</h2><div class="end"><select class="field" aria-label=${t('role')} value=${query.role ?? ''} onChange=${(/** @type {any} */ event) => filter({ role: event.target.value })}><option value="">${t('any-role')}</option>${Object.keys(ROLES).map((role) => html`<option key=${role} value=${role}>${t(`role.${role}`)}</option>`)}</select></div></header>
      ${!found.data && !found.error ? html`<${Skeleton} />` : rows.length === 0 ? html`<${Empty} title=${t('people.none')} say=${t('people.none.say')} icon="users" />` : html`<table class="two-line"><thead><tr><th>${t('name')}</th><th>${t('role')}</th><th>${t('where')}</th><th>${t('person.ways-in')}</th><th>${t('state')}</th><th><span class="sr">${t('open')}</span></th></tr></thead>
        <tbody>${rows.map((person) => html`<tr key=${person.name} data-person=${person.name} class=${person.name === query.person ? 'sel' : ''}><td><span class="row"><span class="sitecode" aria-hidden="true">${initials(person.display_name)}</span><span class="cell2"><b>${person.display_name}</b><small>${person.name}</small></span></span></td><td>${t(`role.${person.role}`)}</td><td class="mid">${whereOf(person)}</td><td class="mid"><${WaysIn} person=${person} /></td><td><${State} person=${person} /></td>
          <td class="right"><button data-row class="btn sm icon ghost" aria-label=${t('open.person', { name: person.display_name })} onClick=${() => filter({ person: person.name })}><${Icon} name="chevron-right" /></button></td></tr>`)}</tbody></table>`}</section>
      ${chosen ? html`<${Detail} key=${chosen.name} person=${chosen} reload=${found.reload} />` : html`<section class="card"><${Empty} title=${t('people.choose')} say=${t('people.choose.say')} icon="user" /></section>`}</div></div>`;
}

/** @param {{person: any, reload: () => void}} props */
function Detail({ person, reload }) {
  const path = pathOf(person.name);
  const name = person.display_name;
  const may = mayChange(person);
  const local = person.source === 'local';
  const zone = zoneOf(person.site);
  /** @param {string} method @param {string} part @param {string} done */
  const act = async (method, part, done) => {
    await change(method, `${path}/${part}`, undefined, { done: t(done, { name }) });
    reload();
  };
  const edit = () => open((close) => html`<${PersonForm} person=${person} close=${close} done=${reload} />`, { label: t('people.edit') });
  const secret = (/** @type {'password' | 'pin'} */ kind) => open((close) => html`<${SecretForm} person=${person} kind=${kind} close=${close} done=${reload} />`, { label: t(`person.set-${kind}`, { name }) });
  const sure = (/** @type {string} */ word, /** @type {string} */ part, /** @type {string} */ method = 'POST') => ask({ title: t(`${word}.title`, { name }), say: t(`${word}.say`), go: t(word), danger: true, then: () => { act(method, part, `${word}.done`); } });
  return html`<div class="grid" id="person"><section class="card"><header><h2>${name}</h2><div class="end"><${State} person=${person} /></div></header>
      <dl class="facts"><div><dt>${t('login.user')}</dt><dd class="mono">${person.name}</dd></div><div><dt>${t('role')}</dt><dd>${t(`role.${person.role}`)}</dd></div><div><dt>${t('where')}</dt><dd>${whereOf(person)}</dd></div><div><dt>${t('person.ways-in')}</dt><dd><${WaysIn} person=${person} /></dd></div><div><dt>${t('person.since')}</dt><dd>${when(person.created_at, zone)}</dd></div><div><dt>${t('person.changed')}</dt><dd>${when(person.changed_at, zone)}</dd></div>${person.disabled_at && html`<div><dt>${t('person.disabled')}</dt><dd>${when(person.disabled_at, zone)}</dd></div>`}</dl>
      ${may ? html`<div class="acts">${local && html`<button class="btn" id="edit" onClick=${edit}><${Icon} name="pencil" />${t('change')}</button>`}<a class="btn" href=${address('audit', { object: `user/${person.name}` })}><${Icon} name="history" />${t('full-log')}</a></div>` : html`<p class="foot">${t('person.not-yours')}</p>`}</section>
    ${may && html`<section class="card"><header><h2>${t('person.ways-in')}</h2></header><div class="acts column">
      ${local ? html`<button class="btn" id="set-password" onClick=${() => secret('password')}><${Icon} name="lock" />${t(person.has_password ? 'person.new-password' : 'person.give-password')}</button>` : html`<p class="note info"><${Icon} name="info" /><span>${t('person.directory.say')}</span></p>`}
      ${(ROLES[person.role] ?? null) !== null && html`<button class="btn" id="set-pin" onClick=${() => secret('pin')}><${Icon} name="key-round" />${t(person.has_pin ? 'person.new-pin' : 'person.give-pin')}</button>`}
      ${person.has_pin && html`<button class="btn" id="clear-pin" onClick=${() => sure('pin-away', 'pin', 'DELETE')}><${Icon} name="x" />${t('pin-away')}</button>`}
      <button class="btn" id="end-sessions" onClick=${() => sure('sessions-end', 'sign-out')}><${Icon} name="log-out" />${t('sessions-end')}</button>
      ${person.disabled_at ? html`<button class="btn" id="enable" onClick=${() => act('POST', 'enable', 'enable.done')}><${Icon} name="undo-2" />${t('enable')}</button>` : html`<button class="btn danger" id="disable" onClick=${() => sure('disable', 'disable')}><${Icon} name="ban" />${t('disable')}</button>`}</div></section>`}</div>`;
}

/** @param {{person?: any, close: () => void, done: (person: any) => void}} props */
function PersonForm({ person, close, done }) {
  const roles = seesTo();
  const [role, setRole] = useState(person?.role ?? roles.at(-1) ?? 'kitchen');
  const [working, setWorking] = useState(false);
  const bound = ROLES[role] ?? null;
  const regions = [...new Set(sites.value.map((site) => site.region).filter(Boolean))].sort();
  const shown = sites.value.filter((site) => !site.archived_at);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const field = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    const about = { display_name: field('display_name'), role, ...(bound === 'site' ? { site: field('site') } : {}), ...(bound === 'region' ? { region: field('region') } : {}) };
    setWorking(true);
    const made = person ? await change('PATCH', pathOf(person.name), about, { done: t('saved') }) : await change('POST', '/v1/users', { name: field('name'), ...about }, { done: t('people.added', { name: about.display_name }) });
    setWorking(false);
    if (!made) return;
    close();
    done(made);
  };
  return html`<form id="person-form" onSubmit=${submit}><h2 tabindex="-1">${t(person ? 'people.edit' : 'people.add')}</h2>
    ${!person && html`<label>${t('login.user')}<input class="field" name="name" required maxlength="100" autocomplete="off" autocapitalize="none" spellcheck=${false} /><small>${t('person.name.say')}</small></label>`}
    <label>${t('person.display')}<input class="field" name="display_name" required maxlength="100" defaultValue=${person?.display_name ?? ''} autocomplete="off" /></label>
    <label>${t('role')}<select class="field" name="role" value=${role} onChange=${(/** @type {any} */ event) => setRole(event.target.value)}>${roles.map((one) => html`<option key=${one} value=${one}>${t(`role.${one}`)}</option>`)}</select><small>${t(`role.${role}.say`)}</small></label>
    ${bound === 'site' && html`<label>${t('site')}<select class="field" name="site" required>${shown.map((site) => html`<option key=${site.id} value=${site.id} selected=${site.id === (person?.site ?? shown[0]?.id)}>${site.name || site.id}</option>`)}</select></label>`}
    ${bound === 'region' && html`<label>${t('region')}<input class="field" name="region" required list="regions" defaultValue=${person?.region ?? ''} autocomplete="off" /><datalist id="regions">${regions.map((region) => html`<option key=${region} value=${region} />`)}</datalist></label>`}
    ${person && html`<p class="note info"><${Icon} name="info" /><span>${t('person.role.say')}</span></p>`}
    <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary" disabled=${working} aria-busy=${working}>${t(person ? 'save' : 'people.add')}</button></div></form>`;
}

/** A new password or PIN; it is shown to nobody afterwards. @param {{person: any, kind: 'password' | 'pin', close: () => void, done: () => void}} props */
function SecretForm({ person, kind, close, done }) {
  const [working, setWorking] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const secret = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get(kind) ?? '');
    setWorking(true);
    const set = await change('PUT', `${pathOf(person.name)}/${kind}`, { [kind]: secret }, { done: t(`person.${kind}.done`, { name: person.display_name }) });
    setWorking(false);
    if (!set) return;
    close();
    done();
  };
  return html`<form id="secret-form" onSubmit=${submit}><h2 tabindex="-1">${t(`person.set-${kind}`, { name: person.display_name })}</h2>
    <label>${t(`person.${kind}`)}${kind === 'pin' ? html`<input class="field" name="pin" type="password" inputmode="numeric" required pattern="[0-9]{4,12}" maxlength="12" autocomplete="off" />` : html`<input class="field" name="password" type="password" required maxlength="200" autocomplete="new-password" />`}<small>${t(`person.${kind}.say`)}</small></label>
    <div class="row end"><button class="btn" type="button" onClick=${close}>${t('cancel')}</button><button class="btn primary" disabled=${working} aria-busy=${working}>${t('save')}</button></div></form>`;
}
