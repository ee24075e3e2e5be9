// Parts of several of the kiosk's views.
import { plate, Picture } from '../shared/pictures.js';
import { session } from '../shared/sign-in.js';
import { html, Icon, Logo } from '../shared/ui.js';
import { language, t } from '../shared/words.js';
import { byGuest, onPhone } from './phone.js';
import { callStaff, called } from './staff.js';
import { moment } from '../shared/format.js';
import { add, closed, dietName, isLater, isLow, LANGUAGES, lines, menu, price, setLanguage, settings, sheet, startOver } from './state.js';

/** What the edge says where nobody closed the site. */
const OUTSIDE_HOURS = 'outside its opening hours';
const KILOJOULES_PER_KCAL = 4.184;

export function Top() {
  const part = menu.value?.dayparts.find(({ id }) => id === menu.value?.daypart);
  return html`<header class="k-top"><${Logo} /><div class="k-where"><b>${session.value?.site.name}</b>
    ${part && html`<span>${t('until', { daypart: part.name, time: part.to.slice(0, 5) })}</span>`}</div><${Language} /></header>`;
}

export function Language() {
  return html`<div class="k-lang" role="group" aria-label=${t('language')}>
    ${Object.entries(LANGUAGES).map(([tag, name]) => {
      const on = settings.value.language === tag;
      return html`<button key=${tag} class=${on ? 'on' : ''} lang=${tag} aria-pressed=${on} onClick=${() => setLanguage(tag)}>${name}</button>`;
    })}</div>`;
}

/** The bottom row, always there and always reachable. */
export function Settings() {
  /** @param {'lower' | 'big' | 'contrast' | 'aloud'} name */
  const toggle = (name) => () => { settings.value = { ...settings.value, [name]: !settings.value[name] }; };
  /** @type {['lower' | 'big' | 'contrast' | 'aloud', string, string][]} */
  const switches = [['big', 'type', 'bigger'], ['contrast', 'contrast', 'contrast']];
  if (!onPhone.value) switches.unshift(['lower', 'accessibility', 'lower']);
  if ('speechSynthesis' in window) switches.push(['aloud', 'volume-2', 'aloud']);
  return html`<nav class="k-a11y" data-always aria-label=${t('help')}>
    <button onClick=${startOver}><${Icon} name="rotate-ccw" />${t('start-over')}</button>
    ${switches.map(([name, icon, word]) => html`<button key=${name} class=${settings.value[name] ? 'on' : ''} aria-pressed=${settings.value[name]}
      onClick=${toggle(name)}><${Icon} name=${icon} />${t(word)}</button>`)}
    ${!byGuest.value && html`<button id="call" class=${called.value ? 'on' : ''} aria-pressed=${called.value} onClick=${callStaff}><${Icon} name="bell" />${t(called.value ? 'called' : 'call')}</button>`}</nav>
    <p class="sr" role="status">${called.value ? t('called.lead') : ''}</p>`;
}

/** @param {{item: import('./state.js').Item, children?: any}} props */
export function Plate({ item, children }) {
  return html`<div class="plate ${plate(item.image)}"><${Picture} image=${item.image} name=${item.name} />${children}</div>`;
}

/** @param {{item: import('./state.js').Item}} props */
export function Thumb({ item }) {
  return html`<span class="thumb ${plate(item.image)}"><${Picture} image=${item.image} name=${item.name} /></span>`;
}

/** @param {{item: import('./state.js').Item}} props */
export function StockBadge({ item }) {
  if (!item.available) return html`<span class="k-badge out"><${Icon} name=${isLater(item) ? 'clock' : 'ban'} />${t(isLater(item) ? 'not-now' : 'sold-out')}</span>`;
  if (isLow(item)) return html`<span class="k-badge low"><${Icon} name="hourglass" />${t('left', { n: item.stock ?? 0 })}</span>`;
  return null;
}

/** The site takes no orders: why, and until when. */
export function Closed() {
  const standing = closed.value;
  if (!standing) return null;
  const zone = session.value?.site.time_zone ?? 'UTC';
  const time = standing.opens_at && moment(standing.opens_at, zone, language.value);
  // What the edge says of its opening hours is said by the time itself.
  const told = standing.reason && standing.reason !== OUTSIDE_HOURS ? standing.reason : '';
  return html`<div class="k-closed" role="status"><${Icon} name="moon" /><p><b>${t(time ? 'closed.until' : 'closed', { time: time ?? '' })}</b>${told && html`<span>${told}</span>`}</p></div>`;
}

/** Energy as guests know it. @param {number} kilojoules */
export const energy = (kilojoules) => t('energy', { n: Math.round(kilojoules / KILOJOULES_PER_KCAL) });

/** An item on the menu: touching it opens its sheet, + adds at once if nothing has to be chosen. */
/** @param {{item: import('./state.js').Item}} props */
export function Card({ item }) {
  const inOrder = lines.value.filter((line) => line.item === item.id).reduce((sum, line) => sum + line.quantity, 0);
  const mustChoose = item.modifiers.some((group) => group.min > 0);
  const open = () => { sheet.value = { item: item.id }; };
  const plus = () => { if (mustChoose) open(); else add(item.id); };
  const label = inOrder ? t('in-order', { n: inOrder, item: item.name }) : t(mustChoose ? 'open' : 'add', { item: item.name });
  return html`<article class="k-card ${item.available ? '' : 'out'}" data-item=${item.id}>
    <button class="whole" disabled=${!item.available} onClick=${open}>
      <${Plate} item=${item}><${StockBadge} item=${item} /><//>
      <h3>${item.name}</h3>
      ${(item.diet.length > 0 || item.energy_kj !== null) && html`<p class="meta">${item.diet[0] && html`<${Icon} name="leaf" />${dietName(item.diet[0])}`}
        ${item.diet[0] && item.energy_kj !== null && ' · '}${item.energy_kj !== null && energy(item.energy_kj)}</p>`}</button>
    <div class="buy"><span class="price">${price(item.price)}</span>
      ${item.available && html`<button class="k-add ${inOrder ? 'in' : ''}" aria-label=${label} onClick=${plus}>
        ${inOrder || html`<${Icon} name="plus" />`}</button>`}</div></article>`;
}

/** @param {{quantity: number, set: (quantity: number) => void, least?: number, most?: number, small?: boolean, name: string}} props */
export function Stepper({ quantity, set, least = 1, most = 99, small = false, name }) {
  const removes = least === 0 && quantity === 1;
  return html`<div class="k-step ${small ? 'sm' : ''}">
    <button aria-label="${t(removes ? 'remove' : 'fewer')}: ${name}" disabled=${quantity <= least} onClick=${() => set(quantity - 1)}><${Icon} name=${removes ? 'trash-2' : 'minus'} /></button>
    <b aria-live="polite">${quantity}</b>
    <button aria-label="${t('more')}: ${name}" disabled=${quantity >= most} onClick=${() => set(quantity + 1)}><${Icon} name="plus" /></button></div>`;
}
