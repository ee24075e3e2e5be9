// Devices that a site has let in. The site does it when it hears of it, so what becomes of a wish is told.
import { html, Icon } from '../shared/ui.js';
import { t } from '../shared/words.js';
import { ask, Pill, Skeleton, when } from './parts.js';
import { change, now, useData } from './state.js';

const EVERY_MS = 3_000;
/** A code on a screen is good for minutes, so is the wish to let it in. */
const PAIR_SECONDS = 900;
/** Wishes are told of for as long, milliseconds. */
const TOLD_MS = 3_600_000;
/** What a screen that shows a code can become: word, role. @type {[string, string][]} */
const KINDS = [['role.kiosk', 'kiosk'], ['role.kitchen', 'kitchen'], ['role.board', 'board']];
/** @type {Record<string, [string, string]>} */
const STATES = { pending: ['info', 'clock'], delivered: ['info', 'clock'], applied: ['ok', 'circle-check'], refused: ['bad', 'octagon-alert'], expired: ['bad', 'octagon-alert'] };

/** What was asked for lately. @param {{wishes: any[], named: (id: string) => string}} props */
function Wishes({ wishes, named }) {
  const lately = wishes.filter((wish) => wish.kind.startsWith('device.') && now.value - Date.parse(wish.created_at) < TOLD_MS).slice(0, 3);
  if (lately.length === 0) return null;
  return html`<ul class="hist" aria-live="polite">${lately.map((wish) => {
    const [kind, icon] = STATES[wish.state] ?? ['info', 'clock'];
    return html`<li key=${wish.id} data-wish=${wish.state}><${Pill} kind=${kind} icon=${icon}>${t(`wish.${wish.state}`)}<//><b>${t(`wish.${wish.kind}`, { name: wish.args.name ?? named(wish.args.device) })} <small>${wish.detail ?? ''}</small></b></li>`;
  })}</ul>`;
}

/** @param {{site: any}} props */
export function Devices({ site }) {
  const path = `/v1/sites/${encodeURIComponent(site.id)}`;
  const found = useData(`${path}/devices`, { every: EVERY_MS });
  const wishes = useData(`${path}/commands?limit=20`, { every: EVERY_MS });
  const rows = found.data?.items ?? [];
  const give = async (/** @type {string} */ kind, /** @type {any} */ args, /** @type {number | undefined} */ seconds) => {
    const given = await change('POST', `${path}/commands`, { kind, args, ...(seconds && { expires_in_seconds: seconds }) });
    wishes.reload();
    return given;
  };
  const revoke = (/** @type {any} */ device) => ask({ title: t('device.revoke.title', { name: device.name }), say: t('device.revoke.say'), go: t('device.revoke'), danger: true, then: () => give('device.revoke', { device: device.id }, undefined) });
  const pair = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const field = (/** @type {string} */ name) => String(new FormData(form).get(name) ?? '').trim();
    const code = field('code').replace(/\D/g, '');
    if (await give('device.pair', { code, name: field('name'), role: field('role') }, PAIR_SECONDS)) form.reset();
  };
  return html`<section class="card" id="devices"><header><h2>${t('devices')}</h2><span class="sub">${t('devices.sub')}</span></header>
    ${!found.data ? html`<${Skeleton} rows=${2} />` : rows.length === 0 ? html`<p class="mid enrol">${t('devices.none')}</p>` : html`<ul class="hist">${rows.map((/** @type {any} */ device) => html`<li key=${device.id} data-device=${device.name}><b>${device.name} <small>${t(`role.${device.role}`)}, ${device.paired_at ? when(device.paired_at, site.time_zone) : '–'}, ${device.paired_by}</small></b>
      <button class="btn sm danger" aria-label=${t('device.revoke.title', { name: device.name })} onClick=${() => revoke(device)}>${t('device.revoke')}</button></li>`)}</ul>`}
    <${Wishes} wishes=${wishes.data?.items ?? []} named=${(/** @type {string} */ id) => rows.find((/** @type {any} */ device) => device.id === id)?.name ?? id.slice(0, 8)} />
    <form class="enrol" id="pair" onSubmit=${pair}><p class="mid">${t('pair.say')}</p>
      <label>${t('pair.code')}<input class="field" name="code" required inputmode="numeric" pattern="[0-9 ]{8,12}" maxlength="12" autocomplete="off" placeholder="1234 5678" /></label>
      <label>${t('pair.kind')}<select class="field" name="role">${KINDS.map(([word, role]) => html`<option key=${role} value=${role}>${t(word)}</option>`)}</select></label>
      <label>${t('pair.name')}<input class="field" name="name" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" placeholder="kiosk-2" autocomplete="off" /></label>
      <button class="btn"><${Icon} name="tablet" />${t('pair.go')}</button></form></section>`;
}
