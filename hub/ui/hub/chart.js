// Small charts as inline SVG in the colours of the tokens. Each says in words what it shows, and has its numbers as a
// table for whoever cannot see it.
import { html, useEffect, useRef, useState } from '../shared/ui.js';
import { t } from '../shared/words.js';

/** Room for the labels of the axis, and around the lines, pixels. */
const LEFT = 46;
const RIGHT = 14;
const TOP = 10;
const AXIS = 26;
/** Room that a label below the axis needs, pixels. */
const LABEL = 78;
/** Ids of titles and descriptions, which have to be unique in the page. */
let ids = 0;

/** Where the lines of an axis stand: at most four steps of 1, 2, 2.5 or 5 times a power of ten. @param {number} most */
export function ticks(most) {
  if (!(most > 0)) return [0, 1];
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough * (1 - 1e-9)) ?? 10 * power;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, n) => n * step);
}

/** The path of a line; where a value is missing it is broken. @param {(number | null)[]} values @param {(n: number) => number} x @param {(value: number) => number} y */
export function linePath(values, x, y) {
  let path = '';
  let drawing = false;
  values.forEach((value, n) => {
    if (value === null) drawing = false;
    else {
      path += `${drawing ? 'L' : 'M'}${x(n).toFixed(1)} ${y(value).toFixed(1)}`;
      drawing = true;
    }
  });
  return path;
}

/** The areas under a line, down to `base`. @param {(number | null)[]} values @param {(n: number) => number} x @param {(value: number) => number} y @param {number} base */
function areaPath(values, x, y, base) {
  let path = '';
  let from = -1;
  for (let n = 0; n <= values.length; n += 1) {
    const there = n < values.length && values[n] !== null;
    if (there && from < 0) from = n;
    if (!there && from >= 0) {
      path += `${linePath(values.slice(from, n), (k) => x(k + from), y)}L${x(n - 1).toFixed(1)} ${base}L${x(from).toFixed(1)} ${base}Z`;
      from = -1;
    }
  }
  return path;
}

