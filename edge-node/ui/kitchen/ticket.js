// A ticket on its slot.
import { age, clock } from '../shared/format.js';
import { session } from '../shared/sign-in.js';
import { html, Icon } from '../shared/ui.js';
import { named, t } from '../shared/words.js';
import { bump, bumpLine } from './acts.js';
import { ageOf, isDone, isHere, isRecalled, look, selected } from './state.js';

const ICONS = { fresh: 'clock', soon: 'triangle-alert', late: 'octagon-alert', again: 'undo-2', cancelled: 'ban' };

/** @param {string} code */
export const label = (code) => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ');
/** @param {string} code */
const allergen = (code) => {
  const word = t(`allergen.${code}`);
  return word.startsWith('allergen.') ? code.toUpperCase() : word;
};

/** @param {{ticket: import('./state.js').Ticket, slot: number, more: () => void}} props */
export function Ticket({ ticket, slot, more }) {
  if (!isHere(ticket)) return html`<article class="tk empty" aria-hidden="true"></article>`;
  const kind = look(ticket);
  const zone = session.value?.site.time_zone ?? 'UTC';
  const on = selected.value === ticket.id;
  const seconds = ageOf(ticket);
  const timer = seconds < 0 ? `-${age(-seconds)}` : age(seconds);
  const key = (slot + 1) % 10;
  const word = t(kind);
  return html`<article class="tk ${kind} ${on ? 'sel' : ''}" data-ticket=${ticket.id} data-number=${ticket.number} aria-label="${ticket.number}, ${word}, ${timer}"
    onClick=${() => { selected.value = ticket.id; }}>
    <header class="tk-h"><span class="no">${ticket.number}</span><span class="t"><${Icon} name=${ICONS[kind]} />${timer}</span>
      <span class="m"><b>${word}${kind !== 'cancelled' && ticket.state === 'cooking' && kind === 'fresh' ? `, ${t('cooking').toLowerCase()}` : ''}</b>
        <span>${ticket.service ? t(ticket.service) : ''}${ticket.pickup_at ? ` ${t('at-pickup', { time: clock(ticket.pickup_at, zone) })}` : ''}</span></span></header>
    <div class="tk-b">
      ${(ticket.avoid?.length ?? 0) > 0 && html`<p class="tk-al"><${Icon} name="triangle-alert" />${t('allergy', { allergens: ticket.avoid?.map(allergen).join(', ') ?? '' })}</p>`}
      ${isRecalled(ticket) && html`<p class="tk-chg"><${Icon} name="replace" />${t('recalled-at', { time: clock(ticket.cooking_at ?? '', zone) })}</p>`}
      ${ticket.needs_confirmation && html`<p class="tk-chg bad"><${Icon} name="ban" />${ticket.reason ?? t('cancelled')}</p>`}
      <ul>${ticket.lines.map((line, at) => html`<${Line} key=${at} ticket=${ticket} line=${line} n=${at + 1} />`)}</ul>
      ${(ticket.others?.length ?? 0) > 0 && html`<p class="elsewhere">${t('also', { stations: ticket.others?.map(label).join(', ') ?? '' })}</p>`}</div>
    <footer class="tk-f"><button class="go" onClick=${() => bump(ticket)}><${Icon} name="check" />${t(ticket.needs_confirmation ? 'got-it' : 'bump')}<span class="key">${key}</span></button>
      <button class="x" aria-label=${t('more', { n: ticket.number })} onClick=${more}><${Icon} name="ellipsis" /></button></footer></article>`;
}

/** @param {{ticket: import('./state.js').Ticket, line: import('./state.js').TicketLine, n: number}} props */
function Line({ ticket, line, n }) {
  const done = isDone(ticket, n);
  const name = named(line.name);
  return html`<li class=${done || ticket.needs_confirmation ? 'd' : ''}><button class="l" disabled=${done || ticket.needs_confirmation} onClick=${() => bumpLine(ticket, n)}>
    <b>${line.quantity}</b>${' '}<span>${name}</span>${done && html`<${Icon} name="check" />`}</button>
    ${!done && (line.modifiers ?? []).map((option) => {
      const leaves = option.id.startsWith('no-');
      const text = named(option.name);
      return html`<p key=${option.id} class="o ${leaves ? 'no' : 'add'}">${leaves ? text.replace(/^no\s+/i, '') : text}</p>`;
    })}
    ${!done && line.note && html`<p class="o">${t('note', { text: line.note })}</p>`}</li>`;
}
