// Which days and sites figures are asked for: kept in the address, by the sites' own calendars.
import { language } from '../shared/words.js';
import { now, place, scope, sites } from './state.js';

const DAY_MS = 86_400_000;
/** Ranges that are named, days. @type {Record<string, number>} */
export const RANGES = { today: 1, 7: 7, 28: 28 };
/** By the hour there are too many points beyond, days. */
export const HOURS_DAYS = 14;

/** A date some days on. @param {string} date @param {number} days */
export const plus = (date, days) => new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
/** @param {string} from @param {string} to */
export const daysBetween = (from, to) => Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS);
/** The Monday of a date's week. @param {string} date */
const monday = (date) => plus(date, -((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7));

/** A moment as a site's clock shows it: "2026-11-27T12:30". @param {string | number} time @param {string} zone */
const shown = (time, zone) => new Date(time).toLocaleString('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' }).replace(' ', 'T');

/** The sites that are looked at. */
const looked = () => sites.value.filter((site) => (scope() ? site.id === scope() : true));

/** The last date that any of the sites has today. */
export function today() {
  const days = looked().map((site) => shown(now.value, site.time_zone).slice(0, 10)).sort();
  return days.at(-1) ?? new Date(now.value).toISOString().slice(0, 10);
}

/** Up to when something can be known, by the clock of the site that was heard last: what is later is not zero but unknown. */
export function knownUntil() {
  const times = looked().filter((site) => site.last_seen).map((site) => shown(site.state === 'online' ? now.value : site.last_seen, site.time_zone)).sort();
  return times.at(-1) ?? '';
}

/**
 * The range of the address. `to` is the first date that is not meant; `before` is as long and ends where it begins.
 * @returns {{name: string, from: string, to: string, days: number, query: string, before: string, by: string}}
 */
export function span() {
  const { query } = place.value;
  const end = plus(today(), 1);
  const is = (/** @type {string | undefined} */ text) => (text && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : null);
  const [first, last] = [is(query.from), is(query.to)];
  const any = query.range === 'any' && first && last && first <= last;
  const name = query.range === 'any' ? 'any' : query.range && query.range in RANGES ? query.range : '28';
  const [from, to] = any ? [first, plus(last, 1)] : [plus(end, -(RANGES[name] ?? 28)), end];
  const days = daysBetween(from, to);
  const usual = days <= 2 ? 'hour' : days > 120 ? 'week' : 'day';
  const wanted = ['hour', 'day', 'week'].includes(query.by ?? '') ? String(query.by) : usual;
  const by = wanted === 'hour' && days > HOURS_DAYS ? usual : wanted;
  const site = scope() ? `&site=${encodeURIComponent(scope())}` : '';
  return { name, from, to, days, by, query: `from=${from}&to=${to}${site}`, before: `from=${plus(from, -days)}&to=${from}${site}` };
}

/** Begins of all hours, days or weeks of a range, as answers name them. @param {string} by @param {string} from @param {string} to */
export function buckets(by, from, to) {
  const list = [];
  if (by === 'week') for (let at = monday(from); at < to; at = plus(at, 7)) list.push(at);
  else {
    for (let at = from; at < to; at = plus(at, 1)) {
      if (by === 'day') list.push(at);
      else for (let hour = 0; hour < 24; hour += 1) list.push(`${at}T${String(hour).padStart(2, '0')}:00`);
    }
  }
  return list;
}

/** A date, or the time of an hour, as people say it. @param {string} local @param {boolean} [long] */
export function say(local, long = false) {
  const date = new Date(`${local.slice(0, 10)}T00:00:00Z`);
  const tongue = language.value === 'ja' ? 'ja-JP' : 'en-GB';
  const day = date.toLocaleDateString(tongue, long ? { weekday: 'long', day: 'numeric', month: 'long', timeZone: 'UTC' } : { day: 'numeric', month: 'short', timeZone: 'UTC' });
  return local.length > 10 ? (long ? `${day} ${local.slice(11)}` : local.slice(11)) : day;
}
