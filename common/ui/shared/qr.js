// A QR code as one path.
import qrcode from '../vendor/qrcode.js';
import { html } from './ui.js';

/** @param {{text: string, label: string}} props */
export function Qr({ text, label }) {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  let path = '';
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      if (code.isDark(row, column)) path += `M${column} ${row}h1v1h-1z`;
    }
  }
  return html`<svg class="qr" viewBox="-2 -2 ${size + 4} ${size + 4}" role="img" aria-label=${label} shape-rendering="crispEdges">
    <path d=${path} /></svg>`;
}