/** Points that no line would show because they stand alone, and the last one. @param {(number | null)[]} values */
function dots(values) {
  const last = values.findLastIndex((value) => value !== null);
  const alone = (/** @type {number} */ n) => (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null;
  return values.flatMap((value, n) => (value !== null && (n === last || alone(n)) ? [n] : []));
}

/** How wide an element is, pixels. @param {{current: HTMLElement | null}} box @param {number} before what to draw with until that is known */
function useWidth(box, before) {
  const [width, setWidth] = useState(before);
  useEffect(() => {
    if (!box.current) return undefined;
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.round(entry?.contentRect.width ?? before))));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** @typedef {{name: string, values: (number | null)[], color: string, dash?: boolean, fill?: boolean}} Series */

/**
 * Lines over a common axis of times. A value that is not known is a gap, never zero.
 * @param {{title: string, say: string, labels: string[], series: Series[], format: (value: number) => string, height?: number,
 *   axis?: boolean, at?: number | null, point?: (at: number | null) => void, children?: any}} props `labels` below the axis, one for
 *   each value; `at` is pointed at, `point` tells it
 */
export function Lines({ title, say, labels, series, format, height = 180, axis = true, at = null, point, children }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [id] = useState(() => { ids += 1; return `chart-${ids}`; });
  const width = useWidth(box, 1_100);
  const most = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const marks = ticks(most);
  const top = marks.at(-1) ?? 1;
  const base = height - (axis ? AXIS : TOP);
  const room = width - LEFT - RIGHT;
  const x = (/** @type {number} */ n) => LEFT + (labels.length > 1 ? (room * n) / (labels.length - 1) : room / 2);
  const y = (/** @type {number} */ value) => base - ((base - TOP) * value) / top;
  const every = Math.max(1, Math.ceil((labels.length * LABEL) / Math.max(1, room)));
  const seek = (/** @type {any} */ event) => {
    const { left } = event.currentTarget.getBoundingClientRect();
    const n = Math.round(((event.clientX - left - LEFT) / Math.max(1, room)) * (labels.length - 1));
    point?.(n >= 0 && n < labels.length ? n : null);
  };
  return html`<div class="figure" ref=${box}><svg class="chart" viewBox="0 0 ${width} ${height}" width=${width} height=${height} role="img" aria-labelledby="${id}-t ${id}-d">
    <title id="${id}-t">${title}</title><desc id="${id}-d">${say}</desc>
    ${marks.map((mark, n) => html`<g key=${n}><line class="grid ${n === 0 ? 'base' : ''}" x1=${LEFT} x2=${width - RIGHT} y1=${y(mark)} y2=${y(mark)} /><text class="ax" x=${LEFT - 8} y=${y(mark) + 4} text-anchor="end">${format(mark)}</text></g>`)}
    ${axis && labels.map((label, n) => n % every === 0 && html`<text key=${n} class="ax" x=${x(n)} y=${height - 6} text-anchor=${n === 0 ? 'start' : x(n) > width - RIGHT - LABEL / 2 ? 'end' : 'middle'}>${label}</text>`)}
    ${series.map(({ name, values, color, dash, fill }) => html`<g key=${name}>${fill && html`<path d=${areaPath(values, x, y, base)} fill=${color} opacity=".1" />`}
      <path d=${linePath(values, x, y)} fill="none" stroke=${color} stroke-width=${dash ? 1.75 : 2.5} stroke-dasharray=${dash ? '5 4' : undefined} stroke-linejoin="round" stroke-linecap="round" />
      ${!dash && dots(values).map((n) => html`<circle key=${n} cx=${x(n)} cy=${y(values[n] ?? 0)} r="3.5" fill=${color} />`)}</g>`)}
    ${at !== null && html`<g><line class="cur" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${base} />${series.map(({ name, values, color }) => { const value = values[at] ?? null; return value !== null && html`<circle key=${name} cx=${x(at)} cy=${y(value)} r="4" fill="var(--surface)" stroke=${color} stroke-width="2" />`; })}</g>`}</svg>
    ${point && html`<div class="hit" aria-hidden="true" onPointerMove=${seek} onPointerDown=${seek} onPointerLeave=${() => point(null)} />`}
    ${at !== null && children && html`<div class="tip ${x(at) > width / 2 ? 'before' : ''}" aria-hidden="true" style=${{ left: `${x(at)}px` }}>${children}</div>`}</div>`;
}

/** A line as small as a word. @param {{values: (number | null)[], color?: string, width?: number, height?: number}} props */
export function Spark({ values, color = 'var(--c1)', width = 86, height = 26 }) {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const x = (/** @type {number} */ n) => 2 + ((width - 6) * n) / Math.max(1, values.length - 1);
  const y = (/** @type {number} */ value) => height - 3 - ((height - 6) * value) / most;
  const last = values.at(-1) ?? null;
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" width=${width} height=${height} aria-hidden="true"><path d=${areaPath(values, x, y, height - 2)} fill=${color} opacity=".1" />
    <path d=${linePath(values, x, y)} fill="none" stroke=${color} stroke-width="1.75" stroke-linejoin="round" />${last !== null && html`<circle cx=${x(values.length - 1)} cy=${y(last)} r="2.6" fill=${color} />`}</svg>`;
}

/** What a chart shows, as numbers. @param {{caption: string, columns: string[], rows: (string | number)[][]}} props */
export function Numbers({ caption, columns, rows }) {
  const [shown, setShown] = useState(false);
  return html`<details class="numbers" onToggle=${(/** @type {any} */ event) => setShown(event.target.open)}><summary>${t('as-table')}</summary>
    ${shown && html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table class="tight"><caption class="sr">${caption}</caption><thead><tr>${columns.map((name, n) => html`<th key=${name} scope="col" class=${n ? 'n' : ''}>${name}</th>`)}</tr></thead>
      <tbody>${rows.map((row, k) => html`<tr key=${k}>${row.map((value, n) => (n ? html`<td key=${n} class="n">${value}</td>` : html`<th key=${n} scope="row">${value}</th>`))}</tr>`)}</tbody></table></div>`}</details>`;
}

/** Which line is which. @param {{color: string, dash?: boolean, children?: any}} props */
export function Legend({ color, dash = false, children }) {
  return html`<span class="leg"><i class=${dash ? 'dash' : ''} style=${{ color }} />${children}</span>`;
}
