// Numbers, money and times as people read them.

/**
 * Minor units as a price: "$9.80", "¥980".
 * @param {number} minor
 * @param {string} currency ISO 4217
 * @param {string} language
 */
export function money(minor, currency, language) {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(minor / 10 ** digits);
}

/**
 * A length of time as a clock: "4:06", "1:02:03".
 * @param {number} seconds
 */
export function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/**
 * The site's time of day, 24 hours.
 * @param {Date | string | number} time
 * @param {string} zone IANA name
 * @param {boolean} [withSeconds]
 */
export function clock(time, zone, withSeconds = false) {
  return new Date(time).toLocaleTimeString('en-GB', {
    hour: '2-digit', minute: '2-digit', second: withSeconds ? '2-digit' : undefined, timeZone: zone,
  });
}

/**
 * "Monday 23 November", "11月23日(月)".
 * @param {Date} time
 * @param {string} zone
 * @param {string} language
 */
export function day(time, zone, language) {
  return language === 'ja'
    ? time.toLocaleDateString('ja-JP', { month: 'long', day: 'numeric', weekday: 'short', timeZone: zone })
    : time.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', timeZone: zone });
}

/** @param {number} number */
export function count(number) {
  return number.toLocaleString('en-GB');
}

/** The same, short enough for an axis: "9,500", "75K". @param {number} number */
export function briefCount(number) {
  return number < 10_000 ? count(number) : number.toLocaleString('en-GB', { notation: 'compact', maximumFractionDigits: 1 });
}

/**
 * A time of today by the clock, another one with its day: "12:30", "Monday 23 November, 12:30".
 * @param {string} time
 * @param {string} zone
 * @param {string} language
 */
export function moment(time, zone, language) {
  const on = day(new Date(time), zone, language);
  return on === day(new Date(), zone, language) ? clock(time, zone) : `${on}, ${clock(time, zone)}`;
}
